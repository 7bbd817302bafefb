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
        var sums = ChainSums()
        var value = chain.value
        var row = rows.lowerBound
        while row < rows.upperBound {
            let start = row & ~3
            let end = min(start + ChainSums.rowsMax, rows.upperBound)
            sums.make(batch, start..<end, shared: shared)
            for index in row - start..<end - start { value = step(value, sums[index]) }
            row = end
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
}
