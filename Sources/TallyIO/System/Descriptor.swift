#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The owner of one file descriptor: closes it when it goes.
///
/// A descriptor that holds bytes not yet on stable storage must be synced before its owner goes: closing it
/// would lose the error that the sync reports (docs/DURABILITY.md).
package struct Descriptor: ~Copyable, Sendable {
    package let raw: CInt

    /// Takes over `raw`, which must be open and owned by nobody else.
    package init(taking raw: CInt) {
        precondition(raw >= 0, "a descriptor is never negative")
        self.raw = raw
    }

    deinit { _ = close(raw) }

    /// Gives the number away; the caller closes it.
    package consuming func release() -> CInt {
        let raw = self.raw
        discard self
        return raw
    }
}
