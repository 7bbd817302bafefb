import Synchronization
import TallyGateway
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyProtocol
import TallyRollup
import TallyStorage
import TallyWire
import TallyWorkstation
import TestDisk

/// I8: what the shipped fold makes of a ledger is what a naive sum over its rows gives, in tokens and in money.
extension World {
    func checkViews(_ walk: LedgerWalk, _ tenant: SimTenant, through: LedgerPosition) {
        var cells: [RollupKey: RollupCounts] = [:]
        do {
            var fold = try LedgerFold(
                disk: tenant.disk, from: nil, through: through, books: environment.books, streams: [],
                entropy: checkEntropy)
            while let result = try fold.next() {
                for (key, counts) in result.cells { cells[key, default: RollupCounts()] += counts }
            }
        } catch {
            return violate(.i8, "the ledger does not fold: \(error)")
        }
        var sum = RollupCounts()
        for counts in cells.values { sum += counts }
        var naive = Naive()
        for row in walk.rows { naive.add(row, environment.books.current) }
        if UInt64(clamping: sum.events) != naive.events || UInt64(clamping: sum.inputTokens) != naive.counts.input
            || UInt64(clamping: sum.cacheReadTokens) != naive.counts.cacheRead
            || UInt64(clamping: sum.cacheWrite5mTokens) != naive.counts.cacheWrite5m
            || UInt64(clamping: sum.cacheWrite1hTokens) != naive.counts.cacheWrite1h
            || UInt64(clamping: sum.cacheWriteUnknownTokens) != naive.counts.cacheWriteUnknown
            || UInt64(clamping: sum.outputTokens) != naive.counts.output
            || UInt64(clamping: sum.reasoningTokens) != naive.counts.reasoning
            || UInt64(clamping: sum.webSearches) != naive.counts.webSearches
        {
            return violate(.i8, "tenant \(tenant.row.id.value): the fold's tokens are not the rows'")
        }
        if UInt64(clamping: sum.reportedCostNanoUSD) != naive.counts.reportedNanoUSD {
            return violate(.i8, "tenant \(tenant.row.id.value): the fold's reported cost is not the rows'")
        }
        if sum.cost != naive.cost || UInt64(clamping: sum.unpricedEvents) != naive.unpriced {
            return violate(
                .i8,
                "tenant \(tenant.row.id.value): the fold says \(sum.cost.femtoUSD), the rows \(naive.cost.femtoUSD)")
        }
    }

    /// Sums, without cells.
    private struct Naive {
        var events: UInt64 = 0
        var counts = CallCounts()
        var cost = Money.zero
        var unpriced: UInt64 = 0

        mutating func add(_ row: LedgerWalk.Row, _ book: PriceBook) {
            if row.event.kind == .usage { events += 1 }
            counts += CallCounts(row.event)
            let effective = EffectiveTime(
                timeMs: row.event.timeMs, receivedMs: row.receivedAtMs, offsetMs: Int64(row.clockOffsetMs)
            ).ms
            if let money = book.price(row.event, effectiveMs: effective).money {
                cost += money
            } else if row.event.kind == .usage {
                unpriced += 1
            }
        }
    }
}
