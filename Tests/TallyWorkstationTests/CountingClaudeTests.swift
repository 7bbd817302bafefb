import Foundation
import TallyModel
import Testing

@testable import TallyWorkstation

/// The pitfalls of Claude Code's transcripts; the issue in each comment is where others counted wrong.
@Suite("Claude requests are counted once")
struct CountingClaudeTests {
    private func bench(_ files: [String: String]) throws -> (Bench, Scratch) {
        let scratch = try Scratch()
        for (name, text) in files { try scratch.write("projects/" + name, text) }
        return (Bench(claude: scratch.path), scratch)
    }

    /// ClaudeBar #207 (4×).
    @Test("Lines of one streamed message count once, with the largest numbers")
    func streaming() throws {
        var (bench, scratch) = try bench([
            "p/a.jsonl": claudeLine(output: 1) + claudeLine(output: 3) + claudeLine(output: 40, stop: "end_turn")
                + claudeLine(output: 40, stop: "end_turn")
        ])
        bench.sync()
        #expect(bench.sums.usageEvents == 1)
        #expect(bench.sums.corrections == 0)
        #expect(bench.sums.tokens == [10, 0, 0, 0, 0, 40, 0])
        #expect(bench.events.first?.outcome == .ok)
        _ = scratch
    }

    @Test("A message is held until a next one, quiet, or the end of a sync")
    func held() throws {
        var (bench, scratch) = try bench(["p/a.jsonl": claudeLine(output: 1) + claudeLine(message: "msg_2", output: 2)])
        bench.sync(settling: false)
        #expect(bench.sums.output == 1, "the second message is still held")
        bench.counter.settle(nowMs: 2_999, quietMs: 2_000)
        #expect(bench.counter.heldCount == 1)
        bench.counter.settle(nowMs: 3_000, quietMs: 2_000)
        bench.drain()
        #expect(bench.sums.output == 3)
        #expect(bench.counter.heldCount == 0)
        _ = scratch
    }

    @Test("What grows after it was sent becomes a correction with the whole prompt")
    func correction() throws {
        var (bench, scratch) = try bench(["p/a.jsonl": claudeLine(output: 1, read: 200_000)])
        bench.sync()
        try scratch.append("projects/p/a.jsonl", claudeLine(output: 90, read: 200_000, stop: "end_turn").utf8)
        bench.sync()
        #expect(bench.events.map(\.kind) == [.usage, .correction])
        #expect(bench.events.last?.contextTokens == 200_010)
        #expect(bench.events.last?.cacheReadTokens == 0)
        #expect(bench.sums.output == 90)
        #expect(bench.events.allSatisfy { EventRules.violation($0) == nil })
    }

    /// ccusage PR #985 (+44 %).
    @Test("Without request ids a message is still counted once, even if one copy has one")
    func withoutRequest() throws {
        var (bench, scratch) = try bench([
            "p/a.jsonl": claudeLine(request: nil, output: 9, stop: "end_turn"),
            "p/b.jsonl": claudeLine(output: 9, stop: "end_turn")
                + claudeLine(request: nil, output: 9, stop: "end_turn"),
        ])
        bench.sync()
        #expect(bench.sums.usageEvents == 1)
        #expect(bench.sums.output == 9)
        _ = scratch
    }

    @Test("One message id under two request ids is two requests")
    func twoRequests() throws {
        var (bench, scratch) = try bench([
            "p/a.jsonl": claudeLine(request: "r1", output: 9, stop: "x")
                + claudeLine(request: "r2", output: 9, stop: "x")
        ])
        bench.sync()
        #expect(bench.sums.usageEvents == 2)
        _ = scratch
    }

    /// ccusage #1762 (2×).
    @Test("A resumed session's copies under its new id count nothing")
    func resumed() throws {
        let history = (1...20).map { claudeLine(message: "m\($0)", request: "r\($0)", session: "old", stop: "x") }
        let copies = (1...20).map { claudeLine(message: "m\($0)", request: "r\($0)", session: "new", stop: "x") }
        var (bench, scratch) = try bench([
            "p/old.jsonl": history.joined(),
            "p/new.jsonl": copies.joined() + claudeLine(message: "m21", request: "r21", session: "new", stop: "x"),
        ])
        bench.sync()
        #expect(bench.sums.usageEvents == 21)
        #expect(bench.sums.input == 210)
        #expect(bench.counter.tally(of: .claude)[.duplicate] == 20)
        _ = scratch
    }

