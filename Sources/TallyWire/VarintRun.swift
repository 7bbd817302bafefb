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
    /// Bytes that are searched at once, and with those that a lane may reach beyond them.
    private static let block = 64
    static let reach = 72

    /// What was found in the bytes.
    enum Found {
        /// Not as many varints as rows, or one that has no end within 64 bytes.
        case less
        /// Varints of one byte each: the lanes are the values.
        case bytes
        case lanes
    }

    /// Four bytes from the beginning of each varint, one lane a row.
    ///
    /// `tail` is `raw` near its end: its last `reach` bytes, and as many zeros behind them.
    @inline(__always)
    static func split(
        _ raw: Span<UInt8>, tail: [UInt8], _ position: inout Int, to lanes: inout MutableSpan<UInt32>
    ) -> Found {
        var at = position
        var row = 0
        var found = Found.bytes
        // Each turn takes a varint at least.
        while row < lanes.count {
            let left = raw.count - at
            guard left > 0 else { return .less }
            let bytes =
                left >= reach
                ? raw.extracting(at..<at + reach) : tail.span.extracting(reach - left..<2 * reach - left)
            let tops = topBits(bytes)
            if tops == 0 {
                let count = min(block, lanes.count - row)
                widen(bytes.extracting(0..<count), to: &lanes, from: row)
                at += count
                row += count
                continue
            }
            found = .lanes
            var ends = ~tops
            if ends == 0 { return .less }
            let whole = block &- ends.leadingZeroBitCount
            let count = ends.nonzeroBitCount
            let wanted = min(count, lanes.count - row)
            var some = lanes._mutatingExtracting(row..<row + wanted)
            var start = 0
            for index in 0..<wanted {
                some[index] = bytes.lane(at: start)
                start = ends.trailingZeroBitCount &+ 1
                ends &= ends &- 1
            }
            row += wanted
            // Where the next block begins does not wait for the last varint of this one.
            at += wanted == count ? whole : start
        }
        position = at
        return at <= raw.count ? found : .less
    }

    /// Makes the tail of `raw`.
    static func keepTail(of raw: Span<UInt8>, in tail: inout [UInt8]) {
        while tail.count < 2 * reach { tail.append(0) }
        let count = min(raw.count, reach)
        let last = raw.extracting(raw.count - count..<raw.count)
        var out = tail.mutableSpan
        var places = out._mutatingExtracting(reach - count..<reach)
        for index in 0..<min(count, places.count) { places[index] = last[index] }
    }

    /// Values of one byte each.
    @inline(__always)
    private static func widen(_ bytes: Span<UInt8>, to lanes: inout MutableSpan<UInt32>, from row: Int) {
        var wanted = lanes._mutatingExtracting(row..<row + bytes.count)
        for index in 0..<min(bytes.count, wanted.count) { wanted[index] = UInt32(bytes[index]) }
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
    static func join(_ lanes: inout MutableSpan<UInt32>, _ found: Found, most: UInt32) -> LaneTally {
        guard lanes.count > 0 else { return LaneTally() }
        var odd: UInt32 = 0
        var lessOne: UInt32 = 0
        if found == .lanes {
            for row in 0..<lanes.count {
                let value = join(lanes[row], &odd)
                lessOne |= value &- 1
                lanes[row] = value
            }
        } else {
            for row in 0..<lanes.count { lessOne |= lanes[row] &- 1 }
        }
        // Four bytes hold less than 2²⁸.
        if most < 1 << 28 {
            for row in 0..<lanes.count { odd |= most &- lanes[row] }
        }
        return LaneTally(isOdd: odd >> 31 != 0, isEqual: isEqual(lanes.span), hasDefaults: lessOne >> 31 != 0)
    }

    /// Most columns differ in their first rows.
    @inline(__always)
    private static func isEqual(_ lanes: Span<UInt32>) -> Bool {
        let first = lanes[0]
        for row in 1..<max(lanes.count, 1) where lanes[row] != first { return false }
        return true
    }

    /// The same for zigzag values: the lanes become signed. False if some is too long for a lane or not canonical.
    @inline(__always)
    static func joinSigned(_ lanes: inout MutableSpan<UInt32>) -> Bool {
        var odd: UInt32 = 0
        for row in 0..<lanes.count {
            let value = join(lanes[row], &odd)
            lanes[row] = (value >> 1) ^ (0 &- (value & 1))
        }
        return odd >> 31 == 0
    }

    /// One value. Sets the top bit of `odd` if the varint has more than four bytes or could have had fewer.
    @inline(__always)
    private static func join(_ lane: UInt32, _ odd: inout UInt32) -> UInt32 {
        // The bit below the top one, of each byte that ends a varint.
        let ends = ~(lane >> 1) & 0x4040_4040
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
