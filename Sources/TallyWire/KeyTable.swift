import TallyModel

/// Finds an entry of a batch's dictionary by its value: open addressing over twice as many places as a batch
/// has rows, emptied by counting rounds instead of by clearing.
///
/// The hash is keyed by `seed`, which the rim draws: entries are a peer's choice, and without a key it could
/// make every search walk the whole table.
struct KeyTable: Sendable {
    private static let places = 2 * Limits.batchEventsMax

    private let seed: UInt64
    /// Of the places in use, a power of two: a small dictionary's stay near each other.
    private var mask = places - 1
    private var round: UInt32 = 0
    /// Round above, entry below: a place of another round is free.
    private var table = [UInt64](repeating: 0, count: places)

    init(seed: UInt64) { self.seed = seed }

    /// Makes room for at most `entries`, which are at most `Limits.batchEventsMax`.
    mutating func removeAll(for entries: Int = Limits.batchEventsMax) {
        mask = min(1 << (Int.bitWidth - (4 * entries - 1).leadingZeroBitCount), Self.places) - 1
        if round == .max {
            for index in table.indices { table[index] = 0 }
            round = 0
        }
        round += 1
    }

    /// The index of `id` in `entries`, or `entry` after putting it into the table.
    mutating func find(_ id: Bytes16, in entries: Span<Bytes16>, orInsert entry: Int) -> Int {
        var place = place(of: id.high, id.low)
        // A table twice as large as its dictionary always has a free place.
        for _ in 0...mask {
            guard let found = entryAt(place) else { break }
            if entries[found].high == id.high, entries[found].low == id.low { return found }
            place = (place + 1) & mask
        }
        table[place] = UInt64(round) << 32 | UInt64(entry)
        return entry
    }

    /// The same for a label, by the hash of its bytes.
    mutating func find(_ hash: UInt64, in hashes: Span<UInt64>, orInsert entry: Int) -> Int {
        var place = place(of: hash, hash)
        for _ in 0...mask {
            guard let found = entryAt(place) else { break }
            if hashes[found] == hash { return found }
            place = (place + 1) & mask
        }
        table[place] = UInt64(round) << 32 | UInt64(entry)
        return entry
    }

    /// Whether entries 1 to the last are all different. Puts them into the table, which was emptied for them.
    mutating func areDistinct(_ entries: Span<Bytes16>) -> Bool {
        let mask = mask
        let mark = UInt64(round) << 32
        let seed = seed
        var table = table.mutableSpan
        for entry in 1..<max(entries.count, 1) {
            let id = entries[entry]
            var place = KeyTable.place(of: id.high, id.low, seed, mask)
            // A table twice as large as its dictionary always has a free place.
            for _ in 0...mask {
                let held = table[place] &- mark
                if held > 0xffff_ffff { break }
                let other = entries[Int(truncatingIfNeeded: held)]
                if (other.high ^ id.high) | (other.low ^ id.low) == 0 { return false }
                place = (place &+ 1) & mask
            }
            table[place] = mark | UInt64(entry)
        }
        return true
    }

    private func entryAt(_ place: Int) -> Int? {
        let held = table[place]
        return held >> 32 == UInt64(round) ? Int(truncatingIfNeeded: held & 0xffff_ffff) : nil
    }

    private func place(of high: UInt64, _ low: UInt64) -> Int { KeyTable.place(of: high, low, seed, mask) }

    @inline(__always)
    private static func place(of high: UInt64, _ low: UInt64, _ seed: UInt64, _ mask: Int) -> Int {
        let product = (high ^ seed).multipliedFullWidth(by: low ^ seed.byteSwapped ^ 0x9e37_79b9_7f4a_7c15)
        return Int(truncatingIfNeeded: (product.high ^ product.low) & UInt64(truncatingIfNeeded: mask))
    }
}
