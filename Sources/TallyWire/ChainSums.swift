import TallyModel

/// The sums of up to 128 rows, without what the constant columns add to them; on the stack.
///
/// Four rows are taken at a time, and up to four columns of one width in one pass: so that the products are vectors, and
/// a sum is fetched and put back less often than there are columns. The last four may reach beyond the rows: a column
/// has places there, what they hold goes into sums that nobody asks for.
struct ChainSums {
    static let rowsMax = 128

    private var fours = InlineArray<32, SIMD4<UInt64>>(repeating: SIMD4(repeating: 0))

    @inline(__always)
    subscript(index: Int) -> UInt64 { fours[index >> 2][index & 3] }

    /// Precondition: `rows` begins at a multiple of four and has at most `rowsMax` rows.
    mutating func make(_ batch: borrowing Batch, _ rows: Range<Int>, shared: UInt64) {
        let groups = (rows.count + 3) >> 2
        var sums = fours.mutableSpan
        for group in 0..<groups { sums[group] = SIMD4(repeating: shared) }
        let varying = batch.present & batch.varying
        let first = rows.lowerBound
        ChainSums.add(batch.words.span, varying & Slot.wordIDs, first, batch.capacity, groups, to: &sums)
        ChainSums.add(batch.bytes.span, varying & Slot.byteIDs, first, batch.capacity, groups, to: &sums)
        ChainSums.add(batch.longs.span, varying & Slot.longIDs, first, batch.capacity, groups, to: &sums)
        let indices = batch.shorts.span
        var start = first
        if batch.varies(.session) {
            let factor = ChainTable.first[3]
            let places = indices.extracting(start..<start + rows.count)
            let entries = batch.sessions.span
            ChainSums.add(places, to: &sums) { index in
                entries[index].high &* factor &+ entries[index].low &* ChainTable.secondOfSession
            }
        }
        start += batch.capacity
        if batch.varies(.project) {
            let factor = ChainTable.first[4]
            let places = indices.extracting(start..<start + rows.count)
            let entries = batch.projects.span
            ChainSums.add(places, to: &sums) { index in
                entries[index].high &* factor &+ entries[index].low &* ChainTable.secondOfProject
            }
        }
        start += batch.capacity
        if batch.varies(.model) {
            let factor = ChainTable.first[6]
            let places = indices.extracting(start..<start + rows.count)
            let hashes = batch.modelHashes.span
            ChainSums.add(places, to: &sums) { index in hashes[index] &* factor }
        }
    }

    /// Of a dictionary's column. Its indices are good in its own rows alone.
    @inline(__always)
    private static func add(
        _ indices: Span<UInt16>, to sums: inout MutableSpan<SIMD4<UInt64>>, _ term: (Int) -> UInt64
    ) {
        var row = 0
        while row + 4 <= indices.count {
            let four = indices.extracting(row..<row + 4)
            sums[row >> 2] &+= SIMD4(
                term(Int(four[0])), term(Int(four[1])), term(Int(four[2])), term(Int(four[3])))
            row += 4
        }
        while row < indices.count {
            sums[row >> 2][row & 3] &+= term(Int(indices[row]))
            row += 1
        }
    }

    /// Of all columns of one width whose ids are in `ids`.
    @inline(__always)
    private static func add<Value: FixedWidthInteger & UnsignedInteger>(
        _ values: Span<Value>, _ ids: UInt64, _ first: Int, _ capacity: Int, _ groups: Int,
        to sums: inout MutableSpan<SIMD4<UInt64>>
    ) {
        var rest = ids
        // Each turn takes one column at least.
        while rest != 0 {
            let (a, f) = next(&rest, first, capacity)
            let one = values.extracting(a..<a + 4 * groups)
            guard rest != 0 else {
                for group in 0..<groups { sums[group] &+= four(one, group) &* f }
                return
            }
            let (b, g) = next(&rest, first, capacity)
            let two = values.extracting(b..<b + 4 * groups)
            guard rest != 0 else {
                for group in 0..<groups { sums[group] &+= four(one, group) &* f &+ four(two, group) &* g }
                return
            }
            let (c, h) = next(&rest, first, capacity)
            let three = values.extracting(c..<c + 4 * groups)
            for group in 0..<groups {
                sums[group] &+= four(one, group) &* f &+ four(two, group) &* g &+ four(three, group) &* h
            }
        }
    }

    @inline(__always)
    private static func next(_ ids: inout UInt64, _ first: Int, _ capacity: Int) -> (Int, SIMD4<UInt64>) {
        let id = ids.trailingZeroBitCount
        ids &= ids &- 1
        return (Slot.index(id) * capacity + first, SIMD4(repeating: ChainTable.first[id]))
    }

    @inline(__always)
    private static func four<Value: FixedWidthInteger & UnsignedInteger>(
        _ values: Span<Value>, _ group: Int
    ) -> SIMD4<UInt64> {
        let four = values.extracting(4 &* group..<4 &* group &+ 4)
        return SIMD4(UInt64(four[0]), UInt64(four[1]), UInt64(four[2]), UInt64(four[3]))
    }
}
