import ArgumentParser
import TallyGateway

struct Usage: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Report a tenant's tokens and money.",
        discussion: """
            Shows everything that was acknowledged before it was started. Dimensions: day, hour, model, agent, \
            workstation, project, session, origin. Instants are 2026-11-23, 2026-11-23T14:30:00Z or milliseconds \
            since 1970.
            """)
    @Option(name: .long, help: "The tenant's name.") var tenant: String
    @Option(name: .long, help: ArgumentHelp("What to group by, separated by commas.", valueName: "dimensions"))
    var by = "day"
    @Option(name: .long, help: ArgumentHelp("From this instant on.", valueName: "instant")) var since: String?
    @Option(name: .long, help: ArgumentHelp("Before this instant.", valueName: "instant")) var until: String?
    @Option(
        name: .long, help: ArgumentHelp("Cut days and hours in this zone, such as Europe/Berlin.", valueName: "zone"))
    var timezone: String?
    @Option(name: .long, help: "Only this model, as its label was sent.") var model: String?
    @Option(name: .long, help: "Only this workstation.") var workstation: String?
    @Flag(name: .long, help: "Print JSON.") var json = false
    @Flag(name: .long, help: "Print CSV.") var csv = false
    @OptionGroup var data: DataOptions

    func validate() throws {
        if json && csv { throw ValidationError("--json and --csv exclude each other; give one.") }
    }

    func run() throws {
        let arguments = UsageArguments(
            tenant: tenant, by: by.split(separator: ",").map(String.init), since: since, until: until,
            timezone: timezone, model: model, workstation: workstation)
        try perform(.usage(arguments), format: json ? .json : csv ? .csv : .text, data: data)
    }
}

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Recompute chain, contiguity, totals and views from the ledger and compare.",
        discussion: "Exits with 1 where anything differs. Changes nothing.")
    @Option(name: .long, help: "One tenant only.") var tenant: String?
    @OptionGroup var data: DataOptions
    @OptionGroup var format: FormatOptions

    func run() throws { try perform(.verify(tenant: tenant), format: format.format, data: data) }
}

struct Rebuild: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the views anew from the ledger.",
        discussion: """
            Views are derived: what reports show does not change, unless a view was damaged. Works while the gateway \
            serves; reports meanwhile read the ledger itself.
            """)
    @Option(name: .long, help: "One tenant only.") var tenant: String?
    @OptionGroup var data: DataOptions
    @OptionGroup var format: FormatOptions

    func run() throws { try perform(.rebuild(tenant: tenant), format: format.format, data: data) }
}

struct Audit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show who did what, and every event that was given up.",
        discussion: """
            With --tenant: what was done to the tenant, and each discard in its ledger (gaps, purges). Without: what was \
            done to the whole data folder, deleted tenants by their numbers. Newest first.
            """)
    @Option(name: .long, help: "One tenant.") var tenant: String?
    @Option(name: .long, help: "At most so many lines.") var limit = 100
    @OptionGroup var data: DataOptions
    @OptionGroup var format: FormatOptions

    func run() throws { try perform(.audit(tenant: tenant, limit: limit), format: format.format, data: data) }
}

struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check this machine and the data folder, and say what to mend.")
    @OptionGroup var data: DataOptions
    @OptionGroup var format: FormatOptions

    func run() throws {
        try Terminal.show(DoctorReport.make(folder: try data.folder()).reply(format: format.format))
    }
}
