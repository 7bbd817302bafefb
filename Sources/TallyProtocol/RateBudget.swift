package import TallyModel

/// How often something may still be done: so many times at once, and once more each `interval`.
package struct RateBudget: Sendable {
    private let interval: UInt64
    private var refilledAt: MonotonicInstant?
    private let most: UInt32
    private var left: UInt32

    package init(atOnce most: Int, oneEach interval: Duration) {
        precondition(most > 0 && interval > .zero, "a budget that is never filled refuses everything")
        self.most = UInt32(most)
        self.interval = interval.wholeNanoseconds
        left = self.most
    }

    /// PINGs of one peer: one a second, five at once (TG-6-7).
    package static let pings = RateBudget(atOnce: Limits.pingBurst, oneEach: Limits.pingIntervalMin)

    /// Whether one more is within the budget; spends it if so.
    package mutating func spend(now: MonotonicInstant) -> Bool {
        if let refilledAt, now > refilledAt {
            let earned = (now.nanoseconds - refilledAt.nanoseconds) / interval
            if earned >= UInt64(most - left) {
                left = most
                self.refilledAt = now
            } else {
                left += UInt32(earned)
                self.refilledAt = MonotonicInstant(nanoseconds: refilledAt.nanoseconds + earned * interval)
            }
        } else if refilledAt == nil {
            refilledAt = now
        }
        guard left > 0 else { return false }
        left -= 1
        return true
    }
}
