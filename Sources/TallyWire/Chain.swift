import TallyHash
package import TallyModel

/// The hash over every event of a stream (SPEC.md section 5). Taken of values, so that merging, splitting and
/// re-encoding batches changes nothing.
///
/// ```
/// sum(n)   = Σ word · factor of the word, over the columns of event n       mod 2⁶⁴
/// chain(n) = ((chain(n - 1) ⊕ sum(n)) · step mod 2⁶⁴) rotated by 32
/// ```
/// A default is 0 and adds nothing. So the sums are made column by column: a constant column is one product for all
/// rows, and a varying one a loop without branches. Only the last line goes from row to row.
package enum Chain {
    /// Rows whose sums are held at once, on the stack.
    private static let rowsAtOnce = 128

    /// The value before the first event.
    package static func initial(_ stream: StreamID) -> ChainValue {
        ChainValue(XXH3.hash64(Array("tallygate/1".utf8) + stream.value.bytes))
    }

    /// The value after row `rows.upperBound - 1`, from the one before row `rows.lowerBound`.
    package static func advance(
        _ chain: ChainValue, over batch: borrowing Batch, rows: Range<Int>
    ) -> ChainValue {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= batch.count, "rows outside the batch")
        let shared = sharedSum(batch)
        var held = InlineArray<128, UInt64>(repeating: 0)
        var sums = held.mutableSpan
        var value = chain.value
        var start = rows.lowerBound
        while start < rows.upperBound {
            let end = min(start + rowsAtOnce, rows.upperBound)
            for index in 0..<end - start { sums[index] = shared }
            addVarying(batch, start..<end, to: &sums)
            for index in 0..<end - start { value = step(value, sums[index]) }
            start = end
        }
        return ChainValue(value)
    }

    package static func advance(_ chain: ChainValue, over batch: borrowing Batch) -> ChainValue {
        advance(chain, over: batch, rows: 0..<batch.count)
    }

    @inline(__always)
    private static func step(_ value: UInt64, _ sum: UInt64) -> UInt64 {
        let product = (value ^ sum) &* ChainTable.step
        return product << 32 | product >> 32
    }

    /// What the constant columns add to each row.
    private static func sharedSum(_ batch: borrowing Batch) -> UInt64 {
        var sum: UInt64 = 0
        var rest = batch.present & ~batch.varying
        // One turn for each of at most 25 columns.
        while rest != 0 {
            let id = rest.trailingZeroBitCount
            rest &= rest - 1
            guard let column = ColumnID(rawValue: UInt8(truncatingIfNeeded: id)) else { continue }
            let value = batch.encoded(column, 0)
            switch column {
            case .session: sum &+= ChainTable.term(batch.sessions[Int(value)])
            case .project: sum &+= ChainTable.term(project: batch.projects[Int(value)])
            case .model: sum &+= batch.modelHashes[Int(value)] &* ChainTable.first[id]
            default: sum &+= value &* ChainTable.first[id]
            }
        }
        return sum
    }

    /// Adds what the other columns hold in `rows`.
    private static func addVarying(
        _ batch: borrowing Batch, _ rows: Range<Int>, to sums: inout MutableSpan<UInt64>
    ) {
        var rest = batch.present & batch.varying
        // One turn for each of at most 25 columns.
        while rest != 0 {
            let id = rest.trailingZeroBitCount
            rest &= rest - 1
            guard let column = ColumnID(rawValue: UInt8(truncatingIfNeeded: id)) else { continue }
            let (kind, index) = Slot.of(column)
            let first = index * batch.capacity + rows.lowerBound
            let places = first..<first + rows.count
            let factor = ChainTable.first[id]
            switch kind {
            case .byte: add(batch.bytes.span.extracting(places), factor, to: &sums)
            case .word: add(batch.words.span.extracting(places), factor, to: &sums)
            case .long: add(batch.longs.span.extracting(places), factor, to: &sums)
            case .short:
                let indices = batch.shorts.span.extracting(places)
                switch column {
                case .session: add(indices, of: batch.sessions.span, factor, ChainTable.secondOfSession, to: &sums)
                case .project: add(indices, of: batch.projects.span, factor, ChainTable.secondOfProject, to: &sums)
                default: add(indices, of: batch.modelHashes.span, factor, to: &sums)
                }
            }
        }
    }

    @inline(__always)
    private static func add<Value: FixedWidthInteger & UnsignedInteger>(
        _ column: Span<Value>, _ factor: UInt64, to sums: inout MutableSpan<UInt64>
    ) {
        for row in 0..<min(column.count, sums.count) {
            sums[row] &+= UInt64(truncatingIfNeeded: column[row]) &* factor
        }
    }

    @inline(__always)
    private static func add(
        _ indices: Span<UInt16>, of entries: Span<UInt64>, _ factor: UInt64, to sums: inout MutableSpan<UInt64>
    ) {
        for row in 0..<min(indices.count, sums.count) {
            sums[row] &+= entries[Int(indices[row])] &* factor
        }
    }

    @inline(__always)
    private static func add(
        _ indices: Span<UInt16>, of entries: Span<Bytes16>, _ factor: UInt64, _ second: UInt64,
        to sums: inout MutableSpan<UInt64>
    ) {
        for row in 0..<min(indices.count, sums.count) {
            let entry = entries[Int(indices[row])]
            sums[row] &+= entry.high &* factor &+ entry.low &* second
        }
    }
}
