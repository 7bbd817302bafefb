import Foundation
import TallyModel
import Testing

@testable import TallyWorkstation

/// Samplings within one message: what `usage` includes of them, and what it does not.
extension PitfallTests {
    @Suite("Calls within a call of Claude Code")
    struct Iterations {
        private func entry(_ type: String, _ input: Int, _ output: Int, _ more: String = "") -> String {
            "{\"type\":\"\(type)\",\"input_tokens\":\(input),\"output_tokens\":\(output)\(more)}"
        }

        private func advisor(_ input: Int, _ output: Int) -> String {
            entry("advisor_message", input, output, ",\"model\":\"claude-opus-4-8\"")
        }

        private func line(
            _ entries: [String], input: Int = 100, output: Int = 50, session: String = "s1", stop: String? = "end_turn",
            more: String = ""
        ) -> String {
            claudeLine(
                session: session, input: input, output: output, stop: stop, model: "claude-haiku-4-5",
                extra: ",\"iterations\":[\(entries.joined(separator: ","))]" + more)
        }

        @Test("An advisor within a message is a call of its own model, once through streaming, copies and restarts")
        func advised() throws {
            let both = [entry("message", 100, 20), advisor(823, 1_612), entry("message", 0, 30)]
            var bench = try PitfallBench([
                "projects/p/a.jsonl": line([], output: 1, stop: nil)
                    + line(Array(both.prefix(2)), output: 20, stop: nil)
                    + line(both) + line(both),
                "projects/p/b.jsonl": line(both, session: "s2"),
            ])
            let sums = try bench.sums()
            expect(sums.events, right: 2, wrong: 1, 3, 5)
            expect(sums.outputTokens, right: 1_662, wrong: 50, 3_274)
            // Haiku's 100 and 50 at $1 and $5, Opus' 823 and 1,612 at $5 and $25 a million; all at Haiku's rates.
            expect(
                sums.nanoUSD, right: 44_765_000, wrong: 350_000, 9_233_000, 89_180_000)
            let event = try #require(bench.events.first { $0.model?.text == "claude-opus-4-8" })
            #expect(event.origin == .auxiliary && event.kind == .usage && event.inputTokens == 823)
            #expect(bench.events.contains { $0.model?.text == "claude-haiku-4-5" && $0.origin == .main })
            try bench.bench.restart()
            try bench.append("projects/p/b.jsonl", line(both, session: "s3"))
            expect(try bench.sums().events, right: 2, wrong: 3, 4)
        }

        @Test("What an entry grows by is a correction, and a sum that was not told before too; nothing is taken back")
        func growing() throws {
            var bench = try PitfallBench(["projects/p/a.jsonl": line([advisor(800, 10)], stop: nil)])
            try bench.append("projects/p/a.jsonl", line([advisor(800, 30), advisor(900, 1)], stop: nil))
            try bench.append("projects/p/a.jsonl", line([advisor(700, 20), advisor(900, 1)]))
            let sums = try bench.sums()
            expect(sums.events, right: 3, wrong: 2, 4)
            expect(sums.outputTokens, right: 81, wrong: 61, 71, 110)
            expect(sums.inputTokens, right: 1_800, wrong: 1_700)
        }

        @Test("A compaction is spend of the message's own model that the message's numbers do not include")
        func compacted() throws {
            let entries = [entry("compaction", 180_000, 3_500), entry("message", 23_000, 1_000)]
            let bench = try PitfallBench(["projects/p/a.jsonl": line(entries, input: 23_000, output: 1_000)])
            let sums = try bench.sums()
            expect(sums.inputTokens, right: 203_000, wrong: 23_000, 226_000)
            // 203,000 at $1 and 4,500 at $5 a million.
            expect(sums.nanoUSD, right: 225_500_000, wrong: 28_000_000)
            #expect(bench.events.map(\.origin).contains(.compaction))
            #expect(Set(bench.events.map { $0.model?.text }) == ["claude-haiku-4-5"])
        }

        @Test("A message's own samplings count whole where its numbers tell of the first alone, and never twice")
        func own() throws {
            let entries = [
                entry("message", 412, 89), advisor(823, 1),
                entry("message", 1_348, 442, ",\"cache_read_input_tokens\":412"),
            ]
            func prompt(_ line: String) throws -> Int64 {
                try PitfallBench(["projects/p/a.jsonl": line]).sums().promptTokens
            }
            let first = line(entries, input: 412, output: 531)
            expect(try prompt(first), right: 2_995, wrong: 412, 1_235)
            let whole = line(entries, input: 1_760, output: 531).replacingOccurrences(
                of: "\"cache_read_input_tokens\":0,\"cache_creation",
                with: "\"cache_read_input_tokens\":412,\"cache_creation")
            expect(try prompt(whole), right: 2_995, wrong: 5_167)
            // The first attempt was another model's; the message's numbers are those of the one that answered.
            let fallback = [entry("message", 5_000, 9), entry("fallback_message", 412, 531)]
            expect(try prompt(line(fallback, input: 412, output: 531)), right: 412, wrong: 5_000, 5_412)
            let other = [entry("message", 5_000, 9, ",\"model\":\"claude-opus-4-8\""), entry("message", 412, 531)]
            expect(try prompt(line(other, input: 412, output: 531)), right: 412, wrong: 5_412)
        }

        @Test(
            "A bad entry loses itself alone and is told, an advisor without a name is unpriced, a long list has an end")
        func bad() throws {
            let entries = [
                entry("advisor_message", -5, 1), advisor(2_000_000_000, 1), entry("advisor_message", 7, 1), "7", "null",
                entry("advisor_message", 0, 0), entry("unheard_of", 1_000, 1), "{\"type\":7,\"model\":{}}",
                "{\"input_tokens\":1000}", advisor(10, 1),
            ]
            let bench = try PitfallBench(["projects/p/a.jsonl": line(entries)])
            let sums = try bench.sums()
            expect(sums.inputTokens, right: 117, wrong: 100, 1_117)
            expect(sums.unpricedEvents, right: 1, wrong: 0)
            #expect(bench.tally(.claude)[.badNumber] == 4 && bench.tally(.claude).lines == 1)
            let long = try PitfallBench(["projects/p/a.jsonl": line([String](repeating: advisor(1, 1), count: 5_000))])
            #expect(try long.sums().inputTokens == 100 + 64)
            #expect(long.tally(.claude)[.badNumber] == 1)
            for odd in ["7", "null", "{}", "\"text\"", "[[[[]]]]"] {
                let text = claudeLine(stop: "end_turn", extra: ",\"iterations\":\(odd)")
                #expect(try PitfallBench(["projects/p/a.jsonl": text]).sums().inputTokens == 10, "\(odd)")
            }
        }

        @Test("A message with more advisors than one drain has room for counts each of them once")
        func crowded() throws {
            let entries = (1...20).map { advisor($0, 1) }
            let bench = try PitfallBench(["projects/p/a.jsonl": line(entries) + line(entries)], eventsMax: 4)
            expect(try bench.sums().inputTokens, right: 310, wrong: 100, 103)
            expect(try bench.sums().events, right: 21, wrong: 1, 41)
        }
    }
}
