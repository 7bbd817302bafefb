import TallyModel

/// The time at which an event counts: its day, its hour, its price.
///
/// A pure function of three numbers in milliseconds, so that a ledger read again gives the same reports:
///
/// - `time_ms`: the event's own, from the row; rows are never changed.
/// - `receive`: the gateway's clock when it appended the record that carries the event.
/// - `offset`: gateway clock − workstation clock, both read at the connection's HELLO, stored in the record.
///
/// With `bound = Limits.aheadMsMax` (10 minutes) and `corrected = time_ms + offset`, saturating:
///
/// 1. `time_ms ≤ receive + bound` and `corrected ≤ receive + bound`: the event counts at `time_ms`. A past time
///    is taken as it is, for the offset of today says nothing of the clock of that day.
/// 2. `corrected > receive + bound`: ahead even when the workstation's clock is allowed for. It counts at
///    `receive`, flagged `.receiveTime`.
/// 3. Otherwise `time_ms` is ahead and the clock explains it. It counts at `corrected`, at least 1, flagged
///    `.clockOffset`.
///
/// Hence no event counts later than `receive + bound`, whatever a workstation says of its clock.
package struct EffectiveTime: Hashable, Sendable {
    package enum Basis: UInt8, Hashable, Sendable {
        case asSent = 0
        case receiveTime
        case clockOffset
    }

    package let ms: Int64
    package let basis: Basis

    package init(timeMs: Int64, receivedMs: Int64, offsetMs: Int64) {
        let latest = EffectiveTime.sum(receivedMs, Limits.aheadMsMax)
        let corrected = EffectiveTime.sum(timeMs, offsetMs)
        if corrected > latest {
            (ms, basis) = (receivedMs, .receiveTime)
        } else if timeMs > latest {
            (ms, basis) = (max(corrected, Limits.timeMsMin), .clockOffset)
        } else {
            (ms, basis) = (timeMs, .asSent)
        }
    }

    /// Whether every event up to `highestMs` counts at its own time.
    package static func areAsSent(through highestMs: Int64, receivedMs: Int64, offsetMs: Int64) -> Bool {
        let latest = sum(receivedMs, Limits.aheadMsMax)
        return highestMs <= latest && sum(highestMs, offsetMs) <= latest
    }

    /// The sum, at the end of the number line where it does not fit.
    private static func sum(_ left: Int64, _ right: Int64) -> Int64 {
        let (sum, isOver) = left.addingReportingOverflow(right)
        return isOver ? (right > 0 ? .max : .min) : sum
    }
}
