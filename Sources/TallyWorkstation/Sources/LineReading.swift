import TallyModel

/// How parsers read the optional scalars of transcripts: absent, null and wrongly typed texts are nil, since
/// formats drift; wrong numbers refuse the line, since a guessed number would be counted.
extension JSONCursor {
    /// A string, or nil for a value of any other type.
    mutating func optionalText(_ bytes: Span<UInt8>) throws(JSONError) -> JSONText? {
        if try peek(bytes) == UInt8(ascii: "\"") { return try text(bytes) }
        try skip(bytes)
        return nil
    }

    mutating func optionalBool(_ bytes: Span<UInt8>) throws(JSONError) -> Bool? {
        let first = try peek(bytes)
        if first == UInt8(ascii: "t") || first == UInt8(ascii: "f") { return try bool(bytes) }
        try skip(bytes)
        return nil
    }

    /// A number of tokens; null is none.
    mutating func tokens(_ bytes: Span<UInt8>) throws(JSONError) -> UInt32 {
        if try isNull(bytes) { return 0 }
        let start = position
        let value = try unsigned(bytes)
        guard value <= UInt64(Limits.tokensMax) else { throw .unfit(at: start) }
        return UInt32(value)
    }

    /// Whether an object stands next; any other value is skipped.
    mutating func isObject(_ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        if try peek(bytes) == UInt8(ascii: "{") { return true }
        try skip(bytes)
        return false
    }
}

/// The small memory of a parser between lines: most lines of a file repeat the same session, model and folder.
struct TextMemory<Value: Sendable>: Sendable {
    private var bytes: [UInt8] = []
    private var value: Value?

    /// The value made of `text`, made anew only if the bytes differ from the last call's. Nil for a text that
    /// is empty, longer than `bytesMax` or wrongly escaped.
    mutating func value(
        of text: JSONText, _ line: Span<UInt8>, bytesMax: Int, make: (Span<UInt8>) -> Value?
    ) -> Value? {
        guard text.count > 0 else { return nil }
        if value != nil, !text.hasEscapes, text.count == bytes.count, isSame(text, line) { return value }
        guard let copy = text.copied(line, bytesMax: bytesMax) else { return nil }
        bytes = copy
        value = make(copy.span)
        return value
    }

    private func isSame(_ text: JSONText, _ line: Span<UInt8>) -> Bool {
        for index in bytes.indices where bytes[index] != line[text.start + index] { return false }
        return true
    }
}

/// A model's label as it is sent, and whether it is a name that the agent uses for messages of its own.
struct ModelName: Sendable {
    static let bytesMax = 256
    static let none = ModelName(label: .unlisted, isSynthetic: false)

    let label: Label
    let isSynthetic: Bool

    private init(label: Label, isSynthetic: Bool) {
        self.label = label
        self.isSynthetic = isSynthetic
    }

    /// Lower-cases and drops `[1m]`; what still is no label is `unlisted`.
    init(_ bytes: Span<UInt8>) {
        var text: [UInt8] = []
        for index in bytes.indices {
            let byte = bytes[index]
            text.append(byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte + 32 : byte)
        }
        isSynthetic = text == Array("<synthetic>".utf8)
        let suffix = Array("[1m]".utf8)
        if text.count >= suffix.count, Array(text.suffix(suffix.count)) == suffix { text.removeLast(suffix.count) }
        label = Label(text) ?? .unlisted
    }
}
