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
        var at = position
        if kind == .word {
            var out = batch.words.mutableSpan
            for row in 0..<rows {
                let value = try Varint.read(raw, &at)
                try tally.note(value, row)
                out[start + row] = UInt32(truncatingIfNeeded: value)
            }
        } else {
            var out = batch.longs.mutableSpan
            for row in 0..<rows {
                let value = try Varint.read(raw, &at)
                try tally.note(value, row)
                out[start + row] = value
            }
        }
        position = at
        try tally.finish()
        batch.finishVarying(column.id, hasDefaults: tally.hasDefaults, rows: rows)
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
        var tally = ColumnTally(0...column.encodedMax)
        let start = Slot.of(column.id).index * batch.capacity
        var run = try PackedRun(raw, &position, bits: bits, rows: rows)
        var out = batch.bytes.mutableSpan
        for row in 0..<rows {
            let value = run.next(raw)
            try tally.note(value, row)
            out[start + row] = UInt8(truncatingIfNeeded: value)
        }
        try run.finish()
        try tally.finish()
        batch.finishVarying(column.id, hasDefaults: tally.hasDefaults, rows: rows)
    }

    func identifier(_ raw: Span<UInt8>, _ position: inout Int) throws(ColumnFault) -> Bytes16 {
        guard raw.count - position >= 16 else { throw .malformed }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in 0..<8 {
            high = high << 8 | UInt64(raw[position + index])
            low = low << 8 | UInt64(raw[position + 8 + index])
        }
        position += 16
        return Bytes16(high: high, low: low)
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
    private let bits: UInt64
    private let mask: UInt64
    private var position: Int
    private var held: UInt64 = 0
    private var heldBits: UInt64 = 0

    /// Checks the run's length and moves `position` behind it.
    init(_ raw: Span<UInt8>, _ position: inout Int, bits: Int, rows: Int) throws(ColumnFault) {
        let length = (bits * rows + 7) / 8
        guard raw.count - position >= length else { throw .malformed }
        self.bits = UInt64(bits)
        mask = 1 << UInt64(bits) - 1
        self.position = position
        position += length
    }

    /// Behind the last row: what is left of the last byte is zero.
    func finish() throws(ColumnFault) {
        if held != 0 { throw .nonCanonical }
    }

    /// Called at most once a row. At most 16 bits a value, so `held` never runs over.
    @inline(__always)
    mutating func next(_ raw: Span<UInt8>) -> UInt64 {
        while heldBits < bits {
            held |= UInt64(raw[position]) << heldBits
            position += 1
            heldBits += 8
        }
        let value = held & mask
        held >>= bits
        heldBits -= bits
        return value
    }
}
