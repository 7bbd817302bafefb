/// What may be done with a string of a line: compare it, look it up, or copy a short one for hashing.
extension JSONText {
    /// The string's bytes with escapes resolved; nil if it is longer than `bytesMax` or an escape is wrong.
    package func copied(_ bytes: Span<UInt8>, bytesMax: Int) -> [UInt8]? {
        // A resolved escape is never longer than its six or twelve bytes.
        guard count <= bytesMax * 6 else { return nil }
        var copy: [UInt8] = []
        copy.reserveCapacity(min(count, bytesMax))
        var index = start
        while index < end {
            let byte = bytes[index]
            if byte < 0x20 { return nil }
            if byte == UInt8(ascii: "\\") {
                guard let scalar = JSONText.escape(bytes, at: &index, end: end) else { return nil }
                copy.append(contentsOf: Array(String(scalar).utf8))
            } else {
                copy.append(byte)
                index += 1
            }
            if copy.count > bytesMax { return nil }
        }
        return copy
    }

    /// Whether the string is exactly `word`, which holds no character that JSON must escape.
    package func equals(_ word: StaticString, _ bytes: Span<UInt8>) -> Bool {
        guard count == word.utf8CodeUnitCount else { return false }
        var index = start
        for byte in word.description.utf8 {
            if bytes[index] != byte { return false }
            index += 1
        }
        return true
    }

    /// Resolves the escape at `index` and moves behind it. A surrogate without its partner is refused.
    private static func escape(_ bytes: Span<UInt8>, at index: inout Int, end: Int) -> Unicode.Scalar? {
        guard index + 1 < end else { return nil }
        let letter = bytes[index + 1]
        index += 2
        switch letter {
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
        case UInt8(ascii: "u"):
            guard let first = unit(bytes, at: &index, end: end) else { return nil }
            guard (0xD800...0xDBFF).contains(first) else { return Unicode.Scalar(first) }
            guard index + 1 < end, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u") else {
                return nil
            }
            index += 2
            guard let second = unit(bytes, at: &index, end: end), (0xDC00...0xDFFF).contains(second) else { return nil }
            return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        default: return nil
        }
    }

    private static func unit(_ bytes: Span<UInt8>, at index: inout Int, end: Int) -> UInt32? {
        guard index + 4 <= end else { return nil }
        var value: UInt32 = 0
        for _ in 0..<4 {
            let byte = bytes[index]
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(byte - 0x41 + 10)
            case 0x61...0x66: value = value << 4 | UInt32(byte - 0x61 + 10)
            default: return nil
            }
            index += 1
        }
        return value
    }
}

/// Finds which of a closed set of names a string is, without making a `String` of it.
package struct NameTable<Name: CaseIterable & Sendable>: Sendable {
    private struct Row: Sendable {
        let bytes: [UInt8]
        let name: Name
    }
    /// Rows by the length of the name: of a given length there are few.
    private let rows: [[Row]]

    package init(_ spelling: (Name) -> String) {
        let all = Name.allCases.map { Row(bytes: Array(spelling($0).utf8), name: $0) }
        let longest = all.map(\.bytes.count).max() ?? 0
        rows = (0...longest).map { length in all.filter { $0.bytes.count == length } }
    }

    package func find(_ text: JSONText, _ bytes: Span<UInt8>) -> Name? {
        if text.hasEscapes { return findEscaped(text, bytes) }
        guard text.count < rows.count else { return nil }
        candidates: for row in rows[text.count] {
            for index in row.bytes.indices where row.bytes[index] != bytes[text.start + index] { continue candidates }
            return row.name
        }
        return nil
    }

    private func findEscaped(_ text: JSONText, _ bytes: Span<UInt8>) -> Name? {
        guard let copy = text.copied(bytes, bytesMax: rows.count), copy.count < rows.count else { return nil }
        return rows[copy.count].first { $0.bytes == copy }?.name
    }
}
