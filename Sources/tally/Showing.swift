import ArgumentParser
import TallyWorkstation

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the gateway, the spool, and what was counted and skipped.")

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        try perform { workstation throws(WorkstationError) in try workstation.status(isJSON: json) }
    }
}
