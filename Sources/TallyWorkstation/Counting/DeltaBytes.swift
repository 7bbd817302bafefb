/// Why bytes are no delta. Such bytes come from our own log, so this is damage or a newer version, never input.
package enum CounterError: Error, Hashable, Sendable, CustomStringConvertible {
    case newerVersion(UInt8)
    case corrupt(at: Int)

    package var description: String {
        switch self {
        case .newerVersion(let version):
            "the counting state is of version \(version), newer than this program: install the newer program"
        case .corrupt(let offset):
            "the counting state is damaged at byte \(offset): restore it or start a new spool"
        }
    }
}

/// Writes the parts of a delta: bytes, LEB128 numbers, words of eight bytes in little-endian order.
struct DeltaWriter {
    private(set) var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func number(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func number(_ value: Int) { number(UInt64(value)) }

    mutating func word(_ value: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    /// A length and so many bytes.
    mutating func text(_ value: String) {
        number(value.utf8.count)
        bytes.append(contentsOf: Array(value.utf8))
    }
}

/// Reads what `DeltaWriter` wrote; every length is checked, so damaged bytes throw and never trap.
struct DeltaReader {
    private(set) var position = 0

    mutating func byte(_ bytes: Span<UInt8>) throws(CounterError) -> UInt8 {
        guard position < bytes.count else { throw .corrupt(at: position) }
        position += 1
        return bytes[position - 1]
    }

    mutating func number(_ bytes: Span<UInt8>) throws(CounterError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            let next = try byte(bytes)
            if shift == 63 && next > 1 { throw .corrupt(at: position) }
            value |= UInt64(next & 0x7F) << shift
            if next < 0x80 { return value }
        }
        throw .corrupt(at: position)
    }

    /// A number that must fit a smaller type.
    mutating func number<Value: FixedWidthInteger>(
        _ bytes: Span<UInt8>, as type: Value.Type
    ) throws(CounterError) -> Value {
        guard let value = Value(exactly: try number(bytes)) else { throw .corrupt(at: position) }
        return value
    }

    mutating func word(_ bytes: Span<UInt8>) throws(CounterError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 8) { value |= UInt64(try byte(bytes)) << shift }
        return value
    }

    mutating func text(_ bytes: Span<UInt8>, bytesMax: Int) throws(CounterError) -> [UInt8] {
        let count = try number(bytes, as: Int.self)
        guard count <= bytesMax else { throw .corrupt(at: position) }
        var copy: [UInt8] = []
        for _ in 0..<count { copy.append(try byte(bytes)) }
        return copy
    }

    /// A raw value of a closed vocabulary.
    mutating func word<Word: RawRepresentable>(
        _ bytes: Span<UInt8>, of type: Word.Type
    ) throws(CounterError) -> Word where Word.RawValue == UInt8 {
        guard let word = Word(rawValue: try byte(bytes)) else { throw .corrupt(at: position) }
        return word
    }
}
