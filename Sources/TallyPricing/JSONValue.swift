import TallyModel

/// JSON as a price book may use it: objects, arrays, whole numbers, plain ASCII strings, booleans and null.
/// There is no case for a fraction, so no price can pass through a float.
enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case string(String)
    case array([JSONValue])
    case object([JSONMember])
}

struct JSONMember: Sendable {
    let name: String
    let value: JSONValue
}

/// What keeps bytes from being JSON of this kind.
package enum JSONProblem: Hashable, Sendable {
    case endedEarly
    case unexpectedByte
    case trailingBytes
    case notWhole
    case numberTooLarge
    /// Strings are printable ASCII without a backslash.
    case stringByte
    case stringTooLong
    case tooDeep
    case duplicateKey
}

/// A strict reader: one pass, bounded depth and lengths, no duplicate keys, nothing behind the value.
struct JSONReader {
    private let bytes: [UInt8]
    private var position = 0

    static func read(_ bytes: [UInt8]) throws(PriceBookError) -> JSONValue {
        guard bytes.count <= Limits.priceBookBytesMax else { throw .tooLarge(bytes: bytes.count) }
        var reader = JSONReader(bytes: bytes)
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        if reader.position < bytes.count { throw reader.problem(.trailingBytes) }
        return value
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private func problem(_ problem: JSONProblem) -> PriceBookError { .syntax(byte: position, problem) }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    /// The next byte that is not white space, unread.
    private mutating func peek() throws(PriceBookError) -> UInt8 {
        skipSpace()
        guard let byte = current else { throw problem(.endedEarly) }
        return byte
    }

    private mutating func expect(_ wanted: UInt8) throws(PriceBookError) {
        guard try peek() == wanted else { throw problem(.unexpectedByte) }
        position += 1
    }

    /// Steps over `wanted` if it comes next.
    private mutating func skip(_ wanted: UInt8) throws(PriceBookError) -> Bool {
        guard try peek() == wanted else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws(PriceBookError) -> JSONValue {
        guard depth < Limits.jsonDepthMax else { throw problem(.tooDeep) }
        switch try peek() {
        case UInt8(ascii: "{"): return .object(try members(depth: depth))
        case UInt8(ascii: "["): return .array(try elements(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "n"): try word("null"); return .null
        case UInt8(ascii: "t"): try word("true"); return .bool(true)
        case UInt8(ascii: "f"): try word("false"); return .bool(false)
        default: return .integer(try integer())
        }
    }

    private mutating func members(depth: Int) throws(PriceBookError) -> [JSONMember] {
        try expect(UInt8(ascii: "{"))
        var members: [JSONMember] = []
        var names: Set<String> = []
        if try skip(UInt8(ascii: "}")) { return members }
        repeat {
            skipSpace()
            let name = try string()
            guard names.insert(name).inserted else { throw problem(.duplicateKey) }
            try expect(UInt8(ascii: ":"))
            members.append(JSONMember(name: name, value: try value(depth: depth + 1)))
        } while try skip(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"))
        return members
    }

    private mutating func elements(depth: Int) throws(PriceBookError) -> [JSONValue] {
        try expect(UInt8(ascii: "["))
        var elements: [JSONValue] = []
        if try skip(UInt8(ascii: "]")) { return elements }
        repeat { elements.append(try value(depth: depth + 1)) } while try skip(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"))
        return elements
    }

    private mutating func word(_ text: StaticString) throws(PriceBookError) {
        for byte in text.description.utf8 {
            guard current == byte else { throw problem(.unexpectedByte) }
            position += 1
        }
    }

    private mutating func string() throws(PriceBookError) -> String {
        try expect(UInt8(ascii: "\""))
        let start = position
        while let byte = current, byte != UInt8(ascii: "\"") {
            guard byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "\\") else { throw problem(.stringByte) }
            guard position - start < Limits.jsonStringBytesMax else { throw problem(.stringTooLong) }
            position += 1
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard current != nil else { throw problem(.endedEarly) }
        position += 1
        return text
    }

    /// A whole number without leading zeros, fraction or exponent.
    private mutating func integer() throws(PriceBookError) -> Int64 {
        let isNegative = current == UInt8(ascii: "-")
        if isNegative { position += 1 }
        let start = position
        var magnitude: Int64 = 0
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            let (tens, overTens) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, overSum) = tens.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            guard !overTens, !overSum else { throw problem(.numberTooLarge) }
            magnitude = sum
            position += 1
        }
        guard position > start else { throw problem(.unexpectedByte) }
        if bytes[start] == UInt8(ascii: "0"), position - start > 1 { throw problem(.unexpectedByte) }
        if let byte = current, byte == UInt8(ascii: ".") || byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            throw problem(.notWhole)
        }
        return isNegative ? -magnitude : magnitude
    }
}
