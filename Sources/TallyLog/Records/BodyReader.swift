import TallyIO
import TallyModel

/// A record's body is not what its kind demands: damage, or a newer layout.
package struct MalformedBody: Error, Hashable, Sendable {}

/// Walks a body of fixed layout; every step is checked against its end.
struct BodyReader {
    private let bytes: [UInt8]
    private var offset = 0

    /// Every body begins with its layout's number, u16. Only layout 1 exists.
    init(_ bytes: [UInt8]) throws(MalformedBody) {
        self.bytes = bytes
        guard try integer(UInt16.self) == BodyReader.layout else { throw MalformedBody() }
    }

    static let layout: UInt16 = 1

    mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(_: Value.Type) throws(MalformedBody) -> Value {
        let width = Value.bitWidth / 8
        guard bytes.count - offset >= width else { throw MalformedBody() }
        defer { offset += width }
        return bytes.span.littleEndian(Value.self, at: offset)
    }

    mutating func bytes16() throws(MalformedBody) -> Bytes16 {
        Bytes16(try take(16))
    }

    mutating func take(_ count: Int) throws(MalformedBody) -> ArraySlice<UInt8> {
        guard count >= 0, bytes.count - offset >= count else { throw MalformedBody() }
        defer { offset += count }
        return bytes[offset..<offset + count]
    }

    mutating func totals() throws(MalformedBody) -> RunningTotals {
        RunningTotals(tokens: try integer(UInt128.self), reportedNanoUSD: try integer(UInt128.self))
    }

    /// Reserved bytes must be zero, so that a later layout can give them a meaning.
    mutating func zeros(_ count: Int) throws(MalformedBody) {
        guard try take(count).allSatisfy({ $0 == 0 }) else { throw MalformedBody() }
    }

    var remaining: Int { bytes.count - offset }

    func finish() throws(MalformedBody) {
        guard remaining == 0 else { throw MalformedBody() }
    }
}

extension [UInt8] {
    /// A body's beginning: its layout.
    static func body() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: BodyReader.layout)
        return bytes
    }

    mutating func append(_ value: Bytes16) { append(contentsOf: value.bytes) }

    mutating func append(_ totals: RunningTotals) {
        append(littleEndian: totals.tokens)
        append(littleEndian: totals.reportedNanoUSD)
    }

    mutating func appendZeros(_ count: Int) { append(contentsOf: [UInt8](repeating: 0, count: count)) }
}
