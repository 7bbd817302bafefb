package import TallyLog
package import TallyModel
package import TallyPricing
import TallyRollup

/// What a tenant's ledger costs by another price book, beside what was counted. Nothing is changed: records name their
/// books for ever, and the figures as counted are theirs.
///
/// The ledger is folded twice, as reports and views fold it, so that the first figure is the one that reports show. Memory
/// holds one aggregator and a row a model.
package struct Repricing: Sendable {
    /// One model's, or all models' sums.
    package struct Row: Hashable, Sendable {
        /// Events of kind usage.
        package var events: Int128 = 0
        package var unpricedBefore: Int128 = 0
        package var unpricedAfter: Int128 = 0
        /// By the books that the records name.
        package var before: Money = .zero
        /// By the other book.
        package var after: Money = .zero

        /// Positive where the other book says more.
        package var difference: Money { Money(femtoUSD: after.femtoUSD - before.femtoUSD) }
    }

    /// By the label as sent, in the order of the labels.
    package private(set) var rows: [(model: String, row: Row)] = []
    package private(set) var totals = Row()

    /// Everything of `ledger` up to `through` whose effective time lies in `period`.
    package init(
        of ledger: any LogDisk, through: LedgerPosition, books: BookShelf, by book: PriceBook, period: Range<Int64>
    ) throws {
        var models: [Label: Row] = [:]
        func fold(_ onlyBook: PriceBook?, _ add: (RollupCounts, inout Row) throws -> Void) throws {
            var fold = try LedgerFold(
                disk: ledger, from: nil, through: through, books: books, onlyBook: onlyBook, within: [period])
            while let result = try fold.next() {
                for (key, counts) in result.cells { try add(counts, &models[key.model, default: Row()]) }
                guard models.count <= Limits.reportRowsMax else { throw StorageError.reportTooLarge }
            }
        }
        try fold(nil) { counts, row in
            row.events += Int128(counts.events)
            row.unpricedBefore += Int128(counts.unpricedEvents)
            row.before = try Self.sum(row.before, counts.cost)
        }
        try fold(book) { counts, row in
            row.unpricedAfter += Int128(counts.unpricedEvents)
            row.after = try Self.sum(row.after, counts.cost)
        }
        rows = models.map { (model: $0.key.text, row: $0.value) }.sorted { $0.model < $1.model }
        for (_, row) in rows {
            totals.events += row.events
            totals.unpricedBefore += row.unpricedBefore
            totals.unpricedAfter += row.unpricedAfter
            totals.before = try Self.sum(totals.before, row.before)
            totals.after = try Self.sum(totals.after, row.after)
        }
    }

    private static func sum(_ left: Money, _ right: Money) throws -> Money {
        let (sum, isOver) = left.femtoUSD.addingReportingOverflow(right.femtoUSD)
        guard !isOver else { throw StorageError.amountTooLarge(file: TenantLedger.folderName) }
        return Money(femtoUSD: sum)
    }
}
