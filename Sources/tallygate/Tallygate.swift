import ArgumentParser
import TallyGateway
import TallyModel

/// The gateway's command line: flags in, exit codes out. What the commands do stands in `TallyGateway`.
@main
struct Tallygate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tallygate",
        abstract: "Takes in what AI agents spent, in numbers only, and reports it by tenant.",
        discussion: """
            A first gateway on this machine:

              tallygate tenant create acme --data ./gateway
              tallygate serve --data ./gateway --listen 127.0.0.1:7443
              tallygate enroll --data ./gateway --tenant acme --workstation laptop

            The last prints one line to run on the workstation. `tallygate usage --tenant acme` then reports.
            Every command takes --data DIR (or the environment's TALLYGATE_DATA) and works whether or not a \
            gateway is running on that folder.
            """,
        version: ProgramVersion.text,
        subcommands: [
            Serve.self, Tenant.self, Enroll.self, Workstation.self, Usage.self, Sessions.self, Verify.self,
            Prices.self, Reprice.self, Rebuild.self, Audit.self, Doctor.self,
        ])
}

/// Where the data lies; shared by all commands.
struct DataOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The data folder. Created if missing. TALLYGATE_DATA in the environment serves where the flag is absent.",
            valueName: "dir"))
    var data: String?

    func folder() throws -> String { try DataFolderChoice.resolve(flag: data) }
}

struct FormatOptions: ParsableArguments {
    @Flag(name: .long, help: "Print JSON.")
    var json = false

    var format: OutputFormat { json ? .json : .text }
}

extension ParsableCommand {
    /// Has a running gateway answer, or answers under the folder's lock; prints; exits with the answer's code.
    func perform(_ request: AdminRequest, format: OutputFormat, data: DataOptions) throws {
        let reply = AdminClient(folder: try data.folder()).call(AdminCall(request, format: format))
        try Terminal.show(reply)
    }
}
