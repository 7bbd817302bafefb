#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A system call that failed: which one, on what, and the kernel's number for why.
///
/// `subject` names a path or an address that the operator gave; it never holds bytes of a peer.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    package let call: String
    package let subject: String
    package let number: CInt

    package init(_ call: String, _ subject: String = "", number: CInt = errno) {
        self.call = call
        self.subject = subject
        self.number = number
    }

    package var reason: String { unsafe String(cString: strerror(number)) }

    package var description: String {
        subject.isEmpty ? "\(call): \(reason)" : "\(call) \(subject): \(reason)"
    }

    package var isNoSpace: Bool { number == ENOSPC || number == EDQUOT }
    /// It may succeed later although nobody touches the file: there was no room, no descriptor or no memory.
    package var isPassing: Bool { isNoSpace || number == EMFILE || number == ENFILE || number == ENOMEM }
    package var isNotFound: Bool { number == ENOENT }
    package var isExists: Bool { number == EEXIST }
}
