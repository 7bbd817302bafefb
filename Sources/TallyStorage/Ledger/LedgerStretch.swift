package import TallyModel
package import TallyRollup

/// A durable part of a tenant's ledger, from behind `from` to `through`, on its way to the views.
package struct LedgerStretch: Sendable {
    /// What it adds to the views.
    package struct Content: Sendable {
        package var sums: [Aggregator]
        package var gaps: [GapRow]
        /// The streams that moved, as they stand at `through`.
        package var streams: [StreamRow]
        package var events: UInt64

        package init(sums: [Aggregator], gaps: [GapRow], streams: [StreamRow], events: UInt64) {
            self.sums = sums
            self.gaps = gaps
            self.streams = streams
            self.events = events
        }
    }

    package let tenant: TenantID
    package let from: LedgerPosition
    package let through: LedgerPosition
    /// Nil where the ledger must be read for it.
    package var content: Content?

    package init(tenant: TenantID, from: LedgerPosition, through: LedgerPosition, content: Content?) {
        self.tenant = tenant
        self.from = from
        self.through = through
        self.content = content
    }

    package var records: UInt64 { through.ordinal - from.ordinal }
}
