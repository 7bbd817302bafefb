/// An input read as numbers, for the targets whose inputs are lists of operations. Behind the end all bytes are 0, so
/// that every input means something and a shorter one means nearly the same.
struct FuzzBytes {
    private let bytes: [UInt8]
    private(set) var position: Int

    init(_ bytes: [UInt8], from position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    var isEmpty: Bool { position >= bytes.count }

    mutating func byte() -> UInt8 {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func short() -> UInt16 { UInt16(byte()) | UInt16(byte()) << 8 }

    /// A number that is small as a rule and now and then lies at an edge.
    mutating func number() -> UInt64 {
        let first = byte()
        guard first >= 0xf0 else { return UInt64(first) }
        return switch first & 0x0f {
        case 0: 255
        case 1: 256
        case 2: 4_095
        case 3: 4_096
        case 4: 4_097
        case 5: 65_535
        case 6: 65_536
        case 7: 1 << 20
        case 8: 1 << 32 - 1
        case 9: 1 << 32
        case 10: 1 << 56 - 2
        case 11: 1 << 56 - 1
        case 12: 1 << 56
        case 13: 1 << 63
        case 14: .max - 1
        default: .max
        }
    }

    /// The next `count` bytes, or as many as there are.
    mutating func take(_ count: Int) -> [UInt8] {
        let end = min(bytes.count, position + max(0, count))
        defer { position = end }
        return Array(bytes[min(position, end)..<end])
    }

    mutating func rest() -> [UInt8] { take(bytes.count) }
}

/// Bits that an operation makes of its own number: the same input, the same bits.
func mixed(_ value: UInt64) -> UInt64 {
    var word = value &+ 0x9e37_79b9_7f4a_7c15
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
}
