import ArgumentParser
import TallyWorkstation

struct Pause: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read and send nothing until resume, or for a while.",
        discussion: """
            Holds over restarts, and a running tally obeys at once. What happens meanwhile is counted afterwards, as far as \
            its transcripts are still there.
            """)

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("End by itself after so long: 90s, 30m, 1h30m, 2d.", valueName: "duration"))
    var span: String?

    func validate() throws {
        guard span.map({ PauseSpan.milliseconds($0) != nil }) ?? true else {
            throw ValidationError("--for is a duration such as 90s, 30m, 1h30m or 2d, at most a year.")
        }
    }

    func run() throws {
        perform { workstation throws(WorkstationError) in
            try workstation.pause(spanMs: span.flatMap { PauseSpan.milliseconds($0) })
        }
    }
}

struct Resume: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "End a pause: what happened meanwhile is counted now.")

    func run() throws {
        perform { workstation throws(WorkstationError) in try workstation.resume() }
    }
}
