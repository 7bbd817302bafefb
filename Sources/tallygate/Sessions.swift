import ArgumentParser
import TallyGateway

struct Sessions: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what agents' sessions are doing, and which are stuck.",
        discussion: """
            As the workstations that run 'tally run' told it: working, waiting_user, waiting_permission, idle, \
            rate_limited, crashed, ended. Without --state all but the ended are shown. Stuck is who waits for a \
            permission or a limit, or works and tells of nothing, for longer than 30 minutes or the limit given.
            """)
    @Option(name: .long, help: "The tenant's name.") var tenant: String
    @Option(name: .long, help: ArgumentHelp("Only these states, separated by commas.", valueName: "states"))
    var state: String?
    @Option(name: .long, help: ArgumentHelp("Only sessions that are stuck for so long.", valueName: "minutes"))
    var stuck: Int?
    @Option(name: .long, help: "Only sessions that were heard of in the last so many days.") var days = 1
    @Option(name: .long, help: "At most so many, those heard last.") var limit = 100
    @OptionGroup var data: DataOptions
    @OptionGroup var format: FormatOptions

    func run() throws {
        let arguments = SessionsArguments(
            tenant: tenant, states: (state ?? "").split(separator: ",").map(String.init), stuckMinutes: stuck,
            days: days, limit: limit)
        try perform(.sessions(arguments), format: format.format, data: data)
    }
}
