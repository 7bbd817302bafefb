/// How often something may be done: so many times at once, and once more each interval.
///
/// All that one user of a pace has is the instant at which nothing of its budget is spent any more, eight bytes: each
/// spending moves it on by an interval, and it may lie no further ahead than the budget allows (the generic cell rate
/// algorithm of ITU-T I.371, which is a bucket of tokens told by time).
package struct Pace: Hashable, Sendable {
    /// Nanoseconds.
    private let interval: UInt64
    private let slack: UInt64

    package init(atOnce most: Int, oneEach interval: Duration) {
        precondition(most > 0 && interval > .zero, "a budget that is never filled refuses everything")
        self.interval = interval.wholeNanoseconds
        let (slack, isOver) = self.interval.multipliedReportingOverflow(by: UInt64(most - 1))
        self.slack = isOver ? .max : slack
    }

    /// So many in `period`, and as many at once as come in `burst` of it.
    package init(_ most: Int, in period: Duration, burst: Int = 1) {
        precondition(most > 0 && burst > 0, "a budget that is never filled refuses everything")
        let each = max(period.wholeNanoseconds / UInt64(most), 1)
        let (atOnce, isOver) = most.multipliedReportingOverflow(by: burst)
        self.init(atOnce: isOver ? .max : atOnce, oneEach: .nanoseconds(Int64(clamping: each)))
    }

    /// Whether one more is within the budget of whoever has all of it again at `fullAt`.
    package func allows(_ fullAt: UInt64, now: MonotonicInstant) -> Bool {
        fullAt <= now.nanoseconds || fullAt - now.nanoseconds <= slack
    }

    /// Spends one more. False, and nothing is spent, where that is beyond the budget.
    package func spend(_ fullAt: inout UInt64, now: MonotonicInstant) -> Bool {
        guard allows(fullAt, now: now) else { return false }
        let (next, isOver) = max(fullAt, now.nanoseconds).addingReportingOverflow(interval)
        fullAt = isOver ? .max : next
        return true
    }

    /// How long until `allows`; zero where it does.
    package func wait(_ fullAt: UInt64, now: MonotonicInstant) -> Duration {
        guard !allows(fullAt, now: now) else { return .zero }
        return .nanoseconds(Int64(clamping: fullAt - now.nanoseconds - slack))
    }
}

/// A pace with its one user.
package struct RateBudget: Hashable, Sendable {
    private let pace: Pace
    private var fullAt: UInt64 = 0

    package init(_ pace: Pace) { self.pace = pace }

    package init(atOnce most: Int, oneEach interval: Duration) { pace = Pace(atOnce: most, oneEach: interval) }

    /// PINGs of one peer: one a second, five at once (TG-6-7).
    package static let pings = RateBudget(atOnce: Limits.pingBurst, oneEach: Limits.pingIntervalMin)

    /// Whether one more is within the budget; spends it if so.
    package mutating func spend(now: MonotonicInstant) -> Bool { pace.spend(&fullAt, now: now) }

    /// How long until one more is within the budget.
    package func wait(now: MonotonicInstant) -> Duration { pace.wait(fullAt, now: now) }
}
