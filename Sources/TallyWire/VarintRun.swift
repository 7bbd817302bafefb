/// Many varints at once: those of a column, as long as each has four bytes at most.
///
/// One varint after another is bound by the wait for where the next one begins, not by instructions. So the ends of all
/// varints in 64 bytes are found first, and from each beginning four bytes are kept as they are; what belongs to a value
/// and what to its neighbour is found in a second loop, which is the same for every row and so becomes vectors.
///
/// ```
/// bytes    83 01 05 ff 7f …
/// ends     0  1  1  0  1  …                 one bit a byte
/// lanes    83 01 05 ff | 05 ff 7f .. | ff 7f .. ..
/// values   131         | 5           | 16383
/// ```
/// Nothing is judged here: a run that is odd in any way is read again, value by value, by whoever called, and that
/// reading says what is wrong and where. So what a peer gains by an odd run is to be read twice.
enum VarintRun {
    /// Bytes that are searched at once, and those that a lane may reach beyond them.
    private static let block = 64
    private static let reach = 8

    /// Four bytes from the beginning of each varint, one lane a row. False if the bytes do not hold so many.
    @inline(__always)
    static func split(
        _ raw: Span<UInt8>, _ position: inout Int, to lanes: inout MutableSpan<UInt32>
    ) -> Bool {
        var at = position
        var row = 0
        // Each turn takes a varint at least.
        while row < lanes.count, raw.count - at >= block + reach {
            let bytes = raw.extracting(at..<at + block + reach)
            let tops = topBits(bytes)
            if tops == 0 {
                let count = min(block, lanes.count - row)
                widen(bytes.extracting(0..<count), to: &lanes, from: row)
                at += count
                row += count
                continue
            }
            var ends = ~tops
            var start = 0
            while ends != 0, row < lanes.count {
                lanes[row] = bytes.lane(at: start)
                start = ends.trailingZeroBitCount &+ 1
                ends &= ends &- 1
                row &+= 1
            }
            if start == 0 { return false }
            at += start
        }
        guard splitLast(raw, &at, from: row, to: &lanes) else { return false }
        position = at
        return true
    }

    /// Values of one byte each.
    @inline(__always)
    private static func widen(_ bytes: Span<UInt8>, to lanes: inout MutableSpan<UInt32>, from row: Int) {
        var wanted = lanes._mutatingExtracting(row..<row + bytes.count)
        for index in 0..<min(bytes.count, wanted.count) { wanted[index] = UInt32(bytes[index]) }
    }

    /// The same near the end of the body, where the bytes behind it count as zeros.
    @inline(never)
    private static func splitLast(
        _ raw: Span<UInt8>, _ at: inout Int, from first: Int, to lanes: inout MutableSpan<UInt32>
    ) -> Bool {
        var row = first
        while row < lanes.count {
            if at >= raw.count { return false }
            var tops: UInt64 = 0
            for index in 0..<8 {
                tops |= topBits(raw.word(at: at + 8 * index)) << UInt64(truncatingIfNeeded: 8 * index)
            }
            var ends = ~tops
            var start = 0
            while ends != 0, row < lanes.count {
                lanes[row] = UInt32(truncatingIfNeeded: raw.word(at: at + start))
                start = ends.trailingZeroBitCount + 1
                ends &= ends &- 1
                row += 1
            }
            if start == 0 { return false }
            at += start
        }
        return at <= raw.count
    }

    /// The top bits of the first 64 bytes, one a byte.
    @inline(__always)
    private static func topBits(_ bytes: Span<UInt8>) -> UInt64 {
        var bits: UInt64 = 0
        for index in 0..<8 {
            bits |= topBits(bytes.whole(at: 8 * index)) << UInt64(truncatingIfNeeded: 8 * index)
        }
        return bits
    }

    /// The top bits of eight bytes: the factor moves each to its place in the highest byte, and no two into one place.
    @inline(__always)
    private static func topBits(_ word: UInt64) -> UInt64 {
        ((word & 0x8080_8080_8080_8080) &* 0x0002_0408_1020_4081) >> 56
    }

    /// The value of each lane in its place, held to be at most `most`. Precondition: `most` is below 2³¹.
    ///
    /// Each test is one whose answer is a top bit, for those of all rows can be gathered without a branch.
    @inline(__always)
    static func join(_ lanes: inout MutableSpan<UInt32>, most: UInt32) -> LaneTally {
        var tally = LaneTally()
        guard lanes.count > 0 else { return tally }
        var odd: UInt32 = 0
        let first = join(lanes[0], &odd)
        var differences: UInt32 = 0
        var lessOne: UInt32 = 0
        for row in 0..<lanes.count {
            let value = join(lanes[row], &odd)
            odd |= most &- value
            differences |= value ^ first
            lessOne |= value &- 1
            lanes[row] = value
        }
        tally.isOdd = odd >> 31 != 0
        tally.isEqual = differences == 0
        tally.hasDefaults = lessOne >> 31 != 0
        return tally
    }

    /// The same for zigzag values, which go to `values`. False if some is too long for a lane or not canonical.
    /// Precondition: there are as many places as lanes.
    @inline(__always)
    static func joinSigned(_ lanes: Span<UInt32>, to values: inout MutableSpan<Int64>) -> Bool {
        var odd: UInt32 = 0
        for row in 0..<min(lanes.count, values.count) {
            let value = join(lanes[row], &odd)
            values[row] = Int64(Int32(bitPattern: value >> 1) ^ -Int32(bitPattern: value & 1))
        }
        return odd >> 31 == 0
    }

    /// One value. Sets the top bit of `odd` if the varint has more than four bytes or could have had fewer.
    @inline(__always)
    private static func join(_ lane: UInt32, _ odd: inout UInt32) -> UInt32 {
        // The bit below the top one, of each byte that ends a varint.
        let ends = ~lane >> 1 & 0x4040_4040
        let below = ends &- 1
        let own = lane & (ends ^ below)
        let sevens = own & 0x7f7f_7f7f
        // A last byte of 0 leaves the top bit before it as the highest of all.
        odd |= below | (sevens &- (own & 0x8080_8080))
        let pairs = sevens & 0x007f_007f | sevens >> 1 & 0x3f80_3f80
        return pairs & 0x3fff | pairs >> 2 & 0x0fff_c000
    }
}

/// What the rows of a run have in common.
struct LaneTally {
    /// Some value is too long for a lane, not canonical or above the range.
    var isOdd = false
    var isEqual = true
    var hasDefaults = false
}
