/// What is wrong with one column.
package enum ColumnFault: Error, Hashable, Sendable {
    /// The bytes do not decode.
    case malformed
    /// They decode, but are not the one valid form of their values.
    case nonCanonical
    /// The value of `row`, and of the `run - 1` rows behind it, may not stand in this column.
    case outOfRange(row: Int, run: Int)
}

/// LEB128: seven bits a byte, lowest first, the top bit set on all but the last byte; at most ten bytes, and
/// never longer than needed. Zigzag maps 0, -1, 1, -2 … to 0, 1, 2, 3 ….
package enum Varint {
    package static let bytesMax = 10

    /// Reads one value at `position` and moves behind it. Never traps, whatever the bytes are.
    @inline(__always)
    package static func read(_ bytes: Span<UInt8>, _ position: inout Int) throws(ColumnFault) -> UInt64 {
        guard position < bytes.count else { throw .malformed }
        let first = bytes[position]
        position += 1
        if first < 0x80 { return UInt64(first) }
        guard position < bytes.count else { throw .malformed }
        let second = bytes[position]
        if second < 0x80 {
            position += 1
            if second == 0 { throw .nonCanonical }
            return UInt64(first & 0x7f) | UInt64(second) << 7
        }
        return try readLong(bytes, &position, start: UInt64(first & 0x7f))
    }

    /// The rest of a value of three bytes or more; `position` stands on its second byte.
    private static func readLong(
        _ bytes: Span<UInt8>, _ position: inout Int, start: UInt64
    ) throws(ColumnFault) -> UInt64 {
        var value = start
        var shift: UInt64 = 7
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if shift == 63, byte > 1 { throw .malformed }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 {
                if byte == 0 { throw .nonCanonical }
                return value
            }
            shift += 7
        }
        throw .malformed
    }

    package static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    @inline(__always)
    package static func zigzag(_ value: Int64) -> UInt64 {
        UInt64(bitPattern: (value << 1) ^ (value >> 63))
    }

    @inline(__always)
    package static func unzigzag(_ value: UInt64) -> Int64 {
        Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }
}
