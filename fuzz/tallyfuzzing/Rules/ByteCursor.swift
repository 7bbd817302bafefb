/// Reads little-endian fields from bytes, in order; nil where they end too early.
struct ByteCursor {
    private let bytes: ArraySlice<UInt8>
    private(set) var at: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        at = bytes.startIndex
    }

    var left: Int { bytes.endIndex - at }

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count <= left else { return nil }
        defer { at += count }
        return bytes[at..<at + count]
    }

    mutating func integer<Value: FixedWidthInteger & UnsignedInteger>(_ type: Value.Type) -> Value? {
        guard let field = take(Value.bitWidth / 8) else { return nil }
        var value: Value = 0
        for byte in field.reversed() { value = value << 8 | Value(byte) }
        return value
    }

    mutating func u8() -> UInt8? { integer(UInt8.self) }
    mutating func u16() -> UInt16? { integer(UInt16.self) }
    mutating func u32() -> UInt32? { integer(UInt32.self) }
    mutating func u64() -> UInt64? { integer(UInt64.self) }
    mutating func u128() -> UInt128? { integer(UInt128.self) }
    mutating func i64() -> Int64? { u64().map { Int64(bitPattern: $0) } }
}

extension [UInt8] {
    mutating func put(_ value: some FixedWidthInteger) {
        for shift in stride(from: 0, to: value.bitWidth, by: 8) { append(UInt8(truncatingIfNeeded: value >> shift)) }
    }
}