    /// ccusage #913.
    @Test("A sidechain's replay under its own request id counts once, and sub-agents' own lines count")
    func sidechain() throws {
        for name in ["a", "z"] {
            var (bench, scratch) = try bench([
                "p/m.jsonl": claudeLine(stop: "x"),
                "p/m/subagents/deep/agent-\(name).jsonl": claudeLine(request: "other", stop: "x", sidechain: true)
                    + claudeLine(message: "own", request: "own", output: 7, stop: "x", sidechain: true),
            ])
            bench.sync()
            #expect(bench.sums.usageEvents == 2)
            #expect(bench.sums.output == 12)
            #expect(bench.events.contains { $0.origin == .subagent && $0.outputTokens == 7 })
            _ = scratch
        }
    }

    /// agentistics #565: the lifetime decides the price.
    @Test("Cache writes keep their lifetime; one that nobody gives is unknown and never counted twice")
    func lifetimes() throws {
        let split = ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":30,\"ephemeral_1h_input_tokens\":50}"
        var (bench, scratch) = try bench([
            "p/a.jsonl": claudeLine(message: "a", write: 100, stop: "x", extra: split)
                + claudeLine(message: "b", write: 100) + claudeLine(message: "b", write: 100, stop: "x", extra: split)
        ])
        bench.sync()
        #expect(bench.sums.tokens == [20, 0, 60, 100, 40, 10, 0])
        // Sent as unknown, then split: the sum has not grown, so nothing is added.
        try scratch.append("projects/p/a.jsonl", claudeLine(message: "c", write: 80).utf8)
        bench.sync()
        try scratch.append("projects/p/a.jsonl", claudeLine(message: "c", write: 80, stop: "x", extra: split).utf8)
        bench.sync()
        #expect(bench.sums.writeUnknown == 120)
        #expect(bench.sums.write1h == 100)
        #expect(bench.sums.corrections == 0)
    }

    @Test("A model that is no label is unlisted; [1m] and case go; a synthetic message without usage is nothing")
    func models() throws {
        var (bench, scratch) = try bench([
            "p/a.jsonl": claudeLine(message: "1", stop: "x", model: "__proto__")
                + claudeLine(message: "2", stop: "x", model: "Claude-Opus-4-5[1m]")
                + claudeLine(message: "3", input: 0, output: 0, stop: "x", model: "<synthetic>")
                + claudeLine(message: "4", stop: "x", model: "a model\\u0000 with \\\"quotes")
        ])
        bench.sync()
        #expect(bench.events.map { $0.model?.text } == ["unlisted", "claude-opus-4-5", "unlisted"])
        #expect(bench.counter.tally(of: .claude)[.empty] == 1)
        _ = scratch
    }

    @Test("Without message id the session and the line's id are the key; without both, the line")
    func withoutMessage() throws {
        let line = claudeLine(message: nil, request: nil, stop: "x")
        let named = line.replacingOccurrences(of: "{\"type\"", with: "{\"uuid\":\"u1\",\"type\"")
        var (bench, scratch) = try bench(["p/a.jsonl": line + line + named + named, "p/b.jsonl": named])
        bench.sync()
        #expect(bench.sums.usageEvents == 2)
        _ = scratch
    }

    @Test("A number that cannot be tokens refuses the line, and the others count")
    func wrongNumbers() throws {
        let good = claudeLine(stop: "x")
        var text = good
        for wrong in ["-1", "1.5", "1e3", "\"7\"", "99999999999999999999", "1000000001", "true", "[1]"] {
            text += good.replacingOccurrences(of: "\"output_tokens\":5", with: "\"output_tokens\":\(wrong)")
                .replacingOccurrences(of: "msg_1", with: "msg_w")
        }
        var (bench, scratch) = try bench(["p/a.jsonl": text])
        bench.sync()
        #expect(bench.sums.usageEvents == 1)
        #expect(bench.counter.tally(of: .claude)[.badNumber] == 8)
        _ = scratch
    }
}
