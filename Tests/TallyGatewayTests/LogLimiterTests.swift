import Synchronization
import TallyGateway
import TallyIO
import TallyModel
import Testing

/// The log cannot be flooded by peers, and tells what it left out.
@Suite("Log lines that peers cause")
struct LogLimiterTests {
    private static func at(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: UInt64(seconds * 1_000_000_000))
    }

    @Test("Of each kind a bounded number of lines is written in an interval, and all others are counted once")
    func bounded() {
        for kind in LogEvent.RateLimited.allCases {
            var limiter = LogLimiter()
            var written = 0
            var told = 0
            let events = 5_000
            for event in 0..<events {
                let verdict = limiter.admit(kind, now: Self.at(Double(event) / 100))
                written += verdict.isWritten ? 1 : 0
                told += verdict.leftOut
            }
            told += limiter.due(now: .distantFuture).reduce(0) { $0 + $1.lines }
            #expect(written + told == events, "\(kind)")
            // Fifty seconds are five intervals.
            #expect(written == min(events, 5 * kind.linesMax), "\(kind)")
            #expect(limiter.due(now: .distantFuture).isEmpty, "\(kind)")
        }
    }

    @Test("One kind's flood takes nothing from another's lines, and nothing is told before its interval is over")
    func apart() {
        var limiter = LogLimiter()
        for _ in 0..<1_000 { _ = limiter.admit(.handshakeFailed, now: Self.at(1)) }
        #expect(limiter.admit(.helloRefused, now: Self.at(1)).isWritten)
        #expect(limiter.due(now: Self.at(10.9)).isEmpty)
        let due = limiter.due(now: Self.at(11))
        #expect(due.map(\.kind) == [.handshakeFailed])
        #expect(due.map(\.lines) == [1_000 - Limits.logLinesOfStrangersMax])
        let next = limiter.admit(.handshakeFailed, now: Self.at(11))
        #expect(next.isWritten && next.leftOut == 0 && !next.isFirstLeftOut)
    }

    /// The time, and what is to be done later, in the test's hand.
    private final class Clock: Sendable {
        let now = Guarded(LogLimiterTests.at(100))
        let asked = Guarded<[@Sendable () -> Void]>([])
    }

    @Test("A flood of failed handshakes writes its lines, then one that says how many more; a stop tells the rest")
    func sink() {
        let log = LineLog()
        let clock = Clock()
        let sink = LogSink(
            level: .info, write: { log.add($0) }, now: { clock.now.withLock { $0 } },
            later: { _, work in clock.asked.withLock { $0.append(work) } })
        for _ in 0..<500 { sink(.handshakeFailed(peer: "127.0.0.1:1", reason: "reset")) }
        #expect(log.all.count == Limits.logLinesOfStrangersMax)
        let waiting = clock.asked.withLock { $0 }
        #expect(waiting.count == 1, "one timer an interval, not one a line")
        clock.now.withLock { $0 = Self.at(110) }
        for work in waiting { work() }
        #expect(log.all.count == Limits.logLinesOfStrangersMax + 1)
        #expect(log.all.last?.contains("handshake failed: … and \(500 - Limits.logLinesOfStrangersMax) more") == true)
        for _ in 0..<25 { sink(.handshakeFailed(peer: "127.0.0.1:1", reason: "reset")) }
        sink(.stopped)
        #expect(log.all.suffix(2).first?.contains("and \(25 - Limits.logLinesOfStrangersMax) more") == true)
        #expect(log.all.last?.contains("stopped") == true)
    }

    @Test("What the log's level hides is not counted as left out")
    func hidden() {
        let log = LineLog()
        let sink = LogSink(level: .warning, write: { log.add($0) })
        for _ in 0..<500 { sink(.handshakeFailed(peer: "127.0.0.1:1", reason: "reset")) }
        sink(.diskPaused(freeBytes: 1))
        #expect(log.all.count == 1)
    }
}
