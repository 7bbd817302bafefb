#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Finds a byte at the speed of the C library: line ends and closing quotes of text that is skipped unread.
package enum TailSearch {
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
}
