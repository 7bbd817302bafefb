import Synchronization
import TallyGateway
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyProtocol
import TallyRollup
import TallyStorage
import TallyWire
import TallyWorkstation
import TestDisk

/// A machine's two clocks: the time of day, which is wrong and jumps, and one that never goes back and begins anywhere
/// at each start.
struct SimClock {
    /// The time of day when the world begins: 2026-09-21.
    static let beginsMs: Int64 = 1_790_000_000_000

    /// How far the time of day is from the truth.
    var offsetMs: Int64 = 0
    /// Millionths that it runs fast.
    var drift: Int64 = 0
    /// What the monotonic clock shows when the world begins.
    var biasNs: UInt64 = 0

    func wallMs(_ now: UInt64) -> Int64 {
        let trueMs = Int64(now / 1_000_000)
        return SimClock.beginsMs + trueMs + trueMs * drift / 1_000_000 + offsetMs
    }

    func monotonic(_ now: UInt64) -> MonotonicInstant { MonotonicInstant(nanoseconds: now + biasNs) }

    /// The world's instant of one of this clock's.
    func instant(_ monotonic: MonotonicInstant) -> UInt64 {
        monotonic.nanoseconds > biasNs ? monotonic.nanoseconds - biasNs : 0
    }
}
