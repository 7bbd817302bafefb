import Foundation
import TallyModel
import TallyPricing
import TallyStorage
import TallyUsage
import Testing

@testable import TallyWorkstation

/// What becomes of prices, of others' figures, of days and of fractions.
extension PitfallTests {
    @Suite("Money and days")
    struct MoneyAndDays {
        private func line(
            _ number: Int, time: String = "2026-04-10T10:00:01.000Z", input: Int = 0, read: Int = 0,
            model: String = "claude-opus-4-8", cost: String? = nil
        ) -> String {
            let text = claudeLine(
                message: "m\(number)", request: "r\(number)", input: input, output: 0, read: read, stop: "x",
                model: model, time: time)
            return cost.map { "{\"costUSD\":\($0)," + text.dropFirst() } ?? text
        }

        @Test("Pitfall 11: each call keeps the price of its own day; another book makes other sums and changes none")
        func prices() throws {
            let before = line(1, time: "2026-10-06T23:59:59.999Z", read: 1_000_000, model: "claude-sonnet-5-5")
            let after = line(2, time: "2026-10-07T00:00:00.000Z", read: 1_000_000, model: "claude-sonnet-5-5")
            let bench = try PitfallBench(["projects/p/a.jsonl": before + after])
            // Both at today's price; both at yesterday's.
            expect(try bench.sums().nanoUSD, right: 300_000_000, wrong: 200_000_000, 400_000_000)
            // A call from before there was a price has none.
            let early = line(1, time: "2026-10-06T23:59:59.999Z", input: 1_000, model: "claude-haiku-5-5")
            expect(try PitfallBench(["projects/p/a.jsonl": early]).sums().unpricedEvents, right: 1, wrong: 0)

            let plain = try PitfallBench(["projects/p/a.jsonl": line(1, input: 1_000, model: "m")])
            let (old, new) = (
                try PitfallBench.book(input: 1_000_000), try PitfallBench.book(input: 2_000_000, id: 3)
            )
            #expect(old.id != new.id)
            #expect(plain.sums(old).nanoUSD == 1_000_000)
            #expect(plain.sums(new).nanoUSD == 2_000_000)
            expect(plain.sums(old).nanoUSD, right: 1_000_000, wrong: 2_000_000)
        }

        /// claude-code #37686.
        @Test("Pitfall 12: what an agent reports, what a book says and who pays stand apart and are never mixed")
        func reported() throws {
            let text =
                line(1, input: 1_000, cost: "0.5") + line(2, input: 1_000, model: "acme", cost: "0.25")
                + line(3, input: 1_000)
            let sums = try PitfallBench(["projects/p/a.jsonl": text]).sums()
            // The reported figure where there is one and the book's elsewhere would be 0.755 USD.
            expect(sums.nanoUSD, right: 10_000_000, wrong: 755_000_000, 260_000_000)
            expect(sums.reportedCostNanoUSD, right: 750_000_000, wrong: 755_000_000)
            expect(sums.unpricedEvents, right: 1, wrong: 0)

            // A subscription's call has the same API-equivalent price, and says that nobody paid it by the token.
            var parser = NDJSONParser(hash: TestHash())
            let sent =
                #"{"kind":"usage","time_ms":1775815201000,"session":"s","agent":"other","#
                + #""model":"claude-opus-4-8","input_tokens":1000,"billing":"subscription"}"#
            guard case .fact(.sent(let event, _)) = try parser.parse(Array(sent.utf8).span) else {
                Issue.record("the line is an event")
                return
            }
            #expect(event.billing == .subscription)
            expect(event.reportedCostNanoUSD, right: nil, wrong: 0, 5_000_000)
            let price = try PitfallBench.book().price(event, effectiveMs: event.timeMs)
            expect(price.money?.nanoUSDRounded, right: 5_000_000, wrong: 0)
        }

