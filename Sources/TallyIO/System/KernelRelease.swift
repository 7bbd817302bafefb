#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The running kernel's version, for what an older one promises and does not keep.
package struct KernelRelease: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var major: Int
    package var minor: Int

    /// Linux: `syncfs` returns the file system's own errors from here on; before, it could say yes to data that was lost.
    package static let reportsSyncErrors = KernelRelease(major: 5, minor: 17)

    package init(major: Int, minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// From the kernel's own words, such as `6.1.0-18-amd64`. Nil unless they begin with two numbers.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, let major = Int(parts[0]), let minor = Int(parts[1].prefix(while: \.isWholeNumber))
        else { return nil }
        self.init(major: major, minor: minor)
    }

    /// Nil where the kernel does not say.
    package static var current: KernelRelease? {
        var names = utsname()
        // Why this holds: the kernel fills the structure that is passed and keeps no pointer.
        guard unsafe uname(&names) == 0 else { return nil }
        // Why this holds: the bytes are read while `names` lives, and only up to their zero or their end.
        let text = unsafe withUnsafeBytes(of: &names.release) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return KernelRelease(text)
    }

    package var description: String { "\(major).\(minor)" }

    package static func < (left: KernelRelease, right: KernelRelease) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }
}
