#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Finds line ends, and the ends of quoted texts, many bytes at a time: most of a transcript is content, which is passed
/// over and never looked at.
package enum TailSearch {
    /// Where a quoted text ends, and whether a backslash stands in it.
    package struct TextEnd: Sendable {
        package let quote: Int
        package let hasEscapes: Bool
    }

    private static let quote = UInt8(ascii: "\"")
    private static let slash = UInt8(ascii: "\\")
    /// So many bytes are searched in words before the C library is called: most texts of a line are shorter.
    private static let nearBytes = 48

    /// The index of the first `byte` in `bytes` at or after `start` and before `end`, or nil.
    package static func first(_ byte: UInt8, in bytes: Span<UInt8>, from start: Int, to end: Int) -> Int? {
        precondition(start >= 0 && end <= bytes.count, "the range lies outside the bytes")
        guard start < end else { return nil }
        // Safe: the range was checked above, and the pointers do not leave the closure.
        return unsafe bytes.withUnsafeBytes { raw in
            guard let base = raw.baseAddress else { return nil }
            guard let found = unsafe memchr(base + start, CInt(byte), end - start) else { return nil }
            return unsafe UnsafeRawPointer(found) - base
        }
    }

    /// The first quote at or after `start` that no backslash escapes, nil if there is none. `start` stands in the text.
    package static func textEnd(in bytes: Span<UInt8>, from start: Int) -> TextEnd? {
        precondition(start >= 0 && start <= bytes.count, "the text begins outside the bytes")
        // Safe: `start` was checked above, and the pointers do not leave the closure.
        return unsafe bytes.withUnsafeBytes { raw in
            var hasEscapes = false
            var index = start
            while unsafe step(raw, &index, &hasEscapes) {}
            return index < raw.count ? TextEnd(quote: index, hasEscapes: hasEscapes) : nil
        }
    }

    /// The same quote, sooner in a long text: it does not say what stands before.
    package static func skippedTextEnd(in bytes: Span<UInt8>, from start: Int) -> Int? {
        precondition(start >= 0 && start <= bytes.count, "the text begins outside the bytes")
        // Safe: `start` was checked above, and the pointers do not leave the closure.
        return unsafe bytes.withUnsafeBytes { raw in
            var hasEscapes = false
            var index = start
            while unsafe step(raw, &index, &hasEscapes) {
                if index - start >= nearBytes { return unsafe farQuote(raw, from: index) }
            }
            return index < raw.count ? index : nil
        }
    }

    /// Goes on by a word, or to the next quote or behind the next escape. False where `index` is the closing quote, or
    /// the end of the bytes.
    @inline(__always)
    private static func step(_ raw: UnsafeRawBufferPointer, _ index: inout Int, _ hasEscapes: inout Bool) -> Bool {
        if raw.count - index >= 8 {
            // Safe: eight bytes are left, as was just checked.
            let word = UInt64(littleEndian: unsafe raw.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let hits = zeroBytes(word ^ 0x2222_2222_2222_2222) | zeroBytes(word ^ 0x5C5C_5C5C_5C5C_5C5C)
            if hits == 0 {
                index += 8
                return true
            }
            index += hits.trailingZeroBitCount >> 3
        } else {
            while index < raw.count, unsafe raw[index] != quote, unsafe raw[index] != slash { index += 1 }
            if index == raw.count { return false }
        }
        guard unsafe raw[index] == slash else { return false }
        hasEscapes = true
        // What a backslash escapes is one byte, or one and digits that are none of the two.
        index = min(index + 2, raw.count)
        return true
    }

    /// The high bit of each byte that is zero; bytes above the lowest such may be marked without being zero.
    @inline(__always)
    private static func zeroBytes(_ word: UInt64) -> UInt64 {
        (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
    }

    /// `start` stands behind whole escapes.
    private static func farQuote(_ raw: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = raw.baseAddress else { return nil }
        var index = start
        // Safe: every address lies between `start` and the end of the bytes.
        while index < raw.count, let found = unsafe memchr(base + index, CInt(quote), raw.count - index) {
            let end = unsafe UnsafeRawPointer(found) - base
            var escape = end
            while escape > index, unsafe raw[escape - 1] == slash { escape -= 1 }
            // A quote behind an odd number of backslashes belongs to the text.
            if (end - escape) & 1 == 0 { return end }
            index = end + 1
        }
        return nil
    }
}