        /// ccusage #349, #1311.
        @Test("Pitfall 13: days are cut in the reader's zone, the day of 25 hours and that of 23 included")
        func days() throws {
            let times = [
                "2026-03-28T22:59:59.999Z", "2026-03-28T23:00:00.000Z", "2026-03-29T21:59:59.999Z",
                "2026-03-29T22:00:00.000Z", "2026-10-24T21:59:59.999Z", "2026-10-24T22:00:00.000Z",
                "2026-10-25T00:30:00.000Z", "2026-10-25T01:30:00.000Z", "2026-10-25T22:59:59.999Z",
                "2026-10-25T23:00:00.000Z",
            ]
            let text = times.enumerated().map { line($0.offset, time: $0.element, input: 1) }.joined()
            let bench = try PitfallBench(["projects/p/a.jsonl": text])
            let book = try PitfallBench.book()
            let folder = try Scratch()
            let views = try Views(folder: folder.path)
            let lineage = Bytes16(high: 7, low: 9)
            var delta = ViewsDelta(
                after: nil, through: LedgerPosition(lineage: lineage, segment: 1, ordinal: 1, checksum: 1))
            delta.cells = bench.cells(book).map { ($0.key, $0.counts) }
            #expect(try views.apply(delta))
            let reader = try ViewsReader(folder: folder.path)
            func calls(_ by: UsageDimension, _ zone: String) throws -> [String: Int128] {
                let query = UsageQuery(by: [by], timeZone: try UsageQuery.timeZone(named: zone))
                let tenant = try #require(TenantName("demo"))
                let report = try reader.read { try $0.report(query, tenant: tenant, workstations: [:]) }
                return report.rows.reduce(into: [:]) { $0[($1.keys.first ?? nil) ?? "", default: 0] += $1.sums.events }
            }
            let utc: [String: Int128] = [
                "2026-03-28": 2, "2026-03-29": 2, "2026-10-24": 2, "2026-10-25": 4,
            ]
            // One offset for all year, as of winter: the summer's nights move an hour.
            let fixed: [String: Int128] = [
                "2026-03-28": 1, "2026-03-29": 3, "2026-10-24": 2, "2026-10-25": 3, "2026-10-26": 1,
            ]
            let right: [String: Int128] = [
                "2026-03-28": 1, "2026-03-29": 2, "2026-03-30": 1, "2026-10-24": 1, "2026-10-25": 4, "2026-10-26": 1,
            ]
            expect(try calls(.day, "Europe/Berlin"), right: right, wrong: utc, fixed)
            #expect(try calls(.day, "UTC") == utc)
            // The hour that autumn repeats is two hours.
            let hours = try calls(.hour, "Europe/Berlin")
            #expect(hours["2026-10-25T02:00:00+02:00"] == 1)
            #expect(hours["2026-10-25T02:00:00+01:00"] == 1)
        }

        @Test("Pitfall 14: sums are exact and rounded once: no float, and no rounding of each call")
        func exact() throws {
            // One cached token of GPT-5.3-codex by flex costs 87.5 nano-USD.
            let settings =
                "{\"timestamp\":\"2026-04-10T10:00:00Z\",\"type\":\"event_msg\",\"payload\":{\"type\":"
                + "\"thread_settings_applied\",\"thread_settings\":{\"service_tier\":\"flex\"}}}\n"
            let meta = codexMeta("a").replacingOccurrences("gpt-5.2", with: "gpt-5.3-codex") + settings
            func calls(_ count: Int) throws -> PitfallBench {
                let rows = (1...count).map { codexRow([1, 1, 0, 0], [$0, $0, 0, 0]) }
                return try PitfallBench(["sessions/a.jsonl": meta + rows.joined()])
            }
            // 262.5 and 437.5, half to even; 88 or 87 a call, if each were rounded.
            expect(try calls(3).sums().nanoUSD, right: 262, wrong: 264, 261)
            expect(try calls(5).sums().nanoUSD, right: 438, wrong: 440, 435)
            let bench = try calls(1_000)
            let sums = try bench.sums()
            expect(sums.cost, right: Money(femtoUSD: 87_500_000_000), wrong: Money(femtoUSD: 88_000_000_000))
            // What doubles make of the same calls is no whole number of femto-USD.
            let floating = (0..<1_000).reduce(0.0) { sum, _ in sum + 0.0000000875 }
            #expect(floating != 0.0000875)
            var mixed = bench
            mixed.bench.events.reverse()
            #expect(try mixed.sums() == sums)
        }
    }
}
