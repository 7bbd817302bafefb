#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The time of day. Only the rim reads it: machines get `now` as an argument.
package enum WallClock {
    /// Milliseconds since 1970, UTC. It may jump.
    package static func nowMs() -> Int64 {
        let now = read(CLOCK_REALTIME)
        return Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000
    }
}

/// Time that never goes back: for deadlines and durations.
package enum MonotonicClock {
    package static func nowNanoseconds() -> Int64 {
        let now = read(CLOCK_MONOTONIC)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }

    package static func nowMs() -> Int64 { nowNanoseconds() / 1_000_000 }
}

private func read(_ clock: clockid_t) -> timespec {
    var now = timespec()
    // Why this holds: the kernel fills the structure that is passed. The two clocks always exist.
    _ = unsafe clock_gettime(clock, &now)
    return now
}
