import TallyModel

/// One column of numbers at a time. Each reads the whole column first (its form), then judges its values, then
/// whether they should have been a constant.
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
            let range = try labelRange(raw, &position)
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
        var tally = ColumnTally(max: column.encodedMax)
        let (kind, index) = Slot.of(column.id)
        let start = index * batch.capacity
        var at = position
        if kind == .word {
            var out = batch.words.mutableSpan
            for row in 0..<rows {
                let value = try Varint.read(raw, &at)
                tally.note(value, row)
                out[start + row] = UInt32(truncatingIfNeeded: value)
            }
        } else {
            var out = batch.longs.mutableSpan
            for row in 0..<rows {
                let value = try Varint.read(raw, &at)
                tally.note(value, row)
                out[start + row] = value
            }
        }
        position = at
        try tally.finish()
        batch.finishVarying(column.id, hasDefaults: tally.hasDefaults, rows: rows)
    }

    /// The first row, then zigzag differences. A value that left the range may wrap behind it; the first row that
    /// did is the one to blame, so what follows does not matter.
    func times(
        _ column: Column, _ raw: Span<UInt8>, _ position: inout Int, _ rows: Int, _ batch: inout Batch
    ) throws(ColumnFault) {
        var tally = ColumnTally(max: column.encodedMax)
        let start = Slot.time * batch.capacity
        var out = batch.longs.mutableSpan
        var at = position
        var value = try Varint.read(raw, &at)
        tally.note(value, 0)
        out[start] = value
        for row in 1..<rows {
            value = value &+ UInt64(bitPattern: Varint.unzigzag(try Varint.read(raw, &at)))
            tally.note(value, row)
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
        var tally = ColumnTally(max: column.encodedMax)
        let start = Slot.of(column.id).index * batch.capacity
        var run = try PackedRun(raw, &position, bits: bits, rows: rows)
        var out = batch.bytes.mutableSpan
        for row in 0..<rows {
            let value = run.next(raw)
            tally.note(value, row)
            out[start + row] = UInt8(truncatingIfNeeded: value)
        }
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

    /// Where the bytes of a label stand, behind their length.
    func labelRange(_ raw: Span<UInt8>, _ position: inout Int) throws(ColumnFault) -> Range<Int> {
        guard position < raw.count else { throw .malformed }
        let length = Int(raw[position])
        position += 1
        guard length <= raw.count - position else { throw .malformed }
        defer { position += length }
        return position..<position + length
    }
}

/// What the rows of a column have in common.
struct ColumnTally {
    private let max: UInt64
    private var first: UInt64 = 0
    private var differences: UInt64 = 0
    private var offender = -1
    private(set) var hasDefaults = false

    init(max: UInt64) { self.max = max }

    @inline(__always)
    mutating func note(_ value: UInt64, _ row: Int) {
        if row == 0 { first = value }
        differences |= value ^ first
        if value == 0 { hasDefaults = true }
        if value > max, offender < 0 { offender = row }
    }

    func finish() throws(ColumnFault) {
        if offender >= 0 { throw .outOfRange(row: offender, run: 1) }
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

    /// Checks the run's length and padding, and moves `position` behind it.
    init(_ raw: Span<UInt8>, _ position: inout Int, bits: Int, rows: Int) throws(ColumnFault) {
        let total = bits * rows
        let length = (total + 7) / 8
        guard raw.count - position >= length else { throw .malformed }
        self.bits = UInt64(bits)
        mask = 1 << UInt64(bits) - 1
        self.position = position
        position += length
        let used = total % 8
        if used != 0, raw[position - 1] >> UInt8(used) != 0 { throw .nonCanonical }
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
