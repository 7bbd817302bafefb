import TallyModel

/// An aggregator's sessions, each with the cell that its last row went into: 64 bytes that tell a row of a batch, which is
/// mostly like the last one of its session, where it belongs without another look elsewhere.
///
/// Found by open addressing, as in `FlatTable`; numbered in the order of arrival.
struct SessionTable: Sendable {
    struct Entry: Sendable {
        let key: SessionCellKey
        /// The cells that its last rows of a batch went into, `Aggregator.none` for none, and the first one's key: many
        /// sessions go back and forth between two models.
        var first = Aggregator.none
        var second = Aggregator.none
        var firstKey = CellKey.none
        private var padding: UInt64 = 0

        init(key: SessionCellKey) { self.key = key }
    }

    private(set) var entries: [Entry] = []
    /// What was seen of each.
    var spans: [SessionDelta] = []
    private var slots: [UInt32]
    private let hashKey: HashKey

    init(hashKey: HashKey) {
        self.hashKey = hashKey
        slots = Array(repeating: 0, count: 64)
    }

    var count: Int { entries.count }

    /// The number of a session, which is added if it is new.
    mutating func number(of key: SessionCellKey) -> Int {
        var slot = Int(truncatingIfNeeded: key.hash(hashKey)) & (slots.count - 1)
        while slots[slot] != 0 {
            let number = Int(slots[slot]) - 1
            if entries[number].key == key { return number }
            slot = (slot + 1) & (slots.count - 1)
        }
        precondition(entries.count < Int(UInt32.max) / 4, "an aggregator is drained long before")
        entries.append(Entry(key: key))
        spans.append(.unseen)
        slots[slot] = UInt32(entries.count)
        if entries.count * 2 > slots.count { grow() }
        return entries.count - 1
    }

    /// A session's row went into another cell than its last one.
    mutating func note(_ session: Int, _ cell: UInt32, _ key: CellKey) {
        entries[session].second = entries[session].first
        entries[session].first = cell
        entries[session].firstKey = key
    }

    /// Forgets everything; memory as in `FlatTable`.
    mutating func removeAll() {
        if slots.count > 64, slots.count > 16 * entries.count {
            self = SessionTable(hashKey: hashKey)
            return
        }
        entries.removeAll(keepingCapacity: true)
        spans.removeAll(keepingCapacity: true)
        for slot in slots.indices { slots[slot] = 0 }
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count * 2)
        for (number, entry) in entries.enumerated() {
            var slot = Int(truncatingIfNeeded: entry.key.hash(hashKey)) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(number + 1)
        }
    }
}
