import TallyModel
import Testing

/// Reproducible numbers.
private struct Steps {
    private var state: UInt64 = 20_261
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state >> 33
    }
}

/// How often something may be done.
@Suite("Rate budgets")
struct RateBudgetTests {
    private static let start = MonotonicInstant(nanoseconds: 5_000_000_000)

    @Test("So many pass at once and one more each interval, and what is refused spends nothing")
    func burst() {
        var budget = RateBudget(atOnce: 3, oneEach: .seconds(2))
        let passed = (0..<5).map { _ in budget.spend(now: Self.start) }
        #expect(passed == [true, true, true, false, false])
        #expect(budget.wait(now: Self.start) == .seconds(2))
        #expect(budget.spend(now: Self.start + .milliseconds(1_999)) == false)
        #expect(budget.spend(now: Self.start + .seconds(2)) == true)
        #expect(budget.spend(now: Self.start + .seconds(2)) == false)
        // Never more than all of it, however long nobody asks.
        let later = Self.start + .seconds(10_000)
        #expect(budget.wait(now: later) == .zero)
        let again = (0..<5).map { _ in budget.spend(now: later) }
        #expect(again == [true, true, true, false, false])
    }

    @Test("It allows what a bucket of tokens would, at any times")
    func bucket() {
        var random = Steps()
        for most in [1, 2, 7, 64] {
            let interval: UInt64 = 1_000
            let pace = Pace(atOnce: most, oneEach: .nanoseconds(Int64(interval)))
            var fullAt: UInt64 = 0
            // In thousandths of a token, so that it stays whole.
            var tokens = UInt64(most) * interval
            var now: UInt64 = 1_000_000
            for _ in 0..<5_000 {
                let step = random.next() % (2 * interval + 1)
                now += step
                tokens = min(UInt64(most) * interval, tokens + step)
                let isAllowed = tokens >= interval
                let instant = MonotonicInstant(nanoseconds: now)
                #expect(pace.allows(fullAt, now: instant) == isAllowed)
                #expect(pace.spend(&fullAt, now: instant) == isAllowed)
                if isAllowed { tokens -= interval }
            }
        }
    }

    @Test("A pace by the second or the hour is spread evenly, and none is so large that it traps")
    func periods() {
        let hourly = Pace(60, in: .seconds(3_600))
        var fullAt: UInt64 = 0
        let hour = (0..<61).filter { _ in hourly.spend(&fullAt, now: Self.start) }.count
        #expect(hour == 60)
        #expect(hourly.wait(fullAt, now: Self.start) == .seconds(60))
        let bursts = Pace(10, in: .seconds(1), burst: 3)
        fullAt = 0
        let burst = (0..<99).filter { _ in bursts.spend(&fullAt, now: Self.start) }.count
        #expect(burst == 30)
        for most in [Int.max, Int.max - 1, 1 << 40] {
            let pace = Pace(most, in: .seconds(1), burst: 4)
            fullAt = 0
            let passed = (0..<100).filter { _ in pace.spend(&fullAt, now: Self.start) }.count
            #expect(passed == 100)
        }
        fullAt = .max - 1
        let last = MonotonicInstant.distantFuture
        #expect(hourly.spend(&fullAt, now: last) == true)
        #expect(fullAt == .max)
    }
}
