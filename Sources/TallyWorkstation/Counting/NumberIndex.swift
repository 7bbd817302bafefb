/// Finds the number of an item by the item's hash: open addressing over numbers alone, four bytes a slot. The items lie
/// with the owner, who tells their hashes.
///
/// Invariant: `slots.count` is 0 or a power of two, at least 4/3 of `count`; every number is reached from its home slot
/// without crossing an empty one.
struct NumberIndex: Sendable {
    private static let empty = UInt32.max
    private static let slotsMin = 64

    private(set) var count = 0
    private var slots: [UInt32] = []

    /// The first number of `hash` that `isIt` accepts; it is asked about others, too.
    func find(_ hash: UInt64, _ isIt: (Int) -> Bool) -> Int? {
        guard !slots.isEmpty else { return nil }
        var slot = home(hash)
        while slots[slot] != Self.empty {
            let number = Int(slots[slot])
            if isIt(number) { return number }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// Adds `number`, the item after `0..<number`, which are all in it. `hashOf` tells the hash of each, its own as well.
    mutating func append(_ number: Int, hashOf: (Int) -> UInt64) {
        precondition(number == count && number < Int(Self.empty), "items come in order")
        count += 1
        if count * 4 > slots.count * 3 {
            let room = max(Self.slotsMin, slots.count * 2)
            // The old slots go before the new ones come: both together would be the peak of a first scan.
            slots = []
            slots = [UInt32](repeating: Self.empty, count: room)
            for known in 0..<count { place(known, hashOf(known)) }
        } else {
            place(number, hashOf(number))
        }
    }

    /// Takes the item at `number` out, and gives the last item its number. Called before either moves.
    mutating func removeSwapping(_ number: Int, hashOf: (Int) -> UInt64) {
        let last = count - 1
        remove(number, hashOf: hashOf)
        if number != last {
            slots[slot(of: last, hashOf(last))] = UInt32(number)
        }
        count -= 1
    }

    // MARK: Helpers

    /// From the high half of the product: its low bits would be those of the hash's low bits alone.
    private func home(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> 32) & (slots.count - 1)
    }

    private func slot(of number: Int, _ hash: UInt64) -> Int {
        var slot = home(hash)
        while slots[slot] != UInt32(number) { slot = (slot + 1) & (slots.count - 1) }
        return slot
    }

    private mutating func place(_ number: Int, _ hash: UInt64) {
        var slot = home(hash)
        while slots[slot] != Self.empty { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = UInt32(number)
    }

    /// Moves what stands behind it forward, as far as its home allows: no mark is left that later searches would cross.
    private mutating func remove(_ number: Int, hashOf: (Int) -> UInt64) {
        let mask = slots.count - 1
        var hole = slot(of: number, hashOf(number))
        var next = (hole + 1) & mask
        while slots[next] != Self.empty {
            let way = (next - home(hashOf(Int(slots[next])))) & mask
            if way >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = Self.empty
    }
}
