import TallyModel

/// Reads the fields of a frame's body in order: checked, never trapping, never beyond the body.
struct FieldReader: Sendable {
    private(set) var position: Int
    private let end: Int

    init(_ body: Range<Int>) {
        position = body.lowerBound
        end = body.upperBound
    }

    var remaining: Int { end - position }

    mutating func take(_ count: Int) throws(FrameRefusal) -> Range<Int> {
        guard remaining >= count else { throw .bodyTooShort }
        defer { position += count }
        return position..<position + count
    }

    @inline(__always)
    mutating func integer<Value: FixedWidthInteger & UnsignedInteger>(
        _ type: Value.Type, _ bytes: Span<UInt8>
    ) throws(FrameRefusal) -> Value {
        let range = try take(Value.bitWidth / 8)
        var value: Value = 0
        var shift = 0
        for index in range {
            value |= Value(truncatingIfNeeded: bytes[index]) << Value(truncatingIfNeeded: shift)
            shift += 8
        }
        return value
    }

    mutating func u8(_ bytes: Span<UInt8>) throws(FrameRefusal) -> UInt8 { try integer(UInt8.self, bytes) }
    mutating func u16(_ bytes: Span<UInt8>) throws(FrameRefusal) -> UInt16 { try integer(UInt16.self, bytes) }
    mutating func u32(_ bytes: Span<UInt8>) throws(FrameRefusal) -> UInt32 { try integer(UInt32.self, bytes) }
    mutating func u64(_ bytes: Span<UInt8>) throws(FrameRefusal) -> UInt64 { try integer(UInt64.self, bytes) }
    mutating func u128(_ bytes: Span<UInt8>) throws(FrameRefusal) -> UInt128 { try integer(UInt128.self, bytes) }
    mutating func i64(_ bytes: Span<UInt8>) throws(FrameRefusal) -> Int64 { Int64(bitPattern: try u64(bytes)) }

    mutating func sequence(_ bytes: Span<UInt8>) throws(FrameRefusal) -> Sequence64 {
        let value = try u64(bytes)
        guard value <= Limits.sequenceMax else { throw .badValue }
        return Sequence64(value)
    }

    mutating func chain(_ bytes: Span<UInt8>) throws(FrameRefusal) -> ChainValue { ChainValue(try u64(bytes)) }

    mutating func id16(_ bytes: Span<UInt8>) throws(FrameRefusal) -> Bytes16 {
        let range = try take(16)
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in 0..<8 {
            high = high << 8 | UInt64(bytes[range.lowerBound + index])
            low = low << 8 | UInt64(bytes[range.lowerBound + 8 + index])
        }
        return Bytes16(high: high, low: low)
    }

    mutating func session(_ bytes: Span<UInt8>) throws(FrameRefusal) -> SessionID {
        guard let session = SessionID(try id16(bytes)) else { throw .badValue }
        return session
    }

    mutating func list(_ count: Int, _ bytes: Span<UInt8>) throws(FrameRefusal) -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(min(count, remaining))
        for index in try take(count) { copy.append(bytes[index]) }
        return copy
    }

    /// Where a label stands behind its length; of length 0 there is none.
    mutating func labelInPlace(_ bytes: Span<UInt8>) throws(FrameRefusal) -> Range<Int>? {
        let length = Int(try u8(bytes))
        guard length > 0 else { return nil }
        let range = try take(length)
        guard Label.isLabel(bytes.extracting(range)) else { throw .badValue }
        return range
    }

    mutating func label(_ bytes: Span<UInt8>) throws(FrameRefusal) -> Label? {
        guard let range = try labelInPlace(bytes) else { return nil }
        var copy: [UInt8] = []
        for index in range { copy.append(bytes[index]) }
        return Label(copy)
    }

    mutating func totals(_ bytes: Span<UInt8>) throws(FrameRefusal) -> RunningTotals {
        let tokens = try u128(bytes)
        return RunningTotals(tokens: tokens, reportedNanoUSD: try u128(bytes))
    }

    mutating func credit(_ bytes: Span<UInt8>) throws(FrameRefusal) -> Credit {
        let events = try u32(bytes)
        return Credit(events: events, bytes: try u32(bytes))
    }

    /// A field of which only bit 0 is defined.
    mutating func flag(_ bytes: Span<UInt8>) throws(FrameRefusal) -> Bool {
        let bits = try u16(bytes)
        guard bits <= 1 else { throw .badValue }
        return bits == 1
    }

    mutating func reserved(_ bytes: Span<UInt8>) throws(FrameRefusal) {
        guard try u16(bytes) == 0 else { throw .reservedNotZero }
    }

    func finish() throws(FrameRefusal) {
        guard remaining == 0 else { throw .bodyTooLong }
    }
}
