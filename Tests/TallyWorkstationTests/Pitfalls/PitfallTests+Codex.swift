import TallyModel
import Testing

@testable import TallyWorkstation

/// Which rows of a cumulative counter are spend.
extension PitfallTests {
    @Suite("Rows of Codex that are spend")
    struct Codex {
        private static let first = codexRow([100, 40, 9, 3], [100, 40, 9, 3])
        private static let second = codexRow([50, 0, 5, 0], [150, 40, 14, 3])

        /// ccusage #1288 (+67 %). `codexRow` writes a `total_tokens` that is never zero.
        @Test("Pitfall 5: totals that are told again unchanged, and rows of zeros, are no spend")
        func repeated() throws {
            let zeros = codexRow([0, 0, 0, 0], [150, 40, 14, 3]) + codexRow([0, 0, 0, 0], [151, 40, 14, 3])
            let text = codexMeta("a") + Self.first + Self.first + Self.second + Self.second + Self.second + zeros
            let bench = try PitfallBench(["sessions/a.jsonl": text])
            let sums = try bench.sums()
            expect(sums.promptTokens, right: 150, wrong: 350)
            expect(sums.events, right: 2, wrong: 5, 7)
            #expect(bench.tally(.codex)[.repeatedTotal] == 4)
            #expect(bench.tally(.codex)[.empty] == 1)
        }

        /// ccusage #897 (3.4×), #950 (91×).
        @Test("Pitfall 5: a fork replays its parent at new times, and counts its own rows alone")
        func forks() throws {
            let later = "2026-04-11T08:00:00Z"
            let replay =
                codexRow([100, 40, 9, 3], [100, 40, 9, 3], time: later)
                + codexRow([50, 0, 5, 0], [150, 40, 14, 3], time: later)
            let files = [
                "sessions/p.jsonl": codexMeta("p") + Self.first + Self.second,
                "sessions/c.jsonl": codexMeta("c", parent: "p") + codexMeta("p") + replay
                    + codexRow([7, 0, 1, 0], [157, 40, 15, 3], time: later),
                "archived_sessions/g.jsonl": codexMeta("g", parent: "c") + replay
                    + codexRow([7, 0, 1, 0], [157, 40, 15, 3], time: later)
                    + codexRow([8, 0, 2, 0], [165, 40, 17, 3], time: later),
            ]
            let sums = try PitfallBench(files).sums()
            expect(sums.promptTokens, right: 165, wrong: 150 + 157 + 165)
            expect(sums.events, right: 4, wrong: 9)
        }

        /// codeburn #413.
        @Test("Pitfall 5: sessions that have nothing in common but their numbers are both spend")
        func unrelated() throws {
            let rows = Self.first + Self.second
            let bench = try PitfallBench([
                "sessions/a.jsonl": codexMeta("a") + rows, "sessions/b.jsonl": codexMeta("b") + rows,
            ])
            expect(try bench.sums().promptTokens, right: 300, wrong: 150)
        }

        /// langfuse #12306, pydantic-ai #4364.
        @Test("Pitfall 7: cached tokens stand within Codex's input and beside Claude's; neither is paid twice or lost")
        func inclusive() throws {
            let meta = codexMeta("a").replacingOccurrences("gpt-5.2", with: "gpt-5.3-codex")
            let codex = try PitfallBench([
                "sessions/a.jsonl": meta + codexRow([1_000, 900, 50, 20], [1_000, 900, 50, 20])
            ]).sums()
            expect(codex.inputTokens, right: 100, wrong: 1_000)
            // The cached part at both rates; reasoning beside the output.
            expect(codex.nanoUSD, right: 1_032_500, wrong: 2_607_500, 1_312_500)
            let claude = try PitfallBench([
                "projects/p/a.jsonl": claudeLine(input: 100, read: 900, stop: "x", model: "claude-opus-4-8")
            ]).sums()
            expect(claude.promptTokens, right: 1_000, wrong: 900)
            expect(claude.nanoUSD, right: 1_075_000, wrong: 575_000)
        }
    }
}

extension String {
    /// Every `old` as `new`; both are plain text.
    func replacingOccurrences(_ old: String, with new: String) -> String {
        split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    }
}
