#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// How much of a processor programs have used: user and system time of all their threads, ended ones too, in nanoseconds.
package enum ProcessTime {
    /// Of this process.
    package static func ownNanoseconds() -> UInt64 { read(CLOCK_PROCESS_CPUTIME_ID) ?? 0 }

    #if canImport(Glibc)
    /// The kernel numbers no process above it (PID_MAX_LIMIT). A clock's name holds 29 bits of the number: a larger one
    /// would name another clock.
    private static let processMax: Int32 = 1 << 22

    /// Of the process `id`; nil where there is none.
    package static func nanoseconds(of id: Int32) -> UInt64? {
        guard (1...processMax).contains(id) else { return nil }
        var clock = clockid_t()
        // `clock` lives for the call, which only writes to it. The C library says by its result whether there is such a
        // process.
        guard unsafe clock_getcpuclockid(id, &clock) == 0 else { return nil }
        return read(clock)
    }
    #endif

    private static func read(_ clock: clockid_t) -> UInt64? {
        var time = timespec()
        // The kernel fills the structure that is passed.
        guard unsafe clock_gettime(clock, &time) == 0 else { return nil }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
