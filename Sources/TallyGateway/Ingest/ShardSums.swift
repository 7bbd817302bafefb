package import TallyModel
package import TallyPricing
package import TallyRollup
package import TallyWire

/// What one tenant's batches came to on one shard.
package struct TenantSums: Sendable {
    package let tenant: TenantID
    /// The price book that they are priced by.
    package let book: UInt64
    package internal(set) var aggregator: Aggregator
    package internal(set) var batches: UInt64 = 0
    package internal(set) var events: UInt64 = 0
}

/// What the batches of a shard's connections come to since the last cut (`LedgerCut`), tenant by tenant: added up where
/// they are decoded, so that the views need not decode them again.
///
/// Nothing can be taken out again. Where a batch that is in here is then turned away, the counts no longer agree with the
/// ledger's, and the views read that stretch of the tenant's ledger instead.
package struct ShardSums: Sendable {
    private var folder: BatchFolder
    private let hashKey: HashKey
    private let cellsMax: Int
    private var tenants: [TenantSums] = []
    private var places: [TenantID: Int] = [:]
    /// Cells and sessions of all tenants.
    private var entries = 0
    /// A batch found no room: the next cut had better come soon.
    package private(set) var isFull = false

    /// `hashKey` is random and not told to peers.
    package init(book: PriceBook, hashKey: HashKey, cellsMax: Int = Limits.shardCellsMax) {
        folder = BatchFolder(book: book)
        self.hashKey = hashKey
        self.cellsMax = cellsMax
    }

    /// Adds up a batch whose rows all count at their own times. False where there is no room for it.
    package mutating func fold(_ batch: borrowing Batch, of workstation: WorkstationID, _ tenant: TenantID) -> Bool {
        let place = places[tenant] ?? begin(tenant)
        guard entries < cellsMax, !tenants[place].aggregator.isFull else {
            isFull = true
            return false
        }
        let before = tenants[place].aggregator.count + tenants[place].aggregator.sessionCount
        let events = folder.fold(
            batch, of: workstation, receivedMs: .max - Limits.aheadMsMax, offsetMs: 0, into: &tenants[place].aggregator)
        tenants[place].batches += 1
        tenants[place].events += UInt64(events)
        entries += tenants[place].aggregator.count + tenants[place].aggregator.sessionCount - before
        return true
    }

    private mutating func begin(_ tenant: TenantID) -> Int {
        places[tenant] = tenants.count
        tenants.append(
            TenantSums(
                tenant: tenant, book: folder.book.id.value, aggregator: Aggregator(book: folder.book, hashKey: hashKey))
        )
        return tenants.count - 1
    }

    /// Hands all of it out and is empty.
    package mutating func take() -> [TenantSums] {
        let taken = tenants
        tenants = []
        places.removeAll(keepingCapacity: true)
        entries = 0
        isFull = false
        return taken
    }
}
