import TallyModel

/// One column of numbers at a time. Each value is judged as it is read; at the end of the rows, whether they should
/// have been a constant.
extension BatchDecoder {
    /// The value that every row has.
    mutating func constant(
        _ column: Column, _ raw: Span<UInt8>, _ position: inout Int, _ rows: Int, _ batch: inout Batch
    ) throws(ColumnFault) {
        switch column.type {
        case .enumeration, .count, .nullableCount, .residual, .time:
            let value = try Varint.read(raw, &position)
            guard value != 0 else { throw .nonCanonical }
            guard value <= column.encodedMax else { throw .outOfRange(row: 0, run: rows) }
            batch.fill(column, with: value, rows: rows)
        case .id16:
            let value = try identifier(raw, &position)
            guard !value.isZero else { throw .nonCanonical }
            batch.append(value, to: column.id)
            batch.fill(column, with: 1, rows: rows)
        case .label:
            let range = try labelRange(raw, &position, rows)
            guard !range.isEmpty else { throw .nonCanonical }
            let (label, hash) = labels.label(raw, range)
            guard label != nil else { throw .outOfRange(row: 0, run: rows) }
            batch.models.append(label)
            batch.modelHashes.append(hash)
            batch.fill(column, with: 1, rows: rows)
        }
    }

    /// One varint a row.
    func counts(
        _ column: Column, _ raw: Span<UInt8>, _ position: inout Int, _ rows: Int, _ batch: inout Batch
    ) throws(ColumnFault) {
        let places = column.index * batch.capacity..<column.index * batch.capacity + rows
        if column.kind == .word, let tally = quickCounts(raw, &position, places, column.encodedMax, &batch) {
            if tally.isEqual { throw .nonCanonical }
            batch.finishVarying(column, hasDefaults: tally.hasDefaults, rows: rows)
            return
        }
        var tally = ColumnTally(0...column.encodedMax)
        if column.kind == .word {
            var out = batch.words.mutableSpan
            try counts(raw, &position, &tally, places, &out)
        } else {
            var out = batch.longs.mutableSpan
            try counts(raw, &position, &tally, places, &out)
        }
        try tally.finish()
        batch.finishVarying(column, hasDefaults: tally.hasDefaults, rows: rows)
    }

    /// The same for a column whose values have four bytes at most and are in order. If it may not be such a one,
    /// `position` stays and there is no answer.
    private func quickCounts(
        _ raw: Span<UInt8>, _ position: inout Int, _ places: Range<Int>, _ most: UInt64, _ batch: inout Batch
    ) -> LaneTally? {
        var at = position
        var out = batch.words.mutableSpan
        var lanes = out._mutatingExtracting(places)
        let found = VarintRun.split(raw, tail: tail, &at, to: &lanes)
        guard found != .less else { return nil }
        let tally = VarintRun.join(&lanes, found, most: UInt32(truncatingIfNeeded: most))
        guard !tally.isOdd else { return nil }
        position = at
        return tally
    }

    @inline(__always)
    private func counts<Value: FixedWidthInteger & UnsignedInteger>(
        _ raw: Span<UInt8>, _ position: inout Int, _ tally: inout ColumnTally, _ places: Range<Int>,
        _ out: inout MutableSpan<Value>
    ) throws(ColumnFault) {
        var at = position
        for place in places {
            let value = try Varint.read(raw, &at)
            try tally.note(value, place - places.lowerBound)
            out[place] = Value(truncatingIfNeeded: value)
        }
        position = at
    }

    /// Numbers of a vocabulary, packed.
    func enumerations(
        _ column: Column, _ raw: Span<UInt8>, _ position: inout Int, _ rows: Int, _ batch: inout Batch
    ) throws(ColumnFault) {
        guard case .enumeration(let bits) = column.type else { throw .malformed }
        let start = column.index * batch.capacity
        let run = try PackedRun(raw, &position, bits: bits, rows: rows)
        var out = batch.bytes.mutableSpan
        var values = out._mutatingExtracting(start..<start + rows)
        run.unpack(raw, to: &values)
        let hasDefaults = try check(values.span, column.encodedMax)
        try run.finish(raw, rows: rows)
        batch.finishVarying(column, hasDefaults: hasDefaults, rows: rows)
    }

    /// Holds all values to the range, and to not being all equal; says whether a default is among them.
    private func check(_ values: Span<UInt8>, _ most: UInt64) throws(ColumnFault) -> Bool {
        var lowest = UInt8.max
        var highest: UInt8 = 0
        for row in values.indices {
            lowest = min(lowest, values[row])
            highest = max(highest, values[row])
        }
        if highest > most {
            for row in values.indices where values[row] > most { throw .outOfRange(row: row, run: 1) }
        }
        if lowest == highest { throw .nonCanonical }
        return lowest == 0
    }

    @inline(__always)
    func identifier(_ raw: Span<UInt8>, _ position: inout Int) throws(ColumnFault) -> Bytes16 {
        guard raw.count - position >= 16 else { throw .malformed }
        defer { position += 16 }
        return Bytes16(high: raw.word(at: position).byteSwapped, low: raw.word(at: position + 8).byteSwapped)
    }

    /// Where the bytes of a label stand, behind their length. One that is too long is out of range whether or not its
    /// bytes are there.
    func labelRange(_ raw: Span<UInt8>, _ position: inout Int, _ rows: Int) throws(ColumnFault) -> Range<Int> {
        guard position < raw.count else { throw .malformed }
        let length = Int(raw[position])
        position += 1
        guard length <= Limits.labelBytesMax else { throw .outOfRange(row: 0, run: rows) }
        guard length <= raw.count - position else { throw .malformed }
        defer { position += length }
        return position..<position + length
    }
}

/// What the rows of a column have in common.
struct ColumnTally {
    private let lowest: UInt64
    private let span: UInt64
    private var first: UInt64 = 0
    private var differences: UInt64 = 0
    private(set) var hasDefaults = false

    /// `range` is that of the encoded values.
    init(_ range: ClosedRange<UInt64>) {
        lowest = range.lowerBound
        span = range.upperBound - range.lowerBound
    }

    @inline(__always)
    mutating func note(_ value: UInt64, _ row: Int) throws(ColumnFault) {
        guard value &- lowest <= span else { throw .outOfRange(row: row, run: 1) }
        if row == 0 { first = value }
        differences |= value ^ first
        if value == 0 { hasDefaults = true }
    }

    func finish() throws(ColumnFault) {
        if differences == 0 { throw .nonCanonical }
    }
}
