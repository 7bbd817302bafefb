package import TallyModel
import TallyPricing
package import TallyRollup

/// A durable batch record that need not be decoded again: what it came to was found out when it came.
package struct FoldedBatch: Sendable {
    package let ordinal: UInt64
    package let workstation: WorkstationID
    /// The control totals of its rows.
    package let totals: RunningTotals
    package let sums: BatchSums

    package init(ordinal: UInt64, workstation: WorkstationID, totals: RunningTotals, sums: BatchSums) {
        self.ordinal = ordinal
        self.workstation = workstation
        self.totals = totals
        self.sums = sums
    }

    /// Roughly what it takes in memory.
    package var bytes: Int { sums.bytes + MemoryLayout<FoldedBatch>.stride }
}

/// The sums of folded batches of one ledger, gathered until its views take them in together with everything between.
///
/// Invariant: `aggregator` holds the batches of `covered`, whose ordinals ascend, and nothing else.
package struct FoldedTail: Sendable {
    struct Covered: Sendable {
        let ordinal: UInt64
        let totals: RunningTotals
        let events: Int
    }

    var aggregator: Aggregator
    private(set) var covered: [Covered] = []
    /// Batches left out in between, which will have to be decoded.
    private var skipped = 0
    private static let skippedMax = 16

    package init(aggregator: Aggregator) { self.aggregator = aggregator }

    package var isEmpty: Bool { covered.isEmpty }
    package var lastOrdinal: UInt64 { covered.last?.ordinal ?? 0 }
    /// Nothing more is taken before the views have moved.
    package var isFull: Bool {
        aggregator.isFull || covered.count >= Limits.foldedBatchesMax || skipped > Self.skippedMax
    }

    /// False where it was not taken: its record will be decoded.
    @discardableResult
    package mutating func merge(_ batch: FoldedBatch) -> Bool {
        guard !isFull, batch.ordinal > lastOrdinal, batch.sums.book == aggregator.book.id.value else {
            skipped += 1
            return false
        }
        aggregator.merge(batch.sums, workstation: batch.workstation)
        covered.append(Covered(ordinal: batch.ordinal, totals: batch.totals, events: batch.sums.events))
        return true
    }
}
