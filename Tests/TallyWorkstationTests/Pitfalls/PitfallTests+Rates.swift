import TallyModel
import TallyPricing
import Testing

@testable import TallyWorkstation

/// Which rate a call is priced at.
extension PitfallTests {
    @Suite("The rate of a call")
    struct Rates {
        /// The figures of one call of Claude.
        private func claude(_ line: String) throws -> RollupCounts {
            try PitfallBench(["projects/p/a.jsonl": line]).sums()
        }

        private func codex(_ last: [Int], tier: String? = nil, model: String = "gpt-5.3-codex") throws -> RollupCounts {
            let settings =
                "{\"timestamp\":\"2026-04-10T10:00:00Z\",\"type\":\"event_msg\",\"payload\":{\"type\":"
                + "\"thread_settings_applied\",\"thread_settings\":{\"service_tier\":\"\(tier ?? "")\"}}}\n"
            let meta = codexMeta("a").replacingOccurrences("gpt-5.2", with: model)
            return try PitfallBench(["sessions/a.jsonl": meta + (tier == nil ? "" : settings) + codexRow(last, last)])
                .sums()
        }

        /// agentistics #565 (−$1,041 in 30 days). The agent itself reported $0.0152606 for this call.
        @Test("Pitfall 6: a cache write that lives an hour costs the rate of an hour")
        func hour() throws {
            func line(_ split: String) -> String {
                claudeLine(
                    input: 10, output: 41, read: 17_536, write: 6_646, stop: "x", model: "claude-haiku-4-5-20251001",
                    extra: split)
            }
            let split =
                ",\"cache_creation\":{\"ephemeral_1h_input_tokens\":6646,\"ephemeral_5m_input_tokens\":0}"
            expect(try claude(line(split)).nanoUSD, right: 15_260_600, wrong: 10_276_100)
            // A lifetime that nobody gave is kept as such: five minutes are assumed, and marked as assumed.
            let bench = try PitfallBench(["projects/p/a.jsonl": line("")])
            let unknown = try #require(bench.events.first)
            expect(unknown.cacheWriteUnknownTokens, right: 6_646, wrong: 0)
            let price = try PitfallBench.book().price(unknown, effectiveMs: unknown.timeMs)
            #expect(price == .priced(Money(femtoUSD: 10_276_100_000_000), assumedCacheLifetime: true))
        }

        @Test(
            "Pitfall 6: what a cache read costs is the model's own rate, not a tenth of its input",
            arguments: [
                ("claude-opus-4-8", 500_000_000, 5_000_000_000), ("claude-opus-5-5", 200_000_000, 400_000_000),
                ("claude-fable-5-1", 250_000_000, 1_000_000_000),
            ] as [(String, Int128, Int128)])
        func cacheRead(model: String, right: Int128, wrong: Int128) throws {
            let sums = try claude(claudeLine(input: 0, output: 0, read: 1_000_000, stop: "x", model: model))
            expect(sums.nanoUSD, right: right, wrong: wrong)
        }

        /// claude-code-hub #869.
        @Test(
            "Pitfall 8: the whole prompt chooses the band, above or from its threshold, for all of the call"
        )
        func band() throws {
            func line(_ input: Int) -> String {
                claudeLine(
                    input: input, output: 10, read: 150_000, write: 50_000, stop: "x", model: "claude-sonnet-4-5",
                    extra: ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":50000}")
            }
            // By the uncached input alone; by the tokens above the threshold alone.
            expect(try claude(line(1)).nanoUSD, right: 465_231_000, wrong: 232_653_000, 232_656_000)
            expect(try claude(line(0)).nanoUSD, right: 232_650_000, wrong: 465_225_000)
            expect(try codex([272_000, 0, 10, 0]).nanoUSD, right: 476_140_000, wrong: 952_210_000)
            expect(try codex([272_001, 0, 10, 0]).nanoUSD, right: 952_213_500, wrong: 476_141_750, 476_143_500)
            // Each model's threshold is its own, and some begin at it: "from".
            let bench = try PitfallBench(["projects/p/a.jsonl": claudeLine(input: 10, output: 0, stop: "x", model: "m")]
            )
            for (word, right, wrong) in [("from", 70_000, 30_000), ("above", 30_000, 70_000)]
                as [(String, Int128, Int128)]
            {
                let bands = "\"bands\":[{\"\(word)\":10,\"rates\":{\"input\":7000000,\"output\":0}}],"
                expect(
                    bench.sums(try PitfallBench.book(input: 3_000_000, more: bands)).nanoUSD, right: right, wrong: wrong
                )
            }
        }

        /// litellm #29238.
        @Test("Pitfall 9: fast, priority, flex, batch and a US region multiply, and multiply together")
        func multipliers() throws {
            func line(_ model: String, _ extra: String) -> String {
                claudeLine(input: 1_000_000, output: 0, stop: "x", model: model, extra: extra)
            }
            let batch = ",\"service_tier\":\"batch\""
            let us = ",\"inference_geo\":\"us\""
            let fast = ",\"speed\":\"fast\""
            let dollar: Int128 = 1_000_000_000
            expect(try claude(line("claude-sonnet-4-6", batch)).nanoUSD, right: dollar * 3 / 2, wrong: dollar * 3)
            expect(try claude(line("claude-sonnet-4-6", us)).nanoUSD, right: dollar * 33 / 10, wrong: dollar * 3)
            expect(
                try claude(line("claude-sonnet-4-6", batch + us)).nanoUSD, right: dollar * 165 / 100,
                wrong: dollar * 3 / 2, dollar * 33 / 10)
            expect(try claude(line("claude-opus-5", fast)).nanoUSD, right: dollar * 10, wrong: dollar * 5)
            expect(
                try claude(line("claude-opus-4-6", fast)).nanoUSD, right: dollar * 30, wrong: dollar * 5, dollar * 10)
            let plain: Int128 = 350_000_000
            expect(try codex([200_000, 0, 0, 0], tier: "priority").nanoUSD, right: plain * 2, wrong: plain)
            expect(try codex([200_000, 0, 0, 0], tier: "flex").nanoUSD, right: plain / 2, wrong: plain)
        }

        /// codeburn #638.
        @Test(
            "Pitfall 10: what has no rate is unpriced and shows its tokens: never $0 in silence, never another's rate")
        func unpriced() throws {
            func line(_ model: String, _ extra: String = "") -> String {
                claudeLine(input: 1_000_000, output: 0, stop: "x", model: model, extra: extra)
            }
            let cases: [(RollupCounts, Int128)] = [
                (try claude(line("acme-proxy-large")), 0),
                (try claude(line("claude-opus-4-9")), 5_000_000_000),
                (try claude(line("claude-opus-4-5", ",\"speed\":\"fast\"")), 5_000_000_000),
                (try claude(line("claude-sonnet-4-6", ",\"service_tier\":\"priority\"")), 3_000_000_000),
                (try claude(line("claude-sonnet-4-6", ",\"inference_geo\":\"eu\"")), 3_000_000_000),
                (try codex([1_000_000, 0, 0, 0], model: "gpt-5.2-codex"), 3_500_000_000),
            ]
            for (sums, wrong) in cases {
                #expect(sums.inputTokens == 1_000_000)
                expect(sums.unpricedEvents, right: 1, wrong: 0)
                if wrong != 0 { expect(sums.nanoUSD, right: 0, wrong: wrong) }
            }
        }
    }
}
