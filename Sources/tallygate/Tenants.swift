import ArgumentParser
import TallyGateway

struct Tenant: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Create, list, show and delete tenants.",
        subcommands: [Create.self, List.self, Show.self, Delete.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Create a tenant.")
        @Argument(help: "Its name: a-z, 0-9, _ and -, at most 63.") var name: String
        @Option(name: .long, help: "free (30 days), pro (365 days) or custom.") var plan = "pro"
        @Option(name: .long, help: "How long events are kept; with --plan custom only.") var retentionDays: Int?
        @OptionGroup var data: DataOptions
        @OptionGroup var format: FormatOptions

        func run() throws {
            try perform(
                .tenantCreate(name: name, plan: plan, retentionDays: retentionDays), format: format.format, data: data)
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the tenants.")
        @OptionGroup var data: DataOptions
        @OptionGroup var format: FormatOptions

        func run() throws { try perform(.tenantList, format: format.format, data: data) }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show one tenant.")
        @Argument(help: "Its name.") var name: String
        @OptionGroup var data: DataOptions
        @OptionGroup var format: FormatOptions

        func run() throws { try perform(.tenantShow(name: name), format: format.format, data: data) }
    }
}

extension Tenant {
    struct Delete: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a tenant with everything it ever sent. There is no way back.",
            discussion: """
                Its workstations are cut off at once, their tokens stop working, its ledger, views and names are removed \
                from the data folder. Backups made before keep their copies. A deletion that is cut off is finished at \
                the gateway's next start.
                """)
        @Argument(help: "Its name.") var name: String
        @Flag(name: .long, help: "Do it. Without this nothing is deleted.") var yes = false
        @OptionGroup var data: DataOptions
        @OptionGroup var format: FormatOptions

        func validate() throws {
            guard yes else {
                throw ValidationError(
                    "this deletes tenant '\(name)' for good; look at it with 'tallygate tenant show \(name)', then add --yes"
                )
            }
        }

        func run() throws { try perform(.tenantDelete(name: name), format: format.format, data: data) }
    }
}

struct Enroll: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Enrol a workstation and print the one line to run there.",
        discussion: "The token in that line is shown this once; the gateway keeps its hash only.")
    @Option(name: .long, help: "The tenant's name.") var tenant: String
    @Option(name: .long, help: "What to call the workstation.") var workstation: String
    @OptionGroup var data: DataOptions
    @OptionGroup var format: FormatOptions

    func run() throws {
        try perform(.enroll(tenant: tenant, workstation: workstation), format: format.format, data: data)
    }
}

struct Workstation: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List and revoke workstations.", subcommands: [List.self, Revoke.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List a tenant's workstations.")
        @Option(name: .long, help: "The tenant's name.") var tenant: String
        @OptionGroup var data: DataOptions
        @OptionGroup var format: FormatOptions

        func run() throws { try perform(.workstationList(tenant: tenant), format: format.format, data: data) }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke a workstation's token. It is cut off within a second; what it sent stays.")
        @Option(name: .long, help: "The tenant's name.") var tenant: String
        @Option(name: .long, help: "The workstation.") var workstation: String
        @OptionGroup var data: DataOptions
        @OptionGroup var format: FormatOptions

        func run() throws {
            try perform(
                .workstationRevoke(tenant: tenant, workstation: workstation), format: format.format, data: data)
        }
    }
}
