import ArgumentParser
import Foundation
import TallyGenerator
import TallyModel

/// `tallygen`: seeded transcripts with their true totals.
@main
struct Tallygen: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tallygen",
        abstract: "Write seeded transcripts of Claude Code, Codex and Gemini CLI, and their true totals.",
        discussion: """
            DIR/claude, DIR/codex and DIR/gemini hold the transcripts, DIR/truth.json what a right count of them gives, \
            in the figures of `tallygate usage --json` by model ("rows") and by UTC day ("days"). The same seed, calls, days \
            and end give the same bytes. The text in the transcripts is filler.
            """,
        version: ProgramVersion.text)

    @Option(help: "Another seed gives other transcripts and other totals.")
    var seed: UInt64

    @Option(
        help: ArgumentHelp(
            "Where to write. An earlier output there is replaced; anything else is left alone.", valueName: "dir"))
    var out: String

    @Option(help: "Over how many days the sessions lie.")
    var days = 30

    @Option(help: "How many calls of all agents together.")
    var calls = 6_000

    @Option(help: "Before which instant all of it lies: RFC 3339, or now, which is the last midnight (UTC).")
    var end = "now"

    func validate() throws {
        guard (1...3_650).contains(days) else { throw ValidationError("--days is 1 to 3650") }
        guard (1...2_000_000).contains(calls) else { throw ValidationError("--calls is 1 to 2000000") }
        guard let endMs = endMs(), endMs > Int64(days + 2) * UTCText.dayMs else {
            throw ValidationError("--end is an instant such as 2026-11-20T12:00:00Z, or now")
        }
    }

    func run() throws {
        guard let endMs = endMs() else { throw ValidationError("--end is no instant") }
        var options = GeneratorOptions(endMs: endMs)
        options.calls = calls
        options.days = days
        let folder = HomeFolder(path: out)
        try folder.clear()
        let home = Generator(seed: seed, options: options).home()
        try folder.write(home)
        let totals = home.truth.totals
        print(
            "\(out): \(totals.events) calls in \(home.files.count) files, \(home.bytes) bytes, "
                + "\(totals.cost.nanoUSDRounded) nano-USD (seed \(seed))")
    }

    private func endMs() -> Int64? {
        if end == "now" {
            let nowMs = Int64(Date().timeIntervalSince1970 * 1_000)
            return UTCText.dayNumber(nowMs) * UTCText.dayMs
        }
        let reader = ISO8601DateFormatter()
        return reader.date(from: end).map { Int64($0.timeIntervalSince1970) * 1_000 }
    }
}
