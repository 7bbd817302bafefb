/// The only text an event can hold: a model's name, `[a-z0-9][a-z0-9._:/@+-]{0,63}`.
///
/// A label that exists is already valid, so nothing behind the border checks it again.
package struct Label: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    /// The label for a model whose own name cannot be one, or is over the cap on new names.
    package static let unlisted = Label(unchecked: "unlisted")

    /// Nil unless `bytes` is exactly a label.
    package init?(_ bytes: some Collection<UInt8>) {
        guard (1...Limits.labelBytesMax).contains(bytes.count) else { return nil }
        var isFirst = true
        for byte in bytes {
            guard Label.allows(byte, first: isFirst) else { return nil }
            isFirst = false
        }
        text = String(decoding: bytes, as: UTF8.self)
    }

    package init?(_ text: String) {
        self.init(Array(text.utf8))
    }

    private init(unchecked text: String) {
        self.text = text
    }

    /// Whether `bytes` is exactly a label; copies nothing.
    package static func isLabel(_ bytes: Span<UInt8>) -> Bool {
        guard (1...Limits.labelBytesMax).contains(bytes.count) else { return false }
        for index in bytes.indices where !Label.allows(bytes[index], first: index == 0) { return false }
        return true
    }

    package var description: String { text }

    package static func < (left: Label, right: Label) -> Bool { left.text < right.text }

    /// Whether `byte` may stand in a label; the first byte is a letter or a digit.
    package static func allows(_ byte: UInt8, first: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "@"),
            UInt8(ascii: "+"), UInt8(ascii: "-"):
            !first
        default: false
        }
    }
}
