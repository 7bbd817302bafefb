/// A run of packed values: each fills bytes from the lowest bit, and the last byte's spare bits are zero.
///
/// Eight values fill as many bytes as one has bits. They are moved apart by halves, all at once, each step with one
/// shift and two masks:
///
/// ```
/// word     .............hgfedcba        eight values of up to 8 bits
/// halves   ....hgfe    ....dcba         in lanes of 32 bits
/// pairs    ..hg  ..fe  ..dc  ..ba       16
/// lanes    .h .g .f .e .d .c .b .a      8
/// ```
struct PackedRun {
    private let bits: Int
    private let start: Int
    private let length: Int

    /// Checks the run's length and moves `position` behind it. Precondition: a value has 1 to 12 bits.
    @inline(__always)
    init(_ raw: Span<UInt8>, _ position: inout Int, bits: Int, rows: Int) throws(ColumnFault) {
        length = (bits * rows + 7) / 8
        guard raw.count - position >= length else { throw .malformed }
        self.bits = bits
        start = position
        position += length
    }

    /// Puts each value into its place. Precondition: a value has at most 8 bits.
    @inline(__always)
    func unpack(_ raw: Span<UInt8>, to out: inout MutableSpan<UInt8>) {
        let apart = Apart(bits: bits, lane: 8)
        var position = start
        var row = 0
        while row + 8 <= out.count, position + 8 <= raw.count {
            let word = apart.eight(raw.whole(at: position))
            var eight = out._mutatingExtracting(row..<row + 8)
            for index in 0..<8 { eight[index] = UInt8(truncatingIfNeeded: word >> UInt64(8 * index)) }
            row += 8
            position += bits
        }
        while row < out.count {
            out[row] = UInt8(truncatingIfNeeded: value(raw, row))
            row += 1
        }
    }

    /// Puts each value, with `offset` added, into its place.
    @inline(__always)
    func unpack(_ raw: Span<UInt8>, adding offset: UInt16, to out: inout MutableSpan<UInt16>) {
        let apart = Apart(bits: bits, lane: 16)
        let offsets = UInt64(offset) &* 0x0001_0001_0001_0001
        // Four values end in the middle of a byte where one has an odd number of bits.
        let half = UInt64(truncatingIfNeeded: 4 * (bits & 1))
        var position = start
        var row = 0
        while row + 8 <= out.count, position + bits / 2 + 8 <= raw.count {
            let low = apart.four(raw.whole(at: position)) &+ offsets
            let high = apart.four(raw.whole(at: position + bits / 2) &>> half) &+ offsets
            var eight = out._mutatingExtracting(row..<row + 8)
            for index in 0..<4 { eight[index] = UInt16(truncatingIfNeeded: low >> UInt64(16 * index)) }
            for index in 0..<4 { eight[4 + index] = UInt16(truncatingIfNeeded: high >> UInt64(16 * index)) }
            row += 8
            position += bits
        }
        while row < out.count {
            out[row] = UInt16(truncatingIfNeeded: value(raw, row)) &+ offset
            row += 1
        }
    }

    @inline(__always)
    private func value(_ raw: Span<UInt8>, _ row: Int) -> UInt64 {
        let bit = row &* bits
        return raw.word(at: start &+ bit >> 3) >> UInt64(truncatingIfNeeded: bit & 7) & (1 &<< UInt64(bits) &- 1)
    }

    /// What is left of the last byte is zero.
    @inline(__always)
    func finish(_ raw: Span<UInt8>, rows: Int) throws(ColumnFault) {
        let used = bits * rows - 8 * (length - 1)
        if UInt64(raw[start + length - 1]) >> UInt64(used) != 0 { throw .nonCanonical }
    }
}

/// The masks and shifts that move packed values of so many bits apart.
private struct Apart {
    private let bits: UInt64
    private let lane: UInt64
    /// The lowest value of each lane, the lowest two of each two, the lowest four.
    private let ones: UInt64
    private let pairs: UInt64
    private let fours: UInt64

    @inline(__always)
    init(bits: Int, lane: UInt64) {
        self.bits = UInt64(truncatingIfNeeded: bits)
        self.lane = lane
        let one: UInt64 = 1 &<< self.bits &- 1
        let pair: UInt64 = 1 &<< (2 &* self.bits) &- 1
        ones = lane == 8 ? one &* 0x0001_0001_0001_0001 : one &* 0x0000_0001_0000_0001
        pairs = lane == 8 ? pair &* 0x0000_0001_0000_0001 : pair
        fours = 1 &<< (4 &* self.bits) &- 1
    }

    /// Eight values of up to eight bits.
    @inline(__always)
    func eight(_ word: UInt64) -> UInt64 {
        let halves = word & fours | (word &>> (4 &* bits) & fours) << 32
        return four(of: halves)
    }

    /// Four values of up to twelve bits.
    @inline(__always)
    func four(_ word: UInt64) -> UInt64 { four(of: word) }

    @inline(__always)
    private func four(of word: UInt64) -> UInt64 {
        let two = word & pairs | (word &>> (2 &* bits) & pairs) &<< (2 &* lane)
        return two & ones | (two &>> bits & ones) &<< lane
    }
}
