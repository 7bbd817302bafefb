import Foundation
import TallyModel
import Testing

@testable import TallyWorkstation

@Suite("Public transcripts give the figures of their oracles")
struct SourcesFixtureTests {
    static let isThere: ConditionTrait = .enabled(if: fixtures != nil, "../shared/data/transcripts is absent")

    private func home(_ name: String) throws -> String { try #require(fixtures) + "/" + name }

    @Test("A fork that replays 135 rows of its parent counts them once, and re-emitted totals never", isThere)
    func codexbarFork() throws {
        var bench = Bench(codex: try home("codexbar/archived-fork-33ce-3869/codex-home"))
        bench.sync()
        // All input is 15,253,283; cached 13,549,696 of it.
        #expect(bench.sums.input + bench.sums.cacheRead == 15_253_283)
        #expect(bench.sums.cacheRead == 13_549_696)
        #expect(bench.sums.output == 55_895)
        #expect(bench.sums.reasoning == 25_017)
        #expect(bench.events.count == 155)
        let tally = bench.counter.tally(of: .codex)
        #expect(tally[.repeatedTotal] == 5)
        #expect(tally[.duplicate] == 133)
        bench.sync()
        #expect(bench.events.count == 155)
    }

    @Test("A small fork across sessions and archive counts 15 and 2", isThere)
    func codexbarSmoke() throws {
        var bench = Bench(codex: try home("codexbar/harness-smoke/codex-home"))
        bench.sync()
        #expect(bench.sums.tokens == [15, 0, 0, 0, 0, 2, 0])
        #expect(bench.events.count == 2)
        #expect(Set(bench.events.map(\.model)) == [Label("openai/gpt-5.5")])
    }

    @Test("A rollout without session_meta counts, under the model that each row names", isThere)
    func ccusageCodex() throws {
        var bench = Bench(codex: try home("ccusage/codex"))
        bench.sync()
        #expect(bench.sums.tokens == [2_750, 750, 0, 0, 0, 425, 275])
        #expect(bench.events.map { $0.model?.text } == ["gpt-5.2-codex", "gpt-5.3-codex"])
    }

    @Test("Old Claude lines count with their reported cost and without a type", isThere)
    func ccusageClaude() throws {
        var bench = Bench(claude: try home("ccusage/claude"))
        bench.sync()
        #expect(bench.sums.tokens == [730, 110, 0, 0, 90, 310, 0])
        #expect(bench.sums.usageEvents == 5)
        #expect(bench.sums.reportedNanoUSD == 1_090_000_000)
        #expect(bench.events.contains { $0.speed == .fast && $0.model?.text == "claude-opus-4-20250514" })
    }

    @Test("Corrupt lines are skipped and counted, and the lines around them count", isThere)
    func claudit() throws {
        let scratch = try Scratch()
        for name in ["malformed", "main_session", "sidechain_session", "user_messages"] {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: home("claudit/\(name).jsonl")))
            try scratch.write("projects/p/\(name).jsonl", Array(bytes))
        }
        var bench = Bench(claude: scratch.path)
        bench.sync()
        #expect(bench.sums.tokens == [521 + 10, 4_000, 800, 200, 0, 982 + 20, 0])
        #expect(bench.counter.tally(of: .claude)[.malformed] == 2)
        #expect(bench.events.filter { $0.origin == .subagent }.count == 2)
    }

    @Test("Messages with content give numbers and ids alone", isThere)
    func claudeCodeLog() throws {
        let scratch = try Scratch()
        for name in ["representative_messages", "session_b"] {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: home("claude-code-log/\(name).jsonl")))
            try scratch.write("projects/p/\(name).jsonl", Array(bytes))
        }
        var bench = Bench(claude: scratch.path)
        bench.sync()
        #expect(bench.sums.usageEvents > 1)
        let everything = bench.log.flatMap { $0 }
        for canary in ["decorator", "Hello", "session divider", "/tmp", "tool_001", "msg_002", "req_001"] {
            #expect(everything.firstRange(of: Array(canary.utf8)) == nil, "a delta holds content")
            #expect(!"\(bench.events)".contains(canary), "an event holds content")
        }
    }
}
