import TallyModel

/// How long to wait before the next try: never less than `floor`, and above it anywhere up to a ceiling that
/// doubles with each attempt ("full jitter"), so that a thousand workstations do not come back together.
///
/// It is tried for ever: the ceiling stops growing, the trying does not.
package struct Backoff: Hashable, Sendable {
    package var floor: Duration
    /// The ceiling of the first attempt.
    package var base: Duration
    package var most: Duration

    package init(floor: Duration = .zero, base: Duration, most: Duration) {
        self.floor = floor
        self.base = base
        self.most = most
    }

    /// `attempt` counts from 0; `random` is any 64 random bits. The result lies in floor … max(floor, most).
    package func delay(attempt: Int, random: UInt64) -> Duration {
        let shift = UInt64(min(max(attempt, 0), 32))
        let (scaled, isOver) = base.wholeNanoseconds.multipliedReportingOverflow(by: 1 << shift)
        let ceiling = min(isOver ? .max : scaled, most.wholeNanoseconds)
        let low = floor.wholeNanoseconds
        let span = ceiling > low ? ceiling - low : 0
        // The high word of the product is uniform in 0 … span - 1.
        let jitter = random.multipliedFullWidth(by: span).high
        return .nanoseconds(Int64(clamping: low)) + .nanoseconds(Int64(clamping: jitter))
    }
}
