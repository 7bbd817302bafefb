package import TallyModel

/// How many lines of each kind that peers can cause are written: up to the kind's own number in each interval. The rest is
/// counted, and told in one line when the interval is over.
///
/// A value: time comes in, so that a test needs no clock.
package struct LogLimiter: Sendable {
    /// What becomes of one line.
    package struct Verdict: Equatable, Sendable {
        package var isWritten: Bool
        /// Lines of earlier intervals that were left out and not told yet: to be told before this one.
        package var leftOut: Int
        /// The first line that this interval leaves out: somebody must ask for `due` when it is over.
        package var isFirstLeftOut: Bool
    }

    private struct Window {
        var endsAt = MonotonicInstant(nanoseconds: 0)
        var written = 0
        var leftOut = 0
    }

    private var windows = [Window](repeating: Window(), count: LogEvent.RateLimited.allCases.count)

    package init() {}

    package mutating func admit(_ kind: LogEvent.RateLimited, now: MonotonicInstant) -> Verdict {
        var verdict = Verdict(isWritten: true, leftOut: 0, isFirstLeftOut: false)
        if now >= windows[kind.rawValue].endsAt {
            verdict.leftOut = windows[kind.rawValue].leftOut
            windows[kind.rawValue] = Window(endsAt: now + Limits.logInterval)
        }
        guard windows[kind.rawValue].written < kind.linesMax else {
            windows[kind.rawValue].leftOut += 1
            verdict.isWritten = false
            verdict.isFirstLeftOut = windows[kind.rawValue].leftOut == 1
            return verdict
        }
        windows[kind.rawValue].written += 1
        return verdict
    }

    /// What was left out in intervals that are over by `now`; each is told once.
    package mutating func due(now: MonotonicInstant) -> [(kind: LogEvent.RateLimited, lines: Int)] {
        var told: [(kind: LogEvent.RateLimited, lines: Int)] = []
        for kind in LogEvent.RateLimited.allCases where windows[kind.rawValue].leftOut > 0 {
            guard now >= windows[kind.rawValue].endsAt else { continue }
            told.append((kind, windows[kind.rawValue].leftOut))
            windows[kind.rawValue].leftOut = 0
        }
        return told
    }
}
