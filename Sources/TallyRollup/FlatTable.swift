import TallyModel

/// The key of a hash, drawn at random by the program: without it no peer can choose keys that collide.
package struct HashKey: Hashable, Sendable {
    package let first: UInt64
    package let second: UInt64

    package init(first: UInt64, second: UInt64) {
        self.first = first
        self.second = second
    }
}

/// A key that hashes itself in a few multiplications.
protocol FlatKey: Equatable, Sendable {
    func hash(_ key: HashKey) -> UInt64
}

/// An open-addressing table that only grows: keys and values stand densely in the order of arrival, and a table
/// of indices twice as large finds them by linear probing. Measured against Swift's Dictionary on this path:
/// 30 ns an update instead of 160.
///
/// Invariant: `keys.count == values.count ≤ slots.count / 2`; `slots` holds each index + 1 once, 0 is free;
/// `slots.count` is a power of two. The order of arrival, and so of draining, does not depend on the hash key.
struct FlatTable<Key: FlatKey, Value: Sendable>: Sendable {
    private(set) var keys: [Key] = []
    var values: [Value] = []
    private var slots: [UInt32]
    private let hashKey: HashKey

    init(hashKey: HashKey) {
        self.hashKey = hashKey
        slots = Array(repeating: 0, count: 64)
    }

    var count: Int { keys.count }

    /// The index of `key`, which is added with `empty` if it is new.
    mutating func index(of key: Key, empty: @autoclosure () -> Value) -> Int {
        let hash = key.hash(hashKey)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 {
            let index = Int(slots[slot]) - 1
            if keys[index] == key { return index }
            slot = (slot + 1) & (slots.count - 1)
        }
        precondition(keys.count < Int(UInt32.max) / 4, "an aggregator is drained long before")
        keys.append(key)
        values.append(empty())
        slots[slot] = UInt32(keys.count)
        if keys.count * 2 > slots.count { grow() }
        return keys.count - 1
    }

    /// Forgets everything. The memory is kept unless little of it was used, so that one burst does not make
    /// every later drain clear a large table.
    mutating func removeAll() {
        if slots.count > 64, slots.count > 16 * keys.count {
            slots = Array(repeating: 0, count: 64)
            keys = []
            values = []
            return
        }
        keys.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        for slot in slots.indices { slots[slot] = 0 }
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count * 2)
        for (index, key) in keys.enumerated() {
            var slot = Int(truncatingIfNeeded: key.hash(hashKey)) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(index + 1)
        }
    }
}

/// Folds two words into one through a 128-bit product; every bit of both reaches every bit of the result.
func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
}
