import ArgumentParser
import TallyWorkstation

struct Ignore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Count nothing of what happens in a folder and below it.",
        discussion: """
            What agents do there from now on is neither counted nor sent, and no transcript that lies there is opened. What \
            was counted before stays counted. A running tally and the next sync obey; the list stays in TALLY_HOME.

            Claude Code names the folder with every line and Codex with every turn, so a session that moves is left out \
            where it is inside and counted where it is not. Gemini CLI names a folder by a hash: name the very folder that \
            it is started in, since one below it cannot be recognised. Telemetry (run --otlp) names no folder that is read: \
            a call is passed over if its session's transcript was seen at work in an ignored folder, and counted otherwise. \
            What tally send gets is counted.

            After --remove, what was passed over stays uncounted; transcripts that lie below the folder are read then.
            """)

    @Argument(help: ArgumentHelp("The folder; it need not exist any more.", valueName: "path"))
    var path: String?

    @Flag(help: "List the ignored folders.")
    var list = false

    @Option(help: ArgumentHelp("Count what happens in this folder again.", valueName: "path"))
    var remove: String?

    func validate() throws {
        guard [path != nil, list, remove != nil].count(where: { $0 }) == 1 else {
            throw ValidationError("Give one of: a folder, --list, --remove with a folder.")
        }
    }

    func run() throws {
        perform { workstation throws(WorkstationError) in
            if let path { return try workstation.ignore(path) }
            if let remove { return try workstation.heed(remove) }
            return try workstation.listIgnored()
        }
    }
}
