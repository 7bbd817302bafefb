import ArgumentParser
import TallyWorkstation

struct DeadLetters: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deadletters",
        abstract: "Show and send again what the gateway refused for ever.",
        discussion: """
            Each letter says when, why, which events and how much: numbers, for there is no content. After the gateway \
            was updated, `resend` spools the events once more, at the end.
            """,
        subcommands: [ListLetters.self, ResendLetters.self])
}

struct ListLetters: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Show the dead letters.")

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        perform { workstation throws(WorkstationError) in try workstation.listDeadLetters(isJSON: json) }
    }
}

struct ResendLetters: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resend", abstract: "Spool the events of dead letters again, each letter once.")

    @Flag(help: "All of them.")
    var all = false

    @Argument(help: ArgumentHelp("Letters, as list names them.", valueName: "id"))
    var ids: [String] = []

    func validate() throws {
        guard all != !ids.isEmpty, choice != nil else {
            throw ValidationError("Give --all, or the ids that tally deadletters list shows.")
        }
    }

    private var choice: LetterChoice? { LetterChoice(all ? "all" : ids.joined(separator: " ")) }

    func run() throws {
        perform { workstation throws(WorkstationError) in
            try workstation.resendDeadLetters(choice ?? .these([]))
        }
    }
}
