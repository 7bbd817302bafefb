import TallyModel
import TallyProtocol
import TallyWire
import Testing

@Suite("When to dial again")
struct BackoffTests {
    static func goaway(_ reason: GoAwayReason, _ reconnectMs: UInt32 = 0) -> ConnectionEnd {
        .goaway(GoAway(reason: reason, reconnectMs: reconnectMs, committed: .zero))
    }

    static var ends: [ConnectionEnd] {
        [.lost, .silence, .noProgress, .diverged, .violation, .closed] + GoAwayReason.allCases.map { goaway($0) }
    }

    @Test("Every wait lies between its floor and its most, for every reason, attempt and random number")
    func bounds() {
        for end in Self.ends {
            let backoff = Reconnector.backoff(end)
            #expect(backoff.floor < backoff.base && backoff.base < backoff.most, "\(end)")
            for attempt in [-1, 0, 1, 2, 5, 31, 64, Int.max] {
                for random in [UInt64.zero, 1, 1 << 63, .max] {
                    let delay = backoff.delay(attempt: attempt, random: random)
                    #expect(delay >= backoff.floor && delay < backoff.most, "\(end) \(attempt)")
                }
            }
            #expect(backoff.delay(attempt: 0, random: 0) == backoff.floor)
            #expect(backoff.delay(attempt: 0, random: .max) < backoff.base)
            #expect(backoff.delay(attempt: 40, random: .max) > backoff.most - .milliseconds(1))
        }
    }

    @Test("Waits double while nothing gets through, and start anew with progress")
    func doubling() {
        var reconnector = Reconnector()
        var waits: [Duration] = []
        for _ in 0..<4 { waits.append(reconnector.ended(.lost, now: Samples.start, random: .max).after) }
        for (wait, next) in zip(waits, waits.dropFirst()) {
            #expect(next > wait * 2 - .milliseconds(1) && next < wait * 2 + .milliseconds(1))
        }
        reconnector.progressed()
        #expect(reconnector.ended(.lost, now: Samples.start, random: .max).after == waits[0])
    }

    @Test("A takeover waits five seconds at least, doubles through progress, and the second one names two copies")
    func superseded() {
        var reconnector = Reconnector()
        let first = reconnector.ended(Self.goaway(.superseded), now: Samples.start, random: 0)
        #expect(first == Reconnect(after: .seconds(5), notice: nil))
        var before = Duration.zero
        for round in 1...5 {
            reconnector.progressed()
            let next = reconnector.ended(
                Self.goaway(.superseded), now: Samples.after(.seconds(60 * round)), random: .max)
            #expect(next.notice == .twoCopiesMayRun && next.after > before)
            before = next.after
        }
        let later = reconnector.ended(Self.goaway(.superseded), now: Samples.after(.seconds(1_000)), random: .max)
        #expect(later.notice == nil && later.after < .seconds(10))
    }

    @Test("A gateway's own wish is obeyed up to an hour")
    func asked() {
        var reconnector = Reconnector()
        #expect(reconnector.ended(Self.goaway(.shutdown, 20_000), now: Samples.start, random: 0).after == .seconds(20))
        #expect(
            reconnector.ended(Self.goaway(.overloaded, .max), now: Samples.start, random: 0).after == .seconds(3_600))
    }

    @Test("A person is told where only a person can help")
    func notices() {
        let told = GoAwayReason.allCases.filter { Reconnector.notice(Self.goaway($0)) != nil }
        #expect(told == [.protocol, .version, .schema, .unauthenticated, .revoked, .tenantUnavailable, .credit])
    }

    @Test("The bounds of sessions fit one another")
    func limits() {
        #expect(Limits.pingIdle * 2 < Limits.silenceMax && Limits.silenceMax < Limits.idleTimeout)
        #expect(Limits.helloTimeout < Limits.claimTimeout && Limits.claimTimeout < Limits.welcomeTimeout)
        #expect(Limits.creditEvents >= UInt32(Limits.batchEventsMax))
        #expect(Limits.creditBytes >= UInt32(Limits.batchRawBytesMax))
        #expect(Int(Limits.sendRoomBytesMin) < Limits.batchRawBytesMax)
        #expect(Limits.probesMax >= 56 && Limits.sequenceMax == 1 << 56 - 1)
        // Type, flags, the fields before the body (SPEC 2) and the largest body.
        #expect(2 + 40 + Limits.batchRawBytesMax <= Limits.frameBytesMax)
        #expect(Limits.busyRetry < Limits.askedDelayMax && Limits.revokedReconnect < Limits.askedDelayMax)
    }

    @Test("Instants saturate instead of trapping")
    func instants() {
        #expect(MonotonicInstant(nanoseconds: .max) + .seconds(1) == .distantFuture)
        #expect(Samples.start + .seconds(-5) == Samples.start)
        #expect(Samples.start.since(Samples.after(.seconds(1))) == .zero)
        #expect(Samples.after(.seconds(1)).since(Samples.start) == .seconds(1))
        #expect(Duration.seconds(Int64.max).wholeNanoseconds == .max)
    }
}
