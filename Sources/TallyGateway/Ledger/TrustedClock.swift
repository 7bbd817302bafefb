package import TallyModel

/// Whether the time of day may be believed, for one ledger (BEHAVIOUR TG-B9-1).
///
/// It is believed from an *anchor* on: a time of day that was right at an instant of the clock that never goes back.
///
///     anchor ≤ wall ≤ anchor + elapsed since the anchor + a day
///
/// The first anchor is the newest receive time in the ledger, learnt when it was opened. Every record received under a
/// trusted clock moves it on. A gateway that was off for longer than a day, or whose clock was set back, is unsure, and
/// sure again as soon as a second clock says the same: that of a workstation, at its HELLO.
///
/// Only refusing and removing old events need trust; accepting never waits for it.
package struct TrustedClock: Hashable, Sendable {
    private var anchor: GatewayInstant

    /// `newestMs`: the newest receive time in the ledger.
    package init(newestMs: Int64, learntAt: MonotonicInstant) {
        anchor = GatewayInstant(wallMs: newestMs, monotonic: learntAt)
    }

    package func isTrusted(at now: GatewayInstant) -> Bool {
        let (ahead, isOver) = now.wallMs.subtractingReportingOverflow(anchor.wallMs)
        guard !isOver, ahead >= 0 else { return false }
        let elapsedMs = Int64(clamping: now.monotonic.since(anchor.monotonic).wholeNanoseconds / 1_000_000)
        let (latest, isFar) = elapsedMs.addingReportingOverflow(Limits.clockAheadMsMax)
        return isFar || ahead <= latest
    }

    /// A workstation's clock differs from ours by `offsetMs`: two that agree are believed.
    package mutating func heard(offsetMs: Int32, at now: GatewayInstant) {
        if abs(Int64(offsetMs)) <= Limits.clockAgreementMs { anchor = now }
    }

    /// The receive time for a record: the wall clock, but never before the anchor, so that within a ledger it goes back
    /// only where two clocks say that it had run ahead.
    package mutating func receiveMs(at now: GatewayInstant) -> Int64 {
        if isTrusted(at: now) { anchor = now }
        return max(now.wallMs, anchor.wallMs)
    }

    /// What retention is reckoned from: while unsure the earlier of two times, so that nothing seems older than it is.
    package func retentionMs(at now: GatewayInstant) -> Int64 {
        isTrusted(at: now) ? now.wallMs : min(now.wallMs, anchor.wallMs)
    }
}
