#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The process as its caller sees it: environment, standard streams, a way to be asked to stop.
package enum Terminal {
    /// The variable's value; nil where it is not set.
    package static func environment(_ name: String) -> String? {
        // Why this holds: the string is copied at once, and nothing here changes the environment.
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    /// Whether standard error is read by a person.
    package static var isErrorInteractive: Bool { isatty(2) == 1 }

    package static func writeOutput(_ text: String) { write(text, to: 1) }
    package static func writeError(_ text: String) { write(text, to: 2) }

    /// A closed pipe ends the writing and nothing else: there is nobody left to tell.
    private static func write(_ text: String, to raw: CInt) {
        let bytes = Array(text.utf8)
        var done = 0
        while done < bytes.count {
            // Why this holds: the window lies inside the array, which outlives the call.
            let count = unsafe bytes.withUnsafeBytes { window in
                unsafe Glibc.write(raw, window.baseAddress?.advanced(by: done), window.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            done += count
        }
    }

    /// The next bytes of standard input, at most `limit`; empty at its end. Blocks.
    package static func readInput(limit: Int) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: limit)
        while true {
            // Why this holds: the kernel writes at most the array's own length.
            let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(0, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SystemError("read", "standard input") }
            bytes.removeLast(limit - count)
            return bytes
        }
    }
}
