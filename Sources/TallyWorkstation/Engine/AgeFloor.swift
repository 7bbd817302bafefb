package import TallyModel

/// How old an event may be to be spooled at all: what the gateway's retention would refuse is left out and counted.
///
/// It is the gateway's clock that refuses, so this machine's clock alone leaves nothing out: one that is a year ahead
/// would take all of today's work for too old. The older of the two answers counts; where they differ the gateway has
/// the last word (TOO_OLD), and a workstation obeys it only if the clocks agree (TG-B9-2).
package struct AgeFloor: Hashable, Sendable {
    /// The gateway keeps events so long.
    package private(set) var keepsMs: Int64
    /// The gateway's word of the oldest time it takes, at the moment when it was given; of an earlier life of this
    /// program where no moment stands with it.
    private var told: Told?

    private struct Told: Hashable, Sendable {
        var oldestMs: Int64
        var at: MonotonicInstant?
    }

    /// `oldestMs` as it was told at the enrolment; it only grows.
    package init(keepsMs: Int64, oldestMs: Int64?) {
        self.keepsMs = keepsMs
        told = oldestMs.map { Told(oldestMs: $0, at: nil) }
    }

    package mutating func heard(_ oldestMs: Int64, keepsMs: Int64, at now: MonotonicInstant) {
        self.keepsMs = keepsMs
        told = Told(oldestMs: oldestMs, at: now)
    }

    /// Events before this instant are left out.
    package func oldestMs(wallMs: Int64, now: MonotonicInstant) -> Int64 {
        let (own, isOver) = wallMs.subtractingReportingOverflow(keepsMs)
        let ours = isOver ? Int64.min : own
        guard let told else { return ours }
        let elapsedMs = told.at.map { Int64(clamping: now.since($0).wholeMilliseconds) } ?? 0
        let (theirs, isBeyond) = told.oldestMs.addingReportingOverflow(elapsedMs)
        return min(ours, isBeyond ? .max : theirs)
    }
}
