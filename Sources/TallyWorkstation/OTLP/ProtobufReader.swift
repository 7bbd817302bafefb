/// Bytes that are no protobuf message, or end within one. Says no more: what stood there is the sender's.
package struct ProtobufError: Error, Hashable, Sendable {}

/// Walks the fields of one protobuf message within a range of bytes, without copying any of them.
///
/// A field that the caller does not want, content above all, is passed over by its length and never becomes a string.
/// Nested messages are ranges, so nothing here recurses. Invariant: `position <= end <= bytes.count`; each call of
/// `next` moves forward or throws. Groups, which OTLP does not have, are refused.
package struct ProtobufReader {
    package enum Value: Hashable, Sendable {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        case bytes(Range<Int>)
    }

    package struct Field: Hashable, Sendable {
        package let number: UInt32
        package let value: Value

        /// The range of a message or a string; a field of another kind is none.
        package var range: Range<Int>? { if case .bytes(let range) = value { range } else { nil } }
        package var fixed: UInt64? { if case .fixed64(let word) = value { word } else { nil } }
    }

    package private(set) var position: Int
    package let end: Int

    /// Precondition: the range lies within the bytes that each call is given.
    package init(_ range: Range<Int>) {
        position = range.lowerBound
        end = range.upperBound
    }

    /// The next field, or nil at the end of the message.
    package mutating func next(_ bytes: Span<UInt8>) throws(ProtobufError) -> Field? {
        guard position < end else { return nil }
        let key = try varint(bytes)
        // A field's number has 29 bits and is not 0.
        guard let number = UInt32(exactly: key >> 3), (1..<1 << 29).contains(number) else { throw ProtobufError() }
        switch key & 7 {
        case 0: return Field(number: number, value: .varint(try varint(bytes)))
        case 1: return Field(number: number, value: .fixed64(try word(bytes, bytesCount: 8)))
        case 2:
            guard let count = Int(exactly: try varint(bytes)), count <= end - position else { throw ProtobufError() }
            defer { position += count }
            return Field(number: number, value: .bytes(position..<(position + count)))
        case 5: return Field(number: number, value: .fixed32(UInt32(try word(bytes, bytesCount: 4))))
        default: throw ProtobufError()
        }
    }

    private mutating func varint(_ bytes: Span<UInt8>) throws(ProtobufError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard position < end else { throw ProtobufError() }
            let byte = bytes[position]
            position += 1
            guard shift < 63 || byte <= 1 else { throw ProtobufError() }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw ProtobufError()
    }

    private mutating func word(_ bytes: Span<UInt8>, bytesCount: Int) throws(ProtobufError) -> UInt64 {
        guard bytesCount <= end - position else { throw ProtobufError() }
        var word: UInt64 = 0
        for index in 0..<bytesCount { word |= UInt64(bytes[position + index]) << UInt64(8 * index) }
        position += bytesCount
        return word
    }
}
