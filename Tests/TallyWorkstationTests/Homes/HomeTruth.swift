import Foundation
import TallyGenerator
import TallyModel
import TallyPricing
import TallyRollup
import TallyStorage
import TallyUsage
import Testing

@testable import TallyWorkstation

/// Where a home's days lie: a zone and an end soon after its clocks change, or after a price does.
struct HomePlace: Sendable {
    let zone: String
    /// Milliseconds since 1970; every call is earlier, by three days at most.
    let endMs: Int64

    static let all = [
        // 2026-10-26, 2026-10-05, 2026-09-28, 2026-04-06, 2026-11-02, 2026-10-09, 2026-11-20: each at 00:00 UTC.
        HomePlace(zone: "Europe/Berlin", endMs: 1_792_972_800_000),
        HomePlace(zone: "Australia/Sydney", endMs: 1_791_158_400_000),
        HomePlace(zone: "Pacific/Auckland", endMs: 1_790_553_600_000),
        HomePlace(zone: "Australia/Lord_Howe", endMs: 1_775_433_600_000),
        HomePlace(zone: "America/New_York", endMs: 1_793_577_600_000),
        HomePlace(zone: "Asia/Kathmandu", endMs: 1_791_504_000_000),
        HomePlace(zone: "UTC", endMs: 1_795_132_800_000),
    ]
}

/// What arrived at the gateway, as a report shows it, against what the generator knows.
extension HomeRun {
    /// A call's lines are written within this span: around a midnight its growth may belong to the next day.
    private static let callMs: Int64 = 30_000

    /// Nil if everything is equal: in all and per model, to the token and the femto-dollar; and per local day, in
    /// homes without a call across midnight. Where a call was corrected, or telemetry told it first, its reasoning
    /// may be told short, never long: a correction's reasoning is a part of its output, by the schema, and a source
    /// may tell of it late.
    func difference(_ book: PriceBook) throws -> String? {
        let ledger = bench.gateway.ledger
        guard bench.failure == nil else { return "the workstation failed" }
        guard bench.core.spool.state.unacknowledged == 0 else { return "not everything is acknowledged" }
        guard ledger.allSatisfy({ EventRules.violation($0) == nil }) else { return "an event is not valid" }
        let cells = reportCells(of: ledger, book)
        let zone = try UsageQuery.timeZone(named: place.zone)
        guard rejectedRecords == 0 else { return "a record of telemetry was refused" }
        guard told.allSatisfy(\.isTaken) else { return "not every record of telemetry was taken" }
        let events = trueEvents
        let truth = events.reduce(into: Truth()) { $0.add($1) }
        let models = try HomeRun.report(cells, by: .model, zone)
        if let text = difference(["all": models.totals], ["all": truth.totals]) { return text }
        if let text = difference(models.rows, truth.models) { return text }
        guard comparesDays else { return nil }
        return difference(try HomeRun.report(cells, by: .day, zone).rows, HomeRun.days(events, zone))
    }

    /// No call's lines stand on both sides of a midnight.
    var comparesDays: Bool {
        guard let zone = try? UsageQuery.timeZone(named: place.zone) else { return false }
        return home.events.allSatisfy { event in
            HomeRun.day(event.timeMs, zone) == HomeRun.day(event.timeMs + HomeRun.callMs, zone)
        }
    }

    private static func report(
        _ cells: [(key: RollupKey, counts: RollupCounts)], by dimension: UsageDimension, _ zone: TimeZone
    ) throws -> (rows: [String: UsageSums], totals: UsageSums) {
        let cut = UsageZone(isUTC: zone == .gmt) { second in
            Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(second))))
        }
        var fold = UsageFold(by: [dimension], zone: cut)
        try fold.add(cells.map { ($0.key, $0.counts) })
        let report = try fold.report(tenant: nil, gaps: GapTotals())
        let rows = report.rows.map { (($0.keys.first ?? nil) ?? "", $0.sums) }
        return (Dictionary(uniqueKeysWithValues: rows), report.totals)
    }

    /// The generator's calls, with what telemetry says that they cost.
    private var trueEvents: [Event] {
        let costs = told.reduce(into: [:]) { $0[$1.call.event] = $1.event }
        return home.events.map { costs[$0] ?? $0 }
    }

    /// Cut by the calendar of Foundation, which the product's days are not made with.
    private static func days(_ events: [Event], _ zone: TimeZone) -> [String: RollupCounts] {
        let prices = PriceList()
        return events.reduce(into: [:]) { days, event in
            days[HomeRun.day(event.timeMs, zone), default: RollupCounts()] += Truth.counts(
                event, cost: prices.cost(of: event))
        }
    }

    private static func day(_ timeMs: Int64, _ zone: TimeZone) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        let date = Date(timeIntervalSince1970: Double(timeMs) / 1_000)
        let parts = calendar.dateComponents([.year, .month, .day], from: date)
        func two(_ value: Int?) -> String { String(String(100 + (value ?? 0)).dropFirst()) }
        return "\(parts.year ?? 0)-\(two(parts.month))-\(two(parts.day))"
    }

    var corrections: Int { bench.gateway.ledger.count { $0.kind == .correction } }

    private func difference(_ found: [String: UsageSums], _ truth: [String: RollupCounts]) -> String? {
        let isCorrected = corrections > 0 || counts.toldFirst > 0
        for key in Set(found.keys).union(truth.keys).sorted() {
            let right = truth[key].map { HomeRun.comparable(UsageSums($0)) } ?? UsageSums()
            var here = HomeRun.comparable(found[key] ?? UsageSums())
            if isCorrected, here.reasoningTokens < right.reasoningTokens {
                here.reasoningTokens = right.reasoningTokens
            }
            if here != right { return "\(key): found \(HomeRun.text(here)), true is \(HomeRun.text(right))" }
        }
        return nil
    }

    /// Without what transcripts do not tell: tool calls, and the instants of corrections.
    private static func comparable(_ sums: UsageSums) -> UsageSums {
        var sums = sums
        (sums.toolCalls, sums.firstMs, sums.lastMs) = (0, .max, .min)
        return sums
    }

    private static func text(_ sums: UsageSums) -> String {
        "\(sums.events) calls, \(sums.inputTokens) input, \(sums.cacheReadTokens) read, "
            + "\(sums.cacheWrite5mTokens)/\(sums.cacheWrite1hTokens)/\(sums.cacheWriteUnknownTokens) written, "
            + "\(sums.outputTokens) output, \(sums.reasoningTokens) reasoning, \(sums.webSearches) searches, "
            + "\(sums.cost.femtoUSD) femto-USD, \(sums.reportedNanoUSD) reported, \(sums.unpricedEvents) unpriced"
    }
}
