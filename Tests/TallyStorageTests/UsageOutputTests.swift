import Foundation
import TallyModel
import Testing

@testable import TallyStorage
@testable import TallyUsage

@Suite("Reports as text")
struct UsageOutputTests {
    static func report(
        by: [UsageDimension], _ rows: [([String?], UsageSums)], gaps: GapTotals = GapTotals()
    ) throws -> UsageReport {
        var totals = UsageSums()
        for row in rows { try totals.add(row.1) }
        return UsageReport(
            tenant: TenantName("demo"), by: by, rows: rows.map { UsageRow(keys: $0.0, sums: $0.1) },
            totals: totals, gaps: gaps)
    }

    static func sums(events: Int128 = 1, femto: Int128, unpriced: Int128 = 0) -> UsageSums {
        var sums = UsageSums()
        sums.events = events
        sums.inputTokens = 1_234_567
        sums.cacheReadTokens = 2
        sums.cacheWrite5mTokens = 3
        sums.cacheWrite1hTokens = 4
        sums.cacheWriteUnknownTokens = 5
        sums.outputTokens = 6
        sums.unpricedEvents = unpriced
        sums.cost = Money(femtoUSD: femto)
        sums.firstMs = 1_000
        sums.lastMs = 2_000
        return sums
    }

    @Test("JSON has every field of the contract in its order, with large integers written out")
    func json() throws {
        var sums = Self.sums(femto: 2_500_000)
        sums.reasoningTokens = 7
        sums.webSearches = 8
        sums.reportedNanoUSD = Int128(Int64.max) * 2
        let report = try Self.report(by: [.project], [([nil], sums)], gaps: GapTotals(events: 3, reportedNanoUSD: 9))
        let numbers = """
            "events": 1, "input_tokens": 1234567, "cache_read_tokens": 2, "cache_write_5m_tokens": 3, \
            "cache_write_1h_tokens": 4, "cache_write_unknown_tokens": 5, "output_tokens": 6, "reasoning_tokens": 7, \
            "web_searches": 8, "cost_nano_usd": 2, "subscription_cost_nano_usd": 0, \
            "reported_cost_nano_usd": 18446744073709551614, \
            "unpriced_events": 0, "first_ms": 1000, "last_ms": 2000
            """
        #expect(
            report.json == """
                {"tenant": "demo", "by": ["project"], "rows": [{"key": null, \(numbers)}], "totals": {\(numbers)}, \
                "gaps": {"events": 3, "reported_cost_nano_usd": 9}}
                """)
    }

    @Test("Several dimensions give keys, an array")
    func jsonKeys() throws {
        let report = try Self.report(by: [.model, .workstation], [(["m", "a\"\\\n\u{1b}é"], Self.sums(femto: 0))])
        #expect(report.json.contains(#"{"keys": ["m", "a\"\\\u000a\u001bé"], "events": 1,"#))
        let parsed = try JSONSerialization.jsonObject(with: Data(report.json.utf8)) as? [String: Any]
        let row = (parsed?["rows"] as? [[String: Any]])?.first
        #expect(row?["keys"] as? [String] == ["m", "a\"\\\n\u{1b}é"])
    }

    @Test("An empty report has no rows, zeros and null times")
    func empty() throws {
        let folder = try TemporaryFolder()
        _ = try Views(folder: folder.path)
        let report = try ViewsReader(folder: folder.path).report(UsageQuery())
        #expect(report.json.contains(#""by": ["day"], "rows": [], "totals": {"events": 0,"#))
        #expect(report.json.contains(#""unpriced_events": 0, "first_ms": null, "last_ms": null}"#))
        #expect(report.csv.split(separator: "\r\n").count == 1)
        #expect(report.table == "No usage in this period.\n")
    }

    @Test("The total is rounded once from the exact sum, not added up from rounded rows")
    func rounding() throws {
        // Three times 1.5 nano-USD: rows round to 2, the total 4.5 to 4 (half to even).
        let rows = ["a", "b", "c"].map { ([$0 as String?], Self.sums(femto: 1_500_000)) }
        let report = try Self.report(by: [.model], rows)
        #expect(report.rows.map(\.sums.costNanoUSD) == [2, 2, 2])
        #expect(report.totals.costNanoUSD == 4)
    }

    @Test("CSV quotes what needs quoting and leaves absent keys empty")
    func csv() throws {
        let report = try Self.report(
            by: [.workstation, .project], [(["a \"b\", c", nil], Self.sums(femto: 7_000_000))])
        #expect(
            report.csv == """
                workstation,project,events,input_tokens,cache_read_tokens,cache_write_5m_tokens,\
                cache_write_1h_tokens,cache_write_unknown_tokens,output_tokens,reasoning_tokens,web_searches,\
                cost_nano_usd,subscription_cost_nano_usd,reported_cost_nano_usd,unpriced_events,first_ms,last_ms\r
                "a ""b"", c",,1,1234567,2,3,4,5,6,0,0,7,0,0,0,1000,2000\r

                """)
    }

    @Test("The table aligns its columns, names what has no price and what never arrived")
    func table() throws {
        let usd: Int128 = 1_000_000_000_000_000
        let report = try Self.report(
            by: [.model],
            [
                (["claude-opus-4-5"], Self.sums(events: 1_200, femto: 1_234 * usd + usd / 2)),
                (["house-model"], Self.sums(events: 2, femto: 0, unpriced: 2)), ([nil], Self.sums(femto: 1)),
            ], gaps: GapTotals(events: 1, reportedNanoUSD: 120_000_000))
        #expect(
            report.table == """
                Model            Events      Input  Cache read  Cache write  Output  API-equivalent  Not priced
                ───────────────  ──────  ─────────  ──────────  ───────────  ──────  ──────────────  ──────────
                claude-opus-4-5   1,200  1,234,567           2           12       6       $1,234.50           0
                house-model           2  1,234,567           2           12       6      not priced           2
                (none)                1  1,234,567           2           12       6           $0.00           0
                ───────────────  ──────  ─────────  ──────────  ───────────  ──────  ──────────────  ──────────
                Total             1,203  3,703,701           6           36      18       $1,234.50           2
                2 events not priced: the price book has no rate for their model, speed, tier or region. The API-equivalent leaves them out.
                1 event never arrived, reported cost $0.1200.

                """)
    }

    @Test(
        "Dollars are rounded for reading, and little is never shown as nothing",
        arguments: [
            (0, 2, "$0.00"), (1, 2, "<$0.01"), (5_000_000, 2, "<$0.01"), (5_000_001, 2, "$0.01"),
            (15_000_000, 2, "$0.02"), (1_234_567_890_000, 2, "$1,234.57"), (49_999, 4, "<$0.0001"),
            (999_999_999, 4, "$1.0000"), (999_949_999, 4, "$0.9999"), (-1_500_000_000, 2, "-$1.50"),
        ] as [(Int128, Int, String)])
    func dollars(nano: Int128, decimals: Int, text: String) {
        #expect(UsageReport.dollars(nano, decimals: decimals) == text)
    }

    @Test("Dimensions are read from a list, and a wrong one is told what there is")
    func dimensions() throws {
        let all = UsageDimension.allCases
        #expect(try UsageDimension.list("day, model") == [.day, .model])
        #expect(throws: UsageError.dimensionUnknown("colour", known: all)) { try UsageDimension.list("day,colour") }
        #expect(throws: UsageError.dimensionUnknown("", known: all)) { try UsageDimension.list("") }
        #expect(throws: UsageError.dimensionTwice(.day)) { try UsageDimension.list("day,day") }
        #expect(UsageError.dimensionUnknown("x", known: all).description.contains("day, hour, model, agent"))
        #expect(throws: StorageError.timeZoneUnknown("Mars/Base")) { try UsageQuery.timeZone(named: "Mars/Base") }
    }
}
