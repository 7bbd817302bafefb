import ArgumentParser
import TallyWorkstation

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the gateway, the spool, and what was counted and skipped.")

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        perform { workstation throws(WorkstationError) in try workstation.status(isJSON: json) }
    }
}

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show every field of the newest events, and the bytes that carry them.",
        discussion: "This is all that leaves the machine: what is not shown here is not sent.")

    @Option(help: ArgumentHelp("How many events.", valueName: "n"))
    var last = 20

    @Flag(help: "Print JSON, one object for each batch.")
    var json = false

    func validate() throws {
        guard last > 0 else { throw ValidationError("--last is at least 1.") }
    }

    func run() throws {
        perform { workstation throws(WorkstationError) in try workstation.inspect(last: last, isJSON: json) }
    }
}
