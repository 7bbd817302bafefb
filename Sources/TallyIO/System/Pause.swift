#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Waiting on a thread that has nothing else to do.
package enum Pause {
    package static func milliseconds(_ count: UInt32) { _ = usleep(min(count, 1_000_000) * 1_000) }
}
