import ArgumentParser
import TallyIO
import TallyReport

struct Report: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what this machine's transcripts tell of tokens and money.",
        discussion: """
            Reads transcripts and nothing else, sends nothing and keeps nothing: no gateway is needed. Dimensions: day, \
            hour, model, agent, project, session, origin. Cost is what the shipped price book says; reported is what the \
            agents themselves said.
            """)

    @Option(help: ArgumentHelp("What to group by, separated by commas.", valueName: "dimensions"))
    var by = "day"

    @Option(help: ArgumentHelp("The first day, such as 2026-11-23.", valueName: "day"))
    var from: String?

    @Option(help: ArgumentHelp("The last day, which counts too.", valueName: "day"))
    var to: String?

    @Option(
        help: ArgumentHelp(
            "Cut days and hours in this zone, such as Europe/Berlin or UTC; without it in this machine's.",
            valueName: "zone"))
    var tz: String?

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let code: Int32
        do throws(ReportError) {
            let report = try ReportCommand(by: by, from: from, to: to, zone: tz, isJSON: json)
            code = try report.run(.current())
        } catch {
            Terminal.writeError("tally: \(error)\n")
            code = 1
        }
        throw ExitCode(code)
    }
}
