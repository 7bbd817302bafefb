package import TallyModel

/// How many PINGs a peer may still send: one a second, five at once (TG-6-7).
package struct PingBudget: Sendable {
    private var tokens = Limits.pingBurst
    private var refilledAt: MonotonicInstant?

    package init() {}

    /// Whether one more PING is within the budget; spends it if so.
    package mutating func spend(now: MonotonicInstant) -> Bool {
        let interval = Limits.pingIntervalMin.wholeNanoseconds
        if let refilledAt, now > refilledAt {
            let earned = (now.nanoseconds - refilledAt.nanoseconds) / interval
            if earned >= UInt64(Limits.pingBurst - tokens) {
                tokens = Limits.pingBurst
                self.refilledAt = now
            } else {
                tokens += Int(earned)
                self.refilledAt = MonotonicInstant(nanoseconds: refilledAt.nanoseconds + earned * interval)
            }
        } else if refilledAt == nil {
            refilledAt = now
        }
        guard tokens > 0 else { return false }
        tokens -= 1
        return true
    }
}
