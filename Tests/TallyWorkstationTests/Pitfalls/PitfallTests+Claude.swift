import Foundation
import TallyModel
import Testing

@testable import TallyWorkstation

/// Which lines of Claude Code are one call.
extension PitfallTests {
    @Suite("Lines of Claude Code that are one call")
    struct Claude {
        /// ClaudeBar #207 (4×).
        @Test("Pitfall 1: the lines of a streamed message are one call, with the largest of its numbers")
        func streaming() throws {
            let lines = [1, 120, 120, 480].map { claudeLine(output: $0, stop: $0 == 480 ? "end_turn" : nil) }
            let sums = try PitfallBench(["projects/p/a.jsonl": lines.joined()]).sums()
            expect(sums.events, right: 1, wrong: 4)
            expect(sums.inputTokens, right: 10, wrong: 40)
            // The first line, or all of them added up.
            expect(sums.outputTokens, right: 480, wrong: 1, 1 + 120 + 120 + 480)
        }

        @Test("Pitfall 1: what grows late is a correction, priced in the band of its request's whole prompt")
        func correction() throws {
            func line(_ output: Int, stop: String? = nil) -> String {
                claudeLine(output: output, read: 200_000, stop: stop, model: "claude-sonnet-4-5")
            }
            var bench = try PitfallBench(["projects/p/a.jsonl": line(1)])
            try bench.append("projects/p/a.jsonl", line(101, stop: "end_turn"))
            #expect(bench.events.map(\.kind) == [.usage, .correction])
            let sums = try bench.sums()
            expect(sums.events, right: 1, wrong: 2)
            // 10 at $6, 200,000 at $0.60 and 101 at $22.50 a million. The growth has no prompt of its own: by that it
            // would cost $15 a million.
            expect(sums.nanoUSD, right: 122_332_500, wrong: 121_582_500)
        }

        @Test("Pitfall 1: numbers that fall take nothing back")
        func falling() throws {
            var bench = try PitfallBench(["projects/p/a.jsonl": claudeLine(output: 480) + claudeLine(output: 300)])
            try bench.append("projects/p/a.jsonl", claudeLine(output: 200, stop: "end_turn"))
            expect(try bench.sums().outputTokens, right: 480, wrong: 200, 300)
        }

        /// ccusage PR #985 (+44 %).
        @Test(
            "Pitfall 2: without request ids, as behind API gateways, the message id still makes one call of its lines")
        func withoutRequest() throws {
            let bare = claudeLine(message: "m1", request: nil, output: 9, stop: "end_turn")
            let named = claudeLine(message: "m1", request: "r1", output: 9, stop: "end_turn")
            let other = claudeLine(message: "m2", request: nil, output: 9, stop: "end_turn")
            let sums = try PitfallBench([
                "projects/p/a.jsonl": bare + bare + other, "projects/p/b.jsonl": bare + named,
            ]).sums()
            // Each line by itself; all calls without an id as one.
            expect(sums.events, right: 2, wrong: 5, 1)
            expect(sums.outputTokens, right: 18, wrong: 45, 9)
        }

        /// ccusage #1762 (2×).
        @Test("Pitfall 3: resumed and forked sessions copy calls under new session ids; each counts once, in any order")
        func resumed() throws {
            func line(_ number: Int, _ session: String, output: Int = 40, stop: String? = "end_turn") -> String {
                claudeLine(
                    message: "m\(number)", request: "r\(number)", session: session, output: output, stop: stop)
            }
            let history = (1...5).map { line($0, "old") }.joined()
            let resumed = (1...5).map { line($0, "new") }.joined() + line(6, "new")
            // Cut within a streamed message: its copy knows less than the original.
            let forked = (1...4).map { line($0, "fork") }.joined() + line(5, "fork", output: 3, stop: nil)
            for names in [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]] {
                // Files of one age are read in the order of their names.
                let sums = try PitfallBench([
                    "projects/p/\(names[0]).jsonl": history, "projects/p/\(names[1]).jsonl": resumed,
                    "projects/p/\(names[2]).jsonl": forked,
                ]).sums()
                expect(sums.events, right: 6, wrong: 5 + 6 + 5)
                expect(sums.outputTokens, right: 240, wrong: 240 + 200 + 163)
            }
        }

        /// ccusage #913.
        @Test("Pitfall 4: sub-agents' files are read, and the main conversation that they replay counts once")
        func sidechain() throws {
            let main = claudeLine(message: "m", request: "r", stop: "end_turn")
            // The replay has a request id of its own.
            let replay = claudeLine(message: "m", request: "r2", stop: "end_turn", sidechain: true)
            let own = claudeLine(message: "s", request: "r3", output: 7, stop: "end_turn", sidechain: true)
            for name in ["projects/p/0.jsonl", "projects/p/z.jsonl"] {
                let bench = try PitfallBench([name: main, "projects/p/m/subagents/deep/agent-1.jsonl": replay + own])
                // With the replay; without the sub-agent.
                expect(try bench.sums().outputTokens, right: 12, wrong: 17, 5)
                #expect(bench.events.contains { $0.origin == .subagent && $0.outputTokens == 7 })
            }
        }
    }
}
