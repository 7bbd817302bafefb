/// The counts of one request in 125 bits. Most are small or zero, so each takes what it needs, from the lowest bit on:
///
///     0                                 zero
///     1, width - 1, value               a value of `width` bits without its highest one, which is set
///
/// A width takes five bits, that of the money six. In the order of the fields: input, cache read, cache writes (five
/// minutes, an hour, unknown), output, reasoning, searches, money. A request of Claude's with all that it can have takes
/// some 120 bits; what needs more is kept beside (`RequestRows`).
struct PackedCounts {
    static let bitsMax = 125
    private static let widthBits: UInt64 = 5
    private static let moneyWidthBits: UInt64 = 6

    /// Nil for counts that do not fit.
    static func pack(_ counts: RequestCounts) -> UInt128? {
        var writer = PackedCounts()
        writer.put(UInt64(counts.input), widthBits)
        writer.put(UInt64(counts.cacheRead), widthBits)
        writer.put(UInt64(counts.write5m), widthBits)
        writer.put(UInt64(counts.write1h), widthBits)
        writer.put(UInt64(counts.writeUnknown), widthBits)
        writer.put(UInt64(counts.output), widthBits)
        writer.put(UInt64(counts.reasoning), widthBits)
        writer.put(UInt64(counts.webSearches), widthBits)
        writer.put(counts.reportedNanoUSD, moneyWidthBits)
        return writer.count <= bitsMax ? writer.bits : nil
    }

    static func unpack(_ bits: UInt128) -> RequestCounts {
        var reader = PackedCounts()
        reader.bits = bits
        var counts = RequestCounts()
        counts.input = UInt32(truncatingIfNeeded: reader.take(widthBits))
        counts.cacheRead = UInt32(truncatingIfNeeded: reader.take(widthBits))
        counts.write5m = UInt32(truncatingIfNeeded: reader.take(widthBits))
        counts.write1h = UInt32(truncatingIfNeeded: reader.take(widthBits))
        counts.writeUnknown = UInt32(truncatingIfNeeded: reader.take(widthBits))
        counts.output = UInt32(truncatingIfNeeded: reader.take(widthBits))
        counts.reasoning = UInt32(truncatingIfNeeded: reader.take(widthBits))
        counts.webSearches = UInt16(truncatingIfNeeded: reader.take(widthBits))
        counts.reportedNanoUSD = reader.take(moneyWidthBits)
        return counts
    }

    private var bits: UInt128 = 0
    /// May go beyond 128: those bits are lost, and `pack` says nil.
    private var count: UInt64 = 0

    private mutating func put(_ value: UInt64, _ widthBits: UInt64) {
        guard value != 0 else {
            count += 1
            return
        }
        let width = UInt64(UInt64.bitWidth - value.leadingZeroBitCount)
        let rest = value & ~(1 << (width - 1))
        bits |= (UInt128(rest) << UInt128(1 + widthBits) | UInt128((width - 1) << 1 | 1)) << UInt128(count)
        count += widthBits + width
    }

    private mutating func take(_ widthBits: UInt64) -> UInt64 {
        let head = UInt64(truncatingIfNeeded: bits)
        guard head & 1 == 1 else {
            bits >>= 1
            return 0
        }
        let rest = (head >> 1) & ((1 << widthBits) - 1)
        bits >>= UInt128(1 + widthBits)
        let value = 1 << rest | UInt64(truncatingIfNeeded: bits) & ((1 << rest) - 1)
        bits >>= UInt128(rest)
        return value
    }
}
