import TallyModel

/// The column of times, and differences as such: each row is told by what it adds to the one before.
extension BatchDecoder {
    /// The first row, then zigzag differences. A difference is below 2⁶³ in size, so a sum that leaves the range
    /// cannot wrap into it.
    mutating func times(
        _ column: Column, _ raw: Span<UInt8>, _ position: inout Int, _ rows: Int, _ batch: inout Batch
    ) throws(ColumnFault) {
        let start = Slot.time * batch.capacity
        let places = start..<start + rows
        if !quickTimes(column, raw, &position, places, &batch) {
            var tally = ColumnTally(column.bounds)
            var out = batch.longs.mutableSpan
            var value = try Varint.read(raw, &position)
            try tally.note(value, 0)
            out[start] = value
            for row in 1..<rows {
                value = value &+ UInt64(bitPattern: Varint.unzigzag(try Varint.read(raw, &position)))
                try tally.note(value, row)
                out[start + row] = value
            }
            try tally.finish()
        }
        batch.finishVarying(column, hasDefaults: false, rows: rows)
    }

    /// The same for a column that is in order. If it may not be, `position` stays and the answer is false.
    private mutating func quickTimes(
        _ column: Column, _ raw: Span<UInt8>, _ position: inout Int, _ places: Range<Int>, _ batch: inout Batch
    ) -> Bool {
        var at = position
        guard let first = try? Varint.read(raw, &at), column.bounds.contains(first),
            quickDifferences(raw, &at, places.count - 1)
        else { return false }
        let steps = lanes.span.extracting(0..<places.count - 1)
        var out = batch.longs.mutableSpan
        var times = out._mutatingExtracting(places)
        var value = first
        // Steps are below 2²⁸ in size here, so that no sum comes near 2⁶³.
        var changes: UInt64 = 0
        var odd: UInt64 = 0
        times[0] = first
        for row in 0..<min(steps.count, times.count - 1) {
            value = value &+ UInt64(truncatingIfNeeded: Int32(bitPattern: steps[row]))
            changes |= value ^ first
            odd |= (value &- column.bounds.lowerBound) | (column.bounds.upperBound &- value)
            times[row + 1] = value
        }
        guard odd >> 63 == 0, changes != 0 else { return false }
        position = at
        return true
    }

    /// Reads zigzag varints of up to four bytes into `lanes`. If there are others, the answer is false.
    mutating func quickDifferences(_ raw: Span<UInt8>, _ position: inout Int, _ count: Int) -> Bool {
        while lanes.count < count { lanes.append(0) }
        return Self.quickDifferences(raw, tail, &position, count, &lanes)
    }

    private static func quickDifferences(
        _ raw: Span<UInt8>, _ tail: [UInt8], _ position: inout Int, _ count: Int, _ lanes: inout [UInt32]
    ) -> Bool {
        var all = lanes.mutableSpan
        var wanted = all._mutatingExtracting(0..<count)
        guard VarintRun.split(raw, tail: tail, &position, to: &wanted) != .less else { return false }
        return VarintRun.joinSigned(&wanted)
    }
}
