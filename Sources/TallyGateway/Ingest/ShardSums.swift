package import TallyModel
package import TallyPricing
package import TallyRollup
package import TallyWire

/// What one tenant's batches came to on one shard.
package struct TenantSums: Sendable {
    package let tenant: TenantID
    /// The price book that they are priced by.
    package let book: UInt64
    package private(set) var aggregator: Aggregator
    package private(set) var batches: UInt64 = 0
    package private(set) var events: UInt64 = 0

    fileprivate init(tenant: TenantID, book: PriceBook, hashKey: HashKey) {
        self.tenant = tenant
        self.book = book.id.value
        aggregator = Aggregator(book: book, hashKey: hashKey, cellsMax: Limits.gatheredTenantCellsMax)
    }

    /// Adds up a batch; by how many cells and sessions it grew. Nil where it is full. One call, so that nothing of this is
    /// copied.
    fileprivate mutating func fold(
        _ batch: borrowing Batch, of workstation: WorkstationID, with folder: inout BatchFolder
    ) -> Int? {
        guard !aggregator.isFull else { return nil }
        let before = aggregator.count + aggregator.sessionCount
        let counted = folder.fold(
            batch, of: workstation, receivedMs: .max - Limits.aheadMsMax, offsetMs: 0, into: &aggregator)
        batches += 1
        events += UInt64(counted)
        return aggregator.count + aggregator.sessionCount - before
    }
}

/// What the batches of a shard's connections come to since the last harvest (`LedgerHarvest`), tenant by tenant: added up
/// where they are decoded, so that the views need not decode them again.
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
    /// A batch found no room: the next harvest had better come soon.
    package private(set) var isFull = false

    /// `hashKey` is random and not told to peers; `cellsMax` is this shard's part of what all may hold.
    package init(book: PriceBook, hashKey: HashKey, cellsMax: Int = Limits.gatheredCellsMax) {
        folder = BatchFolder(book: book)
        self.hashKey = hashKey
        self.cellsMax = cellsMax
    }

    /// Adds up a batch whose rows all count at their own times. False where there is no room for it.
    package mutating func fold(_ batch: borrowing Batch, of workstation: WorkstationID, _ tenant: TenantID) -> Bool {
        let place = places[tenant] ?? begin(tenant)
        guard entries < cellsMax, tenants[place].book == folder.book.id.value,
            let grown = tenants[place].fold(batch, of: workstation, with: &folder)
        else {
            isFull = true
            return false
        }
        entries += grown
        return true
    }

    /// Prices by `book` from here on. What is in here keeps its price: a tenant that has something in here finds no room
    /// until that is taken.
    package mutating func use(_ book: PriceBook) {
        if book.id != folder.book.id { folder = BatchFolder(book: book) }
    }

    /// How many of the tenant's sessions are in here; nil where some may be missing, because there was no room.
    func sessions(of tenant: TenantID) -> Int? {
        if isFull { return nil }
        guard let place = places[tenant] else { return 0 }
        return tenants[place].aggregator.sessionCount
    }

    private mutating func begin(_ tenant: TenantID) -> Int {
        places[tenant] = tenants.count
        tenants.append(TenantSums(tenant: tenant, book: folder.book, hashKey: hashKey))
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
