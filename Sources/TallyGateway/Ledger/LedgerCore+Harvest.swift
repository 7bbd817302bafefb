import TallyModel
package import TallyStorage

/// Harvesting the ledgers: stretches of them for the views.
extension LedgerCore {
    /// Ends a stretch at every ledger that has more on stable storage than at the last harvest, and begins the next. `sums`:
    /// what the shards made of the batches that were taken since then, of those and no others.
    ///
    /// To be called behind a commit. A ledger with records that found no room yet is harvested without its sums: its views read.
    package func harvest(_ sums: [TenantSums]) -> [LedgerStretch] {
        let byTenant = Dictionary(grouping: sums, by: \.tenant)
        var stretches: [LedgerStretch] = []
        for tenant in unharvested.take() {
            guard failure == nil, let box = desks[tenant] else { continue }
            let growth = box.desk.growth
            let through = box.desk.ledger.durable
            let isWhole = !box.desk.ledger.isDirty
            if through.ordinal > growth.from.ordinal {
                stretches.append(
                    LedgerStretch(
                        tenant: tenant, from: growth.from, through: through,
                        content: isWhole
                            ? growth.content(
                                byTenant[tenant] ?? [], book: box.desk.ledger.book, box.desk.ledger.state) : nil))
            }
            box.desk.growth = LedgerGrowth(from: through, isIncomplete: !isWhole)
            if !isWhole { unharvested.insert(tenant) }
        }
        return stretches
    }
}
