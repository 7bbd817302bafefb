import TallyModel

/// A workstation's secret: `tg_` and 43 characters of `[A-Za-z0-9]`, made of 256 random bits.
///
/// The text is shown once and never stored; the catalog holds its SHA-256 (`TokenHash`), which the caller
/// computes, since this module has no digest. No case or property prints a token by accident: `text` is
/// asked for by name.
package struct Token: Sendable {
    package let text: String

    package static let prefix = "tg_"
    /// ⌈256 / log₂ 62⌉ digits of base 62.
    package static let digitsCount = 43

    /// The token of these 32 random bytes: the same bytes give the same token.
    package init(random bytes: [UInt8]) {
        precondition(bytes.count == 32, "a token is 256 bits")
        var number = bytes
        var digits = [UInt8]()
        // Long division of the big-endian number by 62; the remainders are the digits, last first.
        for _ in 0..<Token.digitsCount {
            var remainder = 0
            for index in number.indices {
                let value = remainder << 8 | Int(number[index])
                number[index] = UInt8(value / 62)
                remainder = value % 62
            }
            digits.append(Token.alphabet[remainder])
        }
        text = Token.prefix + String(decoding: digits.reversed(), as: UTF8.self)
    }

    /// The bytes that are hashed. Nil unless `presented` has the shape of a token.
    package static func hashInput(presented: String) -> [UInt8]? {
        let bytes = Array(presented.utf8)
        return isShaped(bytes.span) ? bytes : nil
    }

    /// Whether what a peer presents has the shape of a token, and may be hashed. Copies nothing: a peer's bytes go no
    /// further than this.
    package static func isShaped(_ presented: Span<UInt8>) -> Bool {
        guard presented.count == front.count + digitsCount else { return false }
        for index in presented.indices {
            let isRight = index < front.count ? presented[index] == front[index] : alphabet.contains(presented[index])
            guard isRight else { return false }
        }
        return true
    }

    private static let front = Array(prefix.utf8)
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
}

extension Token: CustomStringConvertible, CustomReflectable {
    package var description: String { "tg_…" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// The SHA-256 of a token's text, in four words so that it can be a key without allocating.
package struct TokenHash: Hashable, Sendable {
    private let words: (Bytes16, Bytes16)

    /// Precondition: 32 bytes.
    package init(sha256 digest: [UInt8]) {
        precondition(digest.count == 32, "a SHA-256 digest has 32 bytes")
        func word(_ at: Int) -> UInt64 { digest[at..<at + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        words = (Bytes16(high: word(0), low: word(8)), Bytes16(high: word(16), low: word(24)))
    }

    package var bytes: [UInt8] { words.0.bytes + words.1.bytes }

    package static func == (left: TokenHash, right: TokenHash) -> Bool { left.words == right.words }
    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }
}
