import TallyIO

/// Why a line is not the JSON that was expected. Says where, never what stood there.
package enum JSONError: Error, Hashable, Sendable {
    /// The byte at this offset of the line fits no rule of JSON.
    case malformed(at: Int)
    /// The line ends within a value.
    case truncated
    /// Values are nested deeper than `JSONCursor.depthMax`.
    case tooDeep
    /// The value at this offset is of another type, or outside its range.
    case unfit(at: Int)
}

/// A string of the line, without its quotes: a range of bytes that nobody has copied.
package struct JSONText: Hashable, Sendable {
    package let start: Int
    package let end: Int
    package let hasEscapes: Bool
    package var count: Int { end - start }
}

/// Walks one JSON value by pulling: the caller names the keys that it wants, all else is skipped as bytes.
///
/// Invariant: `0 <= position <= bytes.count`. No byte is copied, nothing is allocated, no recursion; every
/// step either moves forward or throws. The bytes are passed to each call because a span is borrowed.
package struct JSONCursor {
    /// One bit a level says whether it is an object, so the word's width is the bound.
    package static let depthMax = 128

    package private(set) var position: Int

    package init(at position: Int = 0) { self.position = position }

    // MARK: Objects and arrays

    /// Enters an object or an array; `isEmpty` if it closes at once (and has been left).
    package mutating func enter(_ open: UInt8, _ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        try expect(open, bytes)
        return try close(of: open, bytes)
    }

    /// After a value: true if another follows, false if the object or array has been left.
    package mutating func next(_ open: UInt8, _ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        if try close(of: open, bytes) { return false }
        try expect(UInt8(ascii: ","), bytes)
        return true
    }

    /// Reads a key and its colon.
    package mutating func key(_ bytes: Span<UInt8>) throws(JSONError) -> JSONText {
        let text = try text(bytes)
        try expect(UInt8(ascii: ":"), bytes)
        return text
    }

    /// The byte that begins the next value.
    @inline(__always)
    package mutating func peek(_ bytes: Span<UInt8>) throws(JSONError) -> UInt8 {
        while position < bytes.count {
            let byte = bytes[position]
            guard JSONCursor.isSpace(byte) else { return byte }
            position += 1
        }
        throw .truncated
    }

    /// Nothing but white space may follow the outermost value.
    package mutating func finish(_ bytes: Span<UInt8>) throws(JSONError) {
        while position < bytes.count, JSONCursor.isSpace(bytes[position]) { position += 1 }
        guard position == bytes.count else { throw .malformed(at: position) }
    }

    @inline(__always)
    private mutating func close(of open: UInt8, _ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        // In ASCII a closing bracket stands two after its opening one.
        guard try peek(bytes) == open + 2 else { return false }
        position += 1
        return true
    }

    @inline(__always)
    private mutating func expect(_ byte: UInt8, _ bytes: Span<UInt8>) throws(JSONError) {
        guard try peek(bytes) == byte else { throw .malformed(at: position) }
        position += 1
    }

    @inline(__always)
    private static func isSpace(_ byte: UInt8) -> Bool {
        byte <= 0x20 && (byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09)
    }

    // MARK: Scalars

    /// Passes over a string and says where it stands.
    package mutating func text(_ bytes: Span<UInt8>) throws(JSONError) -> JSONText {
        try expect(UInt8(ascii: "\""), bytes)
        let start = position
        guard let end = TailSearch.textEnd(in: bytes, from: start) else {
            position = bytes.count
            throw .truncated
        }
        position = end.quote + 1
        return JSONText(start: start, end: end.quote, hasEscapes: end.hasEscapes)
    }

    /// Passes over a string that nobody asked for.
    @inline(__always)
    private mutating func skipText(_ bytes: Span<UInt8>) throws(JSONError) {
        try expect(UInt8(ascii: "\""), bytes)
        guard let quote = TailSearch.skippedTextEnd(in: bytes, from: position) else {
            position = bytes.count
            throw .truncated
        }
        position = quote + 1
    }

    @inline(__always)
    private mutating func skipKey(_ bytes: Span<UInt8>) throws(JSONError) {
        try skipText(bytes)
        try expect(UInt8(ascii: ":"), bytes)
    }

    /// Takes `null` if it stands next.
    package mutating func isNull(_ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        guard try peek(bytes) == UInt8(ascii: "n") else { return false }
        try skipScalar(bytes)
        return true
    }

    package mutating func bool(_ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        let first = try peek(bytes)
        guard first == UInt8(ascii: "t") || first == UInt8(ascii: "f") else { throw .unfit(at: position) }
        try skipScalar(bytes)
        return first == UInt8(ascii: "t")
    }

    /// Reads a whole number without sign, fraction or exponent.
    package mutating func unsigned(_ bytes: Span<UInt8>) throws(JSONError) -> UInt64 {
        _ = try peek(bytes)
        if let number = plainNumber(bytes) { return number }
        let start = position
        let number = try decimal(bytes)
        guard number.scale == 0, !number.isNegative, !number.isInexact else { throw .unfit(at: start) }
        return number.digits
    }

    /// Reads any number exactly: digits times ten to the power of minus `scale`.
    package mutating func decimal(_ bytes: Span<UInt8>) throws(JSONError) -> JSONDecimal {
        _ = try peek(bytes)
        var number = JSONDecimal()
        try number.read(bytes, at: &position)
        return number
    }

    /// Takes a number of up to sixteen digits and nothing else; nil, with nothing taken, for all others.
    @inline(__always)
    private mutating func plainNumber(_ bytes: Span<UInt8>) -> UInt64? {
        var index = position
        let end = min(bytes.count, position + 17)
        var value: UInt64 = 0
        while index < end, case let digit = bytes[index] &- 0x30, digit < 10 {
            value = value &* 10 &+ UInt64(digit)
            index += 1
        }
        guard index > position, index < end, index == position + 1 || bytes[position] != 0x30 else { return nil }
        let next = bytes[index]
        guard next != UInt8(ascii: "."), next | 0x20 != UInt8(ascii: "e") else { return nil }
        position = index
        return value
    }

    // MARK: Skipping

    /// Passes over one value of any type, checking its grammar but not the inside of its strings.
    package mutating func skip(_ bytes: Span<UInt8>) throws(JSONError) {
        var isObject: UInt128 = 0
        var depth = 0
        while true {
            let first = try peek(bytes)
            if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
                guard depth < JSONCursor.depthMax else { throw .tooDeep }
                isObject = isObject << 1 | (first == UInt8(ascii: "{") ? 1 : 0)
                depth += 1
                if try !enter(first, bytes) {
                    if isObject & 1 == 1 { try skipKey(bytes) }
                    continue
                }
                isObject >>= 1
                depth -= 1
            } else if first == UInt8(ascii: "\"") {
                try skipText(bytes)
            } else {
                try skipScalar(bytes)
            }
            while depth > 0 {
                let isInObject = isObject & 1 == 1
                if try next(isInObject ? UInt8(ascii: "{") : UInt8(ascii: "["), bytes) {
                    if isInObject { try skipKey(bytes) }
                    break
                }
                isObject >>= 1
                depth -= 1
            }
            if depth == 0 { return }
        }
    }

    private mutating func skipScalar(_ bytes: Span<UInt8>) throws(JSONError) {
        let start = position
        switch bytes[position] {
        case UInt8(ascii: "t"): try word(0x6575_7274, bytes)
        case UInt8(ascii: "f"): try word(0x65_736C_6166, bytes)
        case UInt8(ascii: "n"): try word(0x6C6C_756E, bytes)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            if plainNumber(bytes) != nil { return }
            var number = JSONDecimal()
            try number.read(bytes, at: &position)
        default: throw .malformed(at: start)
        }
    }

    /// Takes `true`, `false` or `null`: the word's bytes, the first one lowest.
    @inline(__always)
    private mutating func word(_ word: UInt64, _ bytes: Span<UInt8>) throws(JSONError) {
        var rest = word
        while rest != 0 {
            guard position < bytes.count else { throw .truncated }
            guard bytes[position] == UInt8(truncatingIfNeeded: rest) else { throw .malformed(at: position) }
            position += 1
            rest >>= 8
        }
    }
}
