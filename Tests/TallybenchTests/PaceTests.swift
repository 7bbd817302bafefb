import Testing

@testable import tallybench

/// When batches of an open loop are due.
@Suite("Pace")
struct PaceTests {
    @Test(
        "Batch k is due exactly k times events by rate after the start, without drift",
        arguments: [(1_000_000, 100), (3, 7), (999_983, 1), (1, 4_096), (1_000_000_000, 1), (7_777_777, 64)])
    func exact(rate: Int, events: Int) {
        let pace = Pace(eventsPerSecond: UInt64(rate), eventsPerBatch: UInt64(events))
        for batch in [0, 1, 2, 3, 10, 999, 1_000_000, 123_456_789] {
            let wanted = UInt128(batch) * UInt128(events) * 1_000_000_000 / UInt128(rate)
            #expect(pace.due(batch) == Int64(clamping: wanted), "batch \(batch)")
        }
    }

    @Test("The count of batches before an instant is that of the instants before it")
    func count() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            let rate = UInt64.random(in: 1...2_000_000, using: &random)
            let events = UInt64.random(in: 1...4_096, using: &random)
            let nanoseconds = Int64.random(in: 1...10_000_000_000, using: &random)
            let pace = Pace(eventsPerSecond: rate, eventsPerBatch: events)
            let count = pace.count(before: nanoseconds)
            #expect(count > 0, "batch 0 is due at once")
            #expect(pace.due(count - 1) < nanoseconds, "\(rate) \(events) \(nanoseconds)")
            #expect(pace.due(count) >= nanoseconds, "\(rate) \(events) \(nanoseconds)")
        }
        #expect(Pace(eventsPerSecond: 5, eventsPerBatch: 1).count(before: 0) == 0)
    }

    @Test("What no run reaches never comes, and does not trap")
    func far() {
        let pace = Pace(eventsPerSecond: 1, eventsPerBatch: 4_096)
        #expect(pace.due(.max) == .max)
        #expect(pace.due(1 << 50) == .max)
    }
}
