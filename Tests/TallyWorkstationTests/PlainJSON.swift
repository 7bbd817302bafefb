/// JSON read in the plainest way, a byte and a value at a time, with every text copied: what the quick reader of
/// transcripts is held against. Like that, it does not look into texts that nobody asked for.
indirect enum PlainJSON {
    case object([(key: [UInt8]?, value: PlainJSON)])
    case array([PlainJSON])
    /// As it stands between its quotes.
    case text([UInt8])
    case number(String)
    case bool(Bool)
    case null

    struct NotJSON: Error {}

    /// The last value of a key, as a reader that goes on sees it.
    subscript(key: String) -> PlainJSON? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key == Array(key.utf8) }?.value
    }

    var isObject: Bool { if case .object = self { true } else { false } }

    /// The text with its escapes resolved; nil for another value, or a wrong escape.
    var string: [UInt8]? {
        guard case .text(let raw) = self else { return nil }
        return PlainJSON.resolved(raw)
    }

    /// A whole number; nil for another value.
    var whole: UInt64? {
        guard case .number(let digits) = self else { return nil }
        return UInt64(digits)
    }

    init(_ bytes: [UInt8]) throws {
        var reader = PlainJSONReader(bytes: bytes)
        self = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.index == bytes.count else { throw NotJSON() }
    }

    static func resolved(_ raw: [UInt8]) -> [UInt8]? {
        var text: [UInt8] = []
        var index = 0
        func unit() -> UInt32? {
            guard index + 4 <= raw.count else { return nil }
            let digits = String(decoding: raw[index..<index + 4], as: UTF8.self)
            index += 4
            return digits.allSatisfy(\.isHexDigit) ? UInt32(digits, radix: 16) : nil
        }
        while index < raw.count {
            let byte = raw[index]
            index += 1
            if byte < 0x20 { return nil }
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            guard index < raw.count else { return nil }
            let letter = raw[index]
            index += 1
            switch Character(Unicode.Scalar(letter)) {
            case "n": text.append(10)
            case "t": text.append(9)
            case "r": text.append(13)
            case "b": text.append(8)
            case "f": text.append(12)
            case "\"", "\\", "/": text.append(letter)
            case "u":
                guard var value = unit() else { return nil }
                if (0xD800...0xDBFF).contains(value) {
                    guard index + 2 <= raw.count, Array(raw[index..<index + 2]) == Array("\\u".utf8) else { return nil }
                    index += 2
                    guard let low = unit(), (0xDC00...0xDFFF).contains(low) else { return nil }
                    value = 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00)
                }
                guard let scalar = Unicode.Scalar(value) else { return nil }
                text += Array(String(Character(scalar)).utf8)
            default: return nil
            }
        }
        return text
    }
}

private struct PlainJSONReader {
    let bytes: [UInt8]
    var index = 0

    mutating func skipSpace() {
        while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
    }

    private mutating func take(_ character: Character) -> Bool {
        skipSpace()
        guard index < bytes.count, bytes[index] == character.asciiValue else { return false }
        index += 1
        return true
    }

    mutating func value(depth: Int) throws -> PlainJSON {
        guard depth <= 128 else { throw PlainJSON.NotJSON() }
        if take("{") {
            var members: [(key: [UInt8]?, value: PlainJSON)] = []
            if take("}") { return .object([]) }
            repeat {
                guard case .text(let raw) = try text() else { throw PlainJSON.NotJSON() }
                guard take(":") else { throw PlainJSON.NotJSON() }
                members.append((PlainJSON.resolved(raw), try value(depth: depth + 1)))
            } while take(",")
            guard take("}") else { throw PlainJSON.NotJSON() }
            return .object(members)
        }
        if take("[") {
            var items: [PlainJSON] = []
            if take("]") { return .array([]) }
            repeat { items.append(try value(depth: depth + 1)) } while take(",")
            guard take("]") else { throw PlainJSON.NotJSON() }
            return .array(items)
        }
        skipSpace()
        guard index < bytes.count else { throw PlainJSON.NotJSON() }
        if bytes[index] == UInt8(ascii: "\"") { return try text() }
        for (word, value) in [("true", PlainJSON.bool(true)), ("false", .bool(false)), ("null", .null)]
        where bytes[index...].starts(with: word.utf8) {
            index += word.utf8.count
            return value
        }
        return try number()
    }

    private mutating func text() throws -> PlainJSON {
        guard take("\"") else { throw PlainJSON.NotJSON() }
        let start = index
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        guard index < bytes.count else { throw PlainJSON.NotJSON() }
        index += 1
        return .text(Array(bytes[start..<index - 1]))
    }

    private mutating func number() throws -> PlainJSON {
        let start = index
        func digits(_ index: inout Int) -> Int {
            let first = index
            while index < bytes.count, (0x30...0x39).contains(bytes[index]) { index += 1 }
            return index - first
        }
        if bytes[index] == UInt8(ascii: "-") { index += 1 }
        let first = index
        let whole = digits(&index)
        guard whole == 1 || (whole > 1 && bytes[first] != 0x30) else { throw PlainJSON.NotJSON() }
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            index += 1
            guard digits(&index) > 0 else { throw PlainJSON.NotJSON() }
        }
        if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            if index < bytes.count, [UInt8(ascii: "+"), UInt8(ascii: "-")].contains(bytes[index]) { index += 1 }
            guard digits(&index) > 0 else { throw PlainJSON.NotJSON() }
        }
        return .number(String(decoding: bytes[start..<index], as: UTF8.self))
    }
}
