import TallyModel
import TallyRollup
import TallyWire

/// The clock against which a connection's events are too old or not, as its claim told it.
struct AgeLimit: Hashable, Sendable {
    /// Retention would remove what is older at once.
    var oldestTimeMs: Int64 = 0
    /// The gateway's clock when it told that: one that has gone back since is not believed, or all that is young would lie
    /// ahead of it, count at its receipt, and be too old.
    var toldAtMs = Int64.min
    /// Whether `oldestTimeMs` comes of a clock that is trusted (BEHAVIOUR.md TG-B9-1).
    var isClockTrusted = true
    /// The gateway's clock less the workstation's, at the HELLO.
    var clockOffsetMs: Int32 = 0

    /// What is said of an event that is older.
    var reason: RejectReason { isClockTrusted ? .tooOld : .clockUnsure }
}

/// What the gateway looks at in the times of a decoded batch.
extension Batch {
    /// TOO_OLD, or CLOCK_UNSURE where the clock may be wrong, for the first run of rows whose effective time retention
    /// would remove at once (SPEC.md TG-8-2).
    func checkAge(
        _ limit: AgeLimit, between bounds: (lowest: Int64, highest: Int64), nowMs: Int64
    ) throws(BatchRefusal) {
        let nowMs = max(nowMs, limit.toldAtMs)
        // A row that is neither old nor ahead counts at its own time or at its receipt: both are young enough.
        let (latest, isOver) = nowMs.addingReportingOverflow(Limits.aheadMsMax)
        if bounds.lowest >= limit.oldestTimeMs, isOver || bounds.highest <= latest { return }
        func isOld(_ row: Int) -> Bool {
            EffectiveTime(timeMs: timeMs(row), receivedMs: nowMs, offsetMs: Int64(limit.clockOffsetMs)).ms
                < limit.oldestTimeMs
        }
        guard let first = (0..<count).first(where: isOld) else { return }
        let run = (first..<count).prefix(while: isOld).count
        throw BatchRefusal(
            reason: limit.reason, field: ColumnID.timeMs.rawValue, index: UInt32(first), run: UInt32(run))
    }

    /// The lowest and highest time of the rows.
    var timeBounds: (lowest: Int64, highest: Int64) {
        var lowest = Int64.max
        var highest = Int64.min
        let times = longs.span.extracting(Slot.time * capacity..<Slot.time * capacity + count)
        for row in times.indices {
            let time = Int64(truncatingIfNeeded: times[row])
            lowest = min(lowest, time)
            highest = max(highest, time)
        }
        return (lowest, highest)
    }
}
