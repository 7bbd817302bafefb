import Foundation
import TallyModel
import Testing

@testable import TallyWorkstation

/// The pitfalls of Codex rollouts.
@Suite("Codex rows are counted once")
struct CountingCodexTests {
    private static let history =
        codexRow([100, 40, 9, 3], [100, 40, 9, 3]) + codexRow([50, 0, 5, 0], [150, 40, 14, 3])

    private func bench(_ files: [String: String], oldestFirst: [String]? = nil) throws -> (Bench, Scratch) {
        let scratch = try Scratch()
        for (name, text) in files { try scratch.write(name, text) }
        for (age, name) in (oldestFirst ?? []).enumerated() {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: 1_700_000_000 + Double(age))],
                ofItemAtPath: scratch.file(name))
        }
        return (Bench(codex: scratch.path), scratch)
    }

    /// langfuse #12306, pydantic-ai #4364: input includes the cached part.
    @Test("Cached input is taken out of the input, and reasoning stays in the output")
    func inclusive() throws {
        var (bench, scratch) = try bench(["sessions/a.jsonl": codexMeta("a") + Self.history])
        bench.sync()
        #expect(bench.sums.tokens == [110, 40, 0, 0, 0, 14, 3])
        #expect(bench.events.allSatisfy { $0.agent == .codex && $0.model?.text == "gpt-5.2" && $0.origin == .main })
        _ = scratch
    }

    /// ccusage #1288 (+67 %).
    @Test("Unchanged totals and rows of zeros count nothing")
    func reEmitted() throws {
        var (bench, scratch) = try bench([
            "sessions/a.jsonl": codexMeta("a") + Self.history + codexRow([50, 0, 5, 0], [150, 40, 14, 3])
                + codexRow([0, 0, 0, 0], [0, 0, 0, 0])
                + codexRow([0, 0, 0, 0], [150, 40, 14, 3])
        ])
        bench.sync()
        #expect(bench.sums.tokens == [110, 40, 0, 0, 0, 14, 3])
        let tally = bench.counter.tally(of: .codex)
        #expect(tally[.repeatedTotal] == 2)
        #expect(tally[.empty] == 1)
        _ = scratch
    }

    /// ccusage #897 (3.4×), #950 (91×).
    @Test("Forks and forks of forks count their own rows alone, whichever file is read first")
    func forks() throws {
        let grand = codexMeta("g") + Self.history + codexRow([7, 0, 1, 0], [157, 40, 15, 3])
        let parent =
            codexMeta("p", parent: "g") + codexMeta("g") + Self.history + codexRow([8, 0, 2, 0], [158, 40, 16, 3])
        let child =
            codexMeta("c", parent: "p") + Self.history + codexRow([8, 0, 2, 0], [158, 40, 16, 3])
            + codexRow([9, 0, 3, 0], [167, 40, 19, 3])
        let files = ["sessions/g.jsonl": grand, "sessions/p.jsonl": parent, "archived_sessions/c.jsonl": child]
        let names = files.keys.sorted()
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            var (bench, scratch) = try bench(files, oldestFirst: order.map { names[$0] })
            bench.sync()
            #expect(bench.sums.tokens == [110 + 7 + 8 + 9, 40, 0, 0, 0, 14 + 1 + 2 + 3, 3], "order \(order)")
            #expect(bench.sums.usageEvents == 5)
            _ = scratch
        }
    }

    @Test("Forks of a parent that is gone count its rows once")
    func missingParent() throws {
        var (bench, scratch) = try bench([
            "sessions/a.jsonl": codexMeta("a", parent: "gone") + Self.history
                + codexRow([1, 0, 1, 0], [151, 40, 15, 3]),
            "sessions/b.jsonl": codexMeta("b", parent: "gone") + Self.history
                + codexRow([2, 0, 2, 0], [152, 40, 16, 3]),
        ])
        bench.sync()
        #expect(bench.sums.tokens == [113, 40, 0, 0, 0, 17, 3])
        try scratch.write("archived_sessions/gone.jsonl", codexMeta("gone") + Self.history)
        bench.sync()
        #expect(bench.sums.tokens == [113, 40, 0, 0, 0, 17, 3], "the parent came back")
    }

    /// codeburn #413: over-correcting is wrong as well.
    @Test("Sessions that share nothing but their numbers are both counted")
    func unrelated() throws {
        var (bench, scratch) = try bench([
            "sessions/a.jsonl": codexMeta("a") + Self.history, "sessions/b.jsonl": codexMeta("b") + Self.history,
        ])
        bench.sync()
        #expect(bench.sums.tokens == [220, 80, 0, 0, 0, 28, 6])
        _ = scratch
    }

    @Test("After its own first row a fork's rows are its own, though the parent has equal ones")
    func divergence() throws {
        var (bench, scratch) = try bench([
            "sessions/p.jsonl": codexMeta("p") + Self.history + codexRow([7, 0, 0, 0], [157, 40, 14, 3])
                + codexRow([3, 0, 0, 0], [160, 40, 14, 3]),
            "sessions/c.jsonl": codexMeta("c", parent: "p") + Self.history + codexRow([5, 0, 0, 0], [155, 40, 14, 3])
                + codexRow([5, 0, 0, 0], [160, 40, 14, 3]) + codexRow([3, 0, 0, 0], [163, 40, 14, 3]),
        ])
        bench.sync()
        #expect(bench.sums.input == 110 + 10 + 13)
        _ = scratch
    }

    @Test("An archived copy of a session counts nothing")
    func archivedCopy() throws {
        let text = codexMeta("a") + Self.history
        var (bench, scratch) = try bench(["sessions/2026/04/10/a.jsonl": text, "archived_sessions/a.jsonl": text])
        bench.sync()
        #expect(bench.sums.usageEvents == 2)
        _ = scratch
    }

    @Test("A sub-agent names its parent within its source and counts as one")
    func subagent() throws {
        let meta =
            "{\"timestamp\":\"2026-04-10T10:00:00Z\",\"type\":\"session_meta\",\"payload\":{\"id\":\"s\",\"source\":"
            + "{\"subagent\":{\"thread_spawn\":{\"parent_thread_id\":\"p\",\"depth\":1}}}}}\n"
        var (bench, scratch) = try bench([
            "sessions/p.jsonl": codexMeta("p") + Self.history,
            "sessions/s.jsonl": meta + Self.history + codexRow([6, 0, 6, 0], [156, 40, 20, 3]),
        ])
        bench.sync()
        #expect(bench.sums.usageEvents == 3)
        #expect(bench.events.filter { $0.origin == .subagent }.map(\.outputTokens) == [6])
        _ = scratch
    }

    @Test("Without last_token_usage the difference of the totals counts")
    func totalsAlone() throws {
        let text = (codexMeta("a") + Self.history).replacingOccurrences(of: "last_token_usage", with: "earlier")
        var (bench, scratch) = try bench(["sessions/a.jsonl": text])
        bench.sync()
        #expect(bench.sums.tokens == [110, 40, 0, 0, 0, 14, 3])
        _ = scratch
    }

    @Test("Without total_token_usage every row counts, and a fork's copies do not")
    func lastsAlone() throws {
        let strip = { (text: String) in text.replacingOccurrences(of: "total_token_usage", with: "nothing") }
        var (bench, scratch) = try bench([
            "sessions/a.jsonl": strip(codexMeta("a") + Self.history + codexRow([50, 0, 5, 0], [0, 0, 0, 0])),
            "sessions/b.jsonl": strip(
                codexMeta("b", parent: "a") + Self.history + codexRow([1, 0, 1, 0], [0, 0, 0, 0])),
        ])
        bench.sync()
        #expect(bench.sums.tokens == [161, 40, 0, 0, 0, 20, 3])
        _ = scratch
    }

    @Test("A rollout that is rewritten counts its new rows alone")
    func rewritten() throws {
        var (bench, scratch) = try bench(["sessions/a.jsonl": codexMeta("a") + Self.history])
        bench.sync()
        try scratch.write("sessions/a.jsonl", codexMeta("a") + codexRow([1, 0, 0, 0], [1, 0, 0, 0]) + Self.history)
        bench.sync()
        #expect(bench.sums.tokens == [111, 40, 0, 0, 0, 14, 3])
    }
}
