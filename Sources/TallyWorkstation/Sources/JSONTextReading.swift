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
///
/// Names lie one behind the other in order of length, so that those of one length are neighbours; nearly every other
/// string differs from them in its length, or in its first or last byte.
package struct NameTable<Name: CaseIterable & Sendable>: Sendable {
    private struct Row: Sendable {
        /// Where the name's bytes begin.
        let start: Int
        let first: UInt8
        let last: UInt8
        let name: Name
    }

    private let rows: [Row]
    private let bytes: [UInt8]
    /// The rows of length n are `ends[n - 1]..<ends[n]`; no name is empty.
    private let ends: [Int]

    package init(_ spelling: (Name) -> String) {
        let names = Name.allCases.map { (name: $0, bytes: Array(spelling($0).utf8)) }
            .sorted { $0.bytes.count < $1.bytes.count }
        precondition(names.allSatisfy { !$0.bytes.isEmpty }, "a name is not empty")
        var rows: [Row] = []
        var bytes: [UInt8] = []
        for (name, spelled) in names {
            rows.append(Row(start: bytes.count, first: spelled[0], last: spelled[spelled.count - 1], name: name))
            bytes += spelled
        }
        self.rows = rows
        self.bytes = bytes
        ends = (0...(names.last?.bytes.count ?? 0)).map { length in names.count { $0.bytes.count <= length } }
    }

    package func find(_ text: JSONText, _ bytes: Span<UInt8>) -> Name? {
        if text.hasEscapes { return findEscaped(text, bytes) }
        return find(bytes, from: text.start, count: text.count)
    }

    private func findEscaped(_ text: JSONText, _ bytes: Span<UInt8>) -> Name? {
        guard let copy = text.copied(bytes, bytesMax: ends.count) else { return nil }
        return find(copy.span, from: 0, count: copy.count)
    }

    @inline(__always)
    private func find(_ text: Span<UInt8>, from start: Int, count: Int) -> Name? {
        guard count > 0, count < ends.count else { return nil }
        let first = text[start]
        let last = text[start + count - 1]
        var number = ends[count - 1]
        while number < ends[count] {
            if rows[number].first == first, rows[number].last == last, isSpelled(number, text, start, count) {
                return rows[number].name
            }
            number += 1
        }
        return nil
    }

    @inline(__always)
    private func isSpelled(_ number: Int, _ text: Span<UInt8>, _ start: Int, _ count: Int) -> Bool {
        let name = rows[number].start
        var index = 1
        while index < count - 1 {
            if bytes[name + index] != text[start + index] { return false }
            index += 1
        }
        return true
    }
}
