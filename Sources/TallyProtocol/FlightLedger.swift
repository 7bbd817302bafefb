package import TallyModel

/// What is in flight: the batches and skips that one side has sent or accepted and that are not yet
/// committed, oldest first, contiguous.
///
/// A ring that doubles when it is full, so that a steady stream allocates nothing. Its length is bounded by
/// the credit of its owner: every batch has at least one event and one byte, and skips are counted.
///
/// Invariant: entries are contiguous and ascending; `bytes`, `rawBytes` and `skips` are the sums over the entries.
package struct FlightLedger: Sendable {
    package struct Entry: Hashable, Sendable {
        package var first: Sequence64
        package var last: Sequence64
        package var chainAfter: ChainValue
        /// Bytes of the BATCH body as it travels; 0 for a skip.
        package var bytes: UInt32
        /// The raw body in units of sixteen bytes, rounded up: what is held of it, in half a word.
        fileprivate var rawUnits: UInt16
        package var isSkip: Bool

        /// `rawBytes`: of the body as it is held until it is committed, by whoever holds it.
        package init(
            first: Sequence64, last: Sequence64, chainAfter: ChainValue, bytes: UInt32, rawBytes: UInt32 = 0,
            isSkip: Bool = false
        ) {
            self.first = first
            self.last = last
            self.chainAfter = chainAfter
            self.bytes = bytes
            rawUnits = UInt16(clamping: (UInt64(rawBytes) + 15) / 16)
            self.isSkip = isSkip
        }

        fileprivate var rawBytes: Int { Int(rawUnits) * 16 }
    }

    private var ring: [Entry?] = []
    private var head = 0
    package private(set) var count = 0
    /// Bytes of BATCH bodies in flight.
    package private(set) var bytes: UInt64 = 0
    /// Bytes of raw bodies in flight, each rounded up to sixteen.
    package private(set) var rawBytes = 0
    package private(set) var skips = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }
    package var newest: Entry? { count == 0 ? nil : entry(count - 1) }
    package var oldest: Entry? { count == 0 ? nil : entry(0) }

    package mutating func append(_ entry: Entry) {
        if let newest { precondition(entry.first.value == newest.last.value + 1, "flight is contiguous") }
        precondition(entry.first <= entry.last, "an entry holds at least one event")
        if count == ring.count { grow() }
        ring[(head + count) & (ring.count - 1)] = entry
        count += 1
        bytes += UInt64(entry.bytes)
        rawBytes += entry.rawBytes
        if entry.isSkip { skips += 1 }
    }

    /// Forgets everything that ends at or below `sequence`.
    package mutating func release(through sequence: Sequence64) {
        while let oldest, oldest.last <= sequence {
            subtract(oldest)
            head = (head + 1) & (ring.count - 1)
            count -= 1
        }
        if count == 0, ring.count > 1_024 {
            ring = []
            head = 0
        }
    }

    /// Forgets everything that ends at or above `sequence`, the newest first.
    package mutating func drop(from sequence: Sequence64) {
        while let newest, newest.last >= sequence {
            subtract(newest)
            count -= 1
        }
    }

    /// The entry that begins with `first`: a search by halves.
    package func entry(first: Sequence64) -> Entry? {
        guard let found = search(where: { $0.first < first }), found.first == first else { return nil }
        return found
    }

    /// The entry that ends with `last`.
    package func entry(last: Sequence64) -> Entry? {
        guard let found = search(where: { $0.last < last }), found.last == last else { return nil }
        return found
    }

    package func checkInvariants() {
        var bytes: UInt64 = 0
        var rawBytes = 0
        var skips = 0
        var before: Entry?
        for index in 0..<count {
            guard let one = entry(index) else { preconditionFailure("a hole in the ring") }
            if let before { precondition(one.first.value == before.last.value + 1, "flight is contiguous") }
            bytes += UInt64(one.bytes)
            rawBytes += one.rawBytes
            skips += one.isSkip ? 1 : 0
            before = one
        }
        let isSum = bytes == self.bytes && rawBytes == self.rawBytes && skips == self.skips
        precondition(isSum, "the sums are those of the entries")
    }

    private func entry(_ index: Int) -> Entry? { ring[(head + index) & (ring.count - 1)] }

    /// The first entry for which `isBelow` is false.
    private func search(where isBelow: (Entry) -> Bool) -> Entry? {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            guard let one = entry(middle) else { return nil }
            if isBelow(one) { low = middle + 1 } else { high = middle }
        }
        return low < count ? entry(low) : nil
    }

    private mutating func subtract(_ entry: Entry) {
        bytes -= UInt64(entry.bytes)
        rawBytes -= entry.rawBytes
        if entry.isSkip { skips -= 1 }
    }

    private mutating func grow() {
        var larger = [Entry?](repeating: nil, count: max(8, ring.count * 2))
        for index in 0..<count { larger[index] = entry(index) }
        ring = larger
        head = 0
    }
}
