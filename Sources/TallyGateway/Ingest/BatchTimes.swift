import TallyModel
import TallyWire

/// What the gateway looks at in the times of a decoded batch.
extension Batch {
    /// TOO_OLD for the first run of rows that retention would remove at once; CLOCK_UNSURE where the clock that says so
    /// is not trusted (SPEC.md TG-8-2).
    func checkAge(oldestTimeMs: Int64, isClockTrusted: Bool) throws(BatchRefusal) {
        guard timeBounds.lowest < oldestTimeMs else { return }
        guard let first = (0..<count).first(where: { timeMs($0) < oldestTimeMs }) else { return }
        let run = (first..<count).prefix { timeMs($0) < oldestTimeMs }.count
        throw BatchRefusal(
            reason: isClockTrusted ? .tooOld : .clockUnsure, field: ColumnID.timeMs.rawValue, index: UInt32(first),
            run: UInt32(run))
    }

    /// The lowest and highest time of the rows.
    var timeBounds: (lowest: Int64, highest: Int64) {
        var lowest = Int64.max
        var highest = Int64.min
        for row in 0..<count {
            let time = timeMs(row)
            lowest = min(lowest, time)
            highest = max(highest, time)
        }
        return (lowest, highest)
    }
}
