/// Builds JSON text with the keys in the order they are written and integers of any size written out; the
/// library's encoder does neither. Knows only what a report needs.
package struct JSONOutput {
    package private(set) var text = ""
    /// Whether a comma must stand before the next element, one entry for each open bracket.
    private var needsComma: [Bool] = [false]

    package init() {}

    package mutating func object(_ key: String? = nil, _ body: (inout JSONOutput) -> Void) { nest(key, "{", "}", body) }
    package mutating func array(_ key: String? = nil, _ body: (inout JSONOutput) -> Void) { nest(key, "[", "]", body) }

    package mutating func string(_ key: String? = nil, _ value: String?) {
        begin(key)
        guard let value else {
            text += "null"
            return
        }
        quote(value)
    }

    package mutating func integer(_ key: String? = nil, _ value: Int128?) {
        begin(key)
        text += value.map { String($0) } ?? "null"
    }

    private mutating func nest(_ key: String?, _ open: String, _ close: String, _ body: (inout JSONOutput) -> Void) {
        begin(key)
        text += open
        needsComma.append(false)
        body(&self)
        needsComma.removeLast()
        text += close
    }

    private mutating func begin(_ key: String?) {
        if needsComma[needsComma.count - 1] { text += ", " }
        needsComma[needsComma.count - 1] = true
        guard let key else { return }
        quote(key)
        text += ": "
    }

    private mutating func quote(_ value: String) {
        text += "\""
        if value.utf8.allSatisfy(JSONOutput.standsForItself) { text += value } else { escape(value) }
        text += "\""
    }

    /// Printable ASCII but for the quote and the backslash. Names of fields, days, models and UUIDs are nothing else, and
    /// a fifth of a report's time went into looking at their characters one by one.
    private static func standsForItself(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private mutating func escape(_ value: String) {
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\u{0}"..."\u{1f}", "\u{7f}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}
