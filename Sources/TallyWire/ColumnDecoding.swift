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
            batch.fill(column.id, with: value, rows: rows)
        case .id16:
            let value = try identifier(raw, &position)
            guard !value.isZero else { throw .nonCanonical }
            batch.append(value, to: column.id)
            batch.fill(column.id, with: 1, rows: rows)
        case .label:
            let range = try labelRange(raw, &position, rows)
            guard !range.isEmpty else { throw .nonCanonical }
            let (label, hash) = labels.label(raw, range)
            guard label != nil else { throw .outOfRange(row: 0, run: rows) }
            batch.models.append(label)
            batch.modelHashes.append(hash)
            batch.fill(column.id, with: 1, rows: rows)
        }
    }

    /// One varint a row.
    func counts(
        _ column: Column, _ raw: Span<UInt8>, _ position: inout Int, _ rows: Int, _ batch: inout Batch
    ) throws(ColumnFault) {
        var tally = ColumnTally(0...column.encodedMax)
        let (kind, index) = Slot.of(column.id)
        let start = index * batch.capacity
        if kind == .word {
            var out = batch.words.mutableSpan
            try counts(raw, &position, &tally, start..<start + rows, &out)
        } else {
            var out = batch.longs.mutableSpan
            try counts(raw, &position, &tally, start..<start + rows, &out)
        }
        try tally.finish()
        batch.finishVarying(column.id, hasDefaults: tally.hasDefaults, rows: rows)
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

    /// The first row, then zigzag differences. A difference is below 2⁶³ in size, so a sum that leaves the range
    /// cannot wrap into it.
    func times(
        _ column: Column, _ raw: Span<UInt8>, _ position: inout Int, _ rows: Int, _ batch: inout Batch
    ) throws(ColumnFault) {
        var tally = ColumnTally(column.bounds)
        let start = Slot.time * batch.capacity
        var out = batch.longs.mutableSpan
        var at = position
        var value = try Varint.read(raw, &at)
        try tally.note(value, 0)
        out[start] = value
        for row in 1..<rows {
            value = value &+ UInt64(bitPattern: Varint.unzigzag(try Varint.read(raw, &at)))
            try tally.note(value, row)
            out[start + row] = value
        }
        position = at
        try tally.finish()
        batch.finishVarying(column.id, hasDefaults: tally.hasDefaults, rows: rows)
    }

    /// Numbers of a vocabulary, packed.
    func enumerations(
        _ column: Column, _ raw: Span<UInt8>, _ position: inout Int, _ rows: Int, _ batch: inout Batch
    ) throws(ColumnFault) {
        guard case .enumeration(let bits) = column.type else { throw .malformed }
        let start = Slot.of(column.id).index * batch.capacity
        let run = try PackedRun(raw, &position, bits: bits, rows: rows)
        var out = batch.bytes.mutableSpan
        run.unpack(raw, adding: 0, to: start..<start + rows, of: &out)
        let hasDefaults = try check(batch.bytes.span.extracting(start..<start + rows), column.encodedMax)
        try run.finish(raw, rows: rows)
        batch.finishVarying(column.id, hasDefaults: hasDefaults, rows: rows)
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

/// A run of packed values: each fills bytes from the lowest bit, and the last byte's spare bits are zero.
struct PackedRun {
    private let bits: Int
    private let mask: UInt64
    private let start: Int
    private let length: Int

    /// Checks the run's length and moves `position` behind it. Precondition: a value has 1 to 16 bits.
    init(_ raw: Span<UInt8>, _ position: inout Int, bits: Int, rows: Int) throws(ColumnFault) {
        length = (bits * rows + 7) / 8
        guard raw.count - position >= length else { throw .malformed }
        self.bits = bits
        mask = 1 << UInt64(bits) - 1
        start = position
        position += length
    }

    /// Puts each value, with `offset` added, into its place. Eight values of up to 8 bits lie in one word.
    @inline(__always)
    func unpack<Value: FixedWidthInteger & UnsignedInteger>(
        _ raw: Span<UInt8>, adding offset: Value, to places: Range<Int>, of out: inout MutableSpan<Value>
    ) {
        let first = places.lowerBound
        let rows = places.count
        let step = UInt64(truncatingIfNeeded: bits)
        var row = 0
        var position = start
        while bits <= 8, row + 8 <= rows {
            var word = raw.word(at: position)
            for index in 0..<8 {
                out[first + row + index] = Value(truncatingIfNeeded: word & mask) &+ offset
                word &>>= step
            }
            row += 8
            position += bits
        }
        while row < rows {
            out[first + row] = Value(truncatingIfNeeded: value(raw, row)) &+ offset
            row += 1
        }
    }

    @inline(__always)
    private func value(_ raw: Span<UInt8>, _ row: Int) -> UInt64 {
        let bit = row &* bits
        return raw.word(at: start &+ bit >> 3) >> UInt64(truncatingIfNeeded: bit & 7) & mask
    }

    /// What is left of the last byte is zero.
    func finish(_ raw: Span<UInt8>, rows: Int) throws(ColumnFault) {
        let used = bits * rows - 8 * (length - 1)
        if UInt64(raw[start + length - 1]) >> UInt64(used) != 0 { throw .nonCanonical }
    }
}
