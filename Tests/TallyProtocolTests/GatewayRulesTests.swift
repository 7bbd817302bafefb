import TallyModel
import TallyProtocol
import TallyWire
import Testing

@Suite("Gateway: rules")
struct GatewayRulesTests {
    @Test("TG-6-1 Only the event after accepted is taken, and accepted runs ahead of committed")
    func twoCursors() {
        var session = Samples.gateway()
        #expect(session.take(1, 10) == .decode)
        #expect(session.take(11, 20) == .decode)
        #expect(session.accepted.sequence == Sequence64(20) && session.committed.sequence == .zero)
        #expect(session.chainBefore == Samples.chain(20))
        #expect(session.commit(10) == .ack(Samples.ack(10)))
        #expect(session.accepted.sequence == Sequence64(20) && session.inFlightBytes == 200)
    }

    @Test("TG-6-2 Duplicates, overlaps and gaps are answered each in its way")
    func places() {
        var session = Samples.gateway()
        _ = session.take(1, 10)
        _ = session.take(11, 20)
        _ = session.commit(10)
        #expect(session.take(1, 10) == .duplicate(Samples.ack(10)))
        #expect(session.take(5, 15) == .silent)
        #expect(session.take(11, 20) == .silent)
        #expect(session.take(11, 21) == .reject(Samples.reject(11, .sequenceOverlap, run: 11)))
        session = Samples.gateway()
        #expect(session.take(2, 3) == .reject(Samples.reject(2, .sequenceGap, run: 2)))
        #expect(session.take(4, 5) == .silent)
        #expect(session.take(1, 3) == .decode)
        #expect(session.take(5, 6) == .reject(Samples.reject(5, .sequenceGap, run: 2)))
    }

    @Test("TG-6-2 After a REJECT what lies beyond is dropped until the expected event or a SKIP comes")
    func droppingAfterReject() {
        var session = Samples.gateway()
        let refusal = RunRefusal(reason: .fieldRange, index: 2, run: 1, field: 12)
        let reject = session.refused(first: Sequence64(1), refusal)
        #expect(reject == Reject(first: Sequence64(1), index: 2, run: 1, reason: .fieldRange, field: 12, retryMs: 0))
        #expect(session.take(11, 20) == .silent)
        #expect(session.take(1, 2) == .decode)
        #expect(session.skip(SkipHeader(Samples.skip(3, 3))) == .append)
        session.accepted(SkipHeader(Samples.skip(3, 3)))
        #expect(session.take(4, 20) == .decode)
        #expect(session.commit(20) == .ack(Samples.ack(20)))
    }

    @Test("A batch that the appender refuses after all is taken back with everything behind it")
    func lateRefusal() {
        var session = Samples.gateway()
        _ = session.take(1, 5)
        _ = session.take(6, 9)
        _ = session.take(10, 12)
        #expect(
            session.refused(first: Sequence64(6), RunRefusal(reason: .sessionLimit, run: 4))?.first == Sequence64(6))
        session.checkInvariants()
        #expect(session.accepted == GatewaySession.Cursor(sequence: Sequence64(5), chain: Samples.chain(5)))
        #expect(session.take(13, 14) == .silent)
        #expect(session.take(6, 9) == .decode)
    }

    @Test("A duplicate with another chain value is a fork, not a success")
    func forkedDuplicate() {
        var session = Samples.gateway(committed: 10)
        var header = Samples.header(5, 10)
        header.chainAfter = ChainValue(99)
        guard case .goaway(let goaway) = session.batch(header, bodyBytes: 120) else {
            Issue.record("acknowledged")
            return
        }
        #expect(goaway.reason == .streamFork && goaway.committed == Sequence64(10))
    }

    @Test("TG-6-4 A frame beyond the credit granted ends the connection")
    func credit() {
        var session = Samples.gateway()
        #expect(session.take(1, 4_096) == .reject(Samples.reject(1, .size, run: 4_096)))
        for first in stride(from: UInt64(1), to: 6_000, by: 3_000) {
            #expect(session.take(first, first + 2_999) == .decode)
        }
        #expect(session.inFlightBytes == 120_000)
        guard case .goaway(let bytes) = session.take(6_001, 7_000) else {
            Issue.record("more bytes than granted were taken")
            return
        }
        #expect(bytes.reason == .credit)

        session = Samples.gateway()
        var wide = Samples.header(1, 4_000)
        wide.rawBytes = 100
        for first in stride(from: UInt64(1), through: 8_001, by: 4_000) {
            var header = Samples.header(first, first + 3_999)
            header.rawBytes = 100
            let decision = session.batch(header, bodyBytes: 100)
            if first < 8_001 {
                session.accepted(header, bodyBytes: 100)
            } else {
                #expect(decision == .goaway(GoAway(reason: .credit, reconnectMs: 0, committed: .zero)))
            }
        }
    }

    @Test("TG-6-4 TG-6-5 A pause answers BUSY and its end is told by an ACK with the same sequence")
    func pause() {
        var session = Samples.gateway()
        _ = session.take(1, 10)
        #expect(session.pause() == Samples.ack(0, credit: .paused))
        #expect(session.pause() == nil)
        #expect(session.take(11, 12) == .reject(Samples.reject(11, .busy, run: 2, retryMs: 2_000)))
        #expect(session.take(13, 14) == .silent)
        #expect(session.commit(10) == .ack(Samples.ack(10, credit: .paused)))
        #expect(session.take(1, 10) == .duplicate(Samples.ack(10, credit: .paused)))
        #expect(session.resume(Samples.credit) == Samples.ack(10))
        #expect(session.take(11, 12) == .decode)
    }

    @Test("TG-6-6 Sequence comes before sizes, sizes before the body")
    func sizes() {
        let cases: [(raw: UInt32, body: Int, isLZ4: Bool, isGood: Bool)] = [
            (40, 40, false, true), (40, 41, false, false), (0, 0, false, true), (0, 1, true, true),
            (65_537, 65_537, false, false),
            (65_536, 300, true, true), (65_536, 256, true, false), (319, 1, true, true), (320, 1, true, false),
        ]
        for one in cases {
            var session = Samples.gateway()
            var header = Samples.header(1, 2)
            header.rawBytes = one.raw
            header.isLZ4 = one.isLZ4
            let expected: BatchDecision = one.isGood ? .decode : .reject(Samples.reject(1, .size, run: 2))
            #expect(session.batch(header, bodyBytes: one.body) == expected, "\(one)")
            // A wrong size does not matter where the sequence already answers.
            session = Samples.gateway(committed: 2)
            #expect(session.batch(header, bodyBytes: one.body) == .duplicate(Samples.ack(2)), "\(one)")
        }
    }

    @Test("TG-2-5 A sequence beyond 2⁵⁶ is a protocol error and never a trap")
    func hugeSequences() {
        let places: [(UInt64, UInt32)] = [(.max, 1), (.max, 4_096), (1 << 56, 1), (0, 1), (1 << 56, 0), (0, 0)]
        for (first, count) in places {
            var session = Samples.gateway()
            var header = Samples.header(1, 1)
            header.first = Sequence64(first)
            header.count = count
            #expect(
                session.batch(header, bodyBytes: 20)
                    == .goaway(GoAway(reason: .protocol, reconnectMs: 0, committed: .zero)), "\(first)+\(count)")
        }
        for (first, last) in [(UInt64(0), UInt64(1)), (2, 1), (1, .max)] {
            var session = Samples.gateway()
            #expect(
                session.skip(SkipHeader(Samples.skip(first, last)))
                    == .goaway(GoAway(reason: .protocol, reconnectMs: 0, committed: .zero)), "\(first)…\(last)")
        }
    }

    @Test("TG-4-1 A BATCH of no events stands where its first would, and is refused for its size in its turn")
    func noEvents() {
        var header = Samples.header(3, 3)
        header.count = 0
        var session = Samples.gateway(committed: 2)
        #expect(session.batch(header, bodyBytes: 20) == .reject(Samples.reject(3, .size, run: 0)))
        session = Samples.gateway(committed: 3)
        #expect(session.batch(header, bodyBytes: 20) == .duplicate(Samples.ack(3)))
        session = Samples.gateway(committed: 1)
        #expect(session.batch(header, bodyBytes: 20) == .reject(Samples.reject(3, .sequenceGap, run: 0)))
        session = Samples.gateway(committed: 2)
        _ = session.pause()
        #expect(session.batch(header, bodyBytes: 20) == .reject(Samples.reject(3, .busy, run: 0, retryMs: 2_000)))
    }

    @Test("TG-5-4 A SKIP that tells more than its events can hold ends the connection")
    func possibleSkips() {
        let tokens = UInt64(Limits.tokensMax)
        let cost = UInt128(Limits.reportedCostNanoUSDMax)
        typealias Told = (events: UInt64, classes: [UInt64], reported: UInt128, isGood: Bool)
        let cases: [Told] = [
            (2, [12 * tokens, 0, 0, 0, 0, 0, 2 * tokens], 2 * cost, true), (3, [], 0, false),
            (1, [12 * tokens, 1, 0, 0, 0, 0, 0], 0, false), (1, [0, 0, 0, 0, 0, 0, 2 * tokens + 1], 0, false),
            (1, [], 2 * cost + 1, false), (0, [UInt64](repeating: .max, count: 7), .max, false), (0, [], 0, true),
        ]
        for told in cases {
            var session = Samples.gateway()
            var skip = Samples.skip(1, 2)
            let classes = told.classes.isEmpty ? [UInt64](repeating: 0, count: 7) : told.classes
            skip.groups = [
                SkipGroup(model: nil, events: told.events, tokenClasses: classes, reportedNanoUSD: told.reported)
            ]
            let expected: SkipDecision =
                told.isGood ? .append : .goaway(GoAway(reason: .protocol, reconnectMs: 0, committed: .zero))
            #expect(session.skip(SkipHeader(skip)) == expected, "\(told)")
        }
        // Together, and where the sum of two does not fit any number.
        var session = Samples.gateway()
        var skip = Samples.skip(1, 2)
        let group = SkipGroup(
            model: nil, events: 1, tokenClasses: [UInt64](repeating: 0, count: 7), reportedNanoUSD: UInt128.max / 2 + 1)
        skip.groups = [group, group]
        #expect(session.skip(SkipHeader(skip)) == .goaway(GoAway(reason: .protocol, reconnectMs: 0, committed: .zero)))
    }

    @Test("A frame that does not become whole in time ends the connection, however often a byte of it comes")
    func unfinishedFrame() {
        var session = Samples.gateway()
        let second = Duration.seconds(1)
        #expect(session.deadline == Samples.start + Limits.idleTimeout)
        for elapsed in 0..<20 { session.waits(forRestOfFrame: true, now: Samples.after(second * elapsed)) }
        #expect(session.deadline == Samples.start + Limits.frameTimeout)
        // A whole one begins the time anew, and without a part there is none.
        session.heard(now: Samples.after(second * 19))
        session.waits(forRestOfFrame: true, now: Samples.after(second * 19))
        #expect(session.tick(now: Samples.after(second * 38)).goaway == nil)
        session.waits(forRestOfFrame: false, now: Samples.after(second * 38))
        #expect(session.deadline == Samples.after(second * 19) + Limits.idleTimeout)
        session.waits(forRestOfFrame: true, now: Samples.after(second * 40))
        #expect(session.tick(now: Samples.after(second * 60)).goaway?.reason == .timeout)
        // Silence beside it is silence.
        session = Samples.gateway()
        session.waits(forRestOfFrame: true, now: Samples.after(second * 119))
        #expect(session.tick(now: Samples.after(second * 120)).goaway?.reason == .idle)
    }

    @Test("How long a peer is waited for is what the operator said")
    func patience() {
        var offer = GatewayOffer()
        offer.patience = Patience(helloMs: 1_000, idleMs: 60_000, frameMs: 2_000)
        var session = GatewaySession(offer: offer, now: Samples.start)
        #expect(session.deadline == Samples.after(.seconds(1)))
        _ = session.receive(HelloHeader(Samples.hello()), now: Samples.start)
        _ = session.authenticated(Samples.hello())
        _ = session.claimed(Samples.claim(), now: Samples.start)
        #expect(session.deadline == Samples.after(.seconds(60)))
        session.waits(forRestOfFrame: true, now: Samples.start)
        #expect(session.deadline == Samples.after(.seconds(2)))
    }

    @Test("TG-6-7 A burst of five PINGs and one a second is answered, more is not")
    func pings() {
        var session = Samples.gateway()
        _ = session.pause()
        for opaque in UInt64(0)..<5 {
            #expect(session.ping(opaque: opaque, now: Samples.start) == .pong(opaque: opaque))
        }
        #expect(session.ping(opaque: 9, now: Samples.after(.seconds(1))) == .pong(opaque: 9))
        let goaway = GoAway(reason: .protocol, reconnectMs: 0, committed: .zero)
        #expect(session.ping(opaque: 10, now: Samples.after(.milliseconds(1_900))) == .goaway(goaway))
    }

    @Test("TG-6-8 CLOSE is acknowledged only where everything is committed")
    func close() {
        var session = Samples.gateway(committed: 5)
        #expect(session.close(final: Sequence64(5)) == .close(Samples.ack(5)))
        session = Samples.gateway(committed: 5)
        #expect(
            session.close(final: Sequence64(6))
                == .goaway(
                    GoAway(reason: .protocol, reconnectMs: 0, committed: Sequence64(5))))
        session = Samples.gateway(committed: 5)
        _ = session.take(6, 6)
        #expect(
            session.close(final: Sequence64(5))
                == .goaway(
                    GoAway(reason: .protocol, reconnectMs: 0, committed: Sequence64(5))))
    }

    @Test("A superseded session takes nothing more and acknowledges nothing more")
    func superseded() {
        var session = Samples.gateway()
        _ = session.take(1, 2)
        #expect(session.supersede()?.reason == .superseded)
        #expect(session.take(3, 4) == .silent)
        #expect(session.commit(2) == .silent)
        #expect(session.supersede() == nil && session.revoke() == nil)
        #expect(session.tick(now: Samples.after(.seconds(9_999))) == GatewayTick(goaway: nil, deadline: nil))
    }

    @Test("Shutting down acknowledges what was accepted before it says GOAWAY")
    func draining() {
        var session = Samples.gateway()
        #expect(
            session.shutdown(now: Samples.start)
                == .goaway(
                    GoAway(reason: .shutdown, reconnectMs: 1_000, committed: .zero)))
        session = Samples.gateway()
        _ = session.take(1, 4)
        #expect(session.shutdown(now: Samples.start) == .draining(until: Samples.after(Limits.drainTimeout)))
        #expect(session.take(5, 6) == .silent)
        #expect(session.commit(2) == .ack(Samples.ack(2)))
        let goaway = GoAway(reason: .shutdown, reconnectMs: 1_000, committed: Sequence64(4))
        #expect(session.commit(4) == .ackThenGoAway(Samples.ack(4), goaway))
    }

    @Test(
        "Every wait of the gateway ends",
        arguments: [
            (GatewaySession.Phase.awaitingHello, Duration.seconds(5), GoAwayReason.timeout),
            (.authenticating, .seconds(30), .overloaded), (.claiming, .seconds(30), .overloaded),
            (.open, .seconds(120), .idle), (.draining, Limits.drainTimeout, .shutdown),
        ])
    func deadlines(_ phase: GatewaySession.Phase, _ wait: Duration, _ reason: GoAwayReason) {
        var session = GatewayStateTests.session(in: phase)
        let early = session.tick(now: Samples.after(wait - .nanoseconds(1)))
        #expect(early == GatewayTick(goaway: nil, deadline: Samples.after(wait)))
        #expect(session.tick(now: Samples.after(wait)).goaway?.reason == reason)
        #expect(session.phase == .closed)
    }

    @Test("TG-2-6 TG-2-4 Versions and schemas must meet, and unknown options are named")
    func hello() {
        var session = GatewaySession(offer: GatewayOffer(), now: Samples.start)
        var hello = Samples.hello()
        hello.versions = 2...3
        #expect(
            session.receive(HelloHeader(hello), now: Samples.start)
                == .goaway(
                    GoAway(reason: .version, reconnectMs: 0, committed: .zero)))
        session = GatewaySession(offer: GatewayOffer(), now: Samples.start)
        hello.versions = 1...3
        hello.schemas = 2...2
        #expect(
            session.receive(HelloHeader(hello), now: Samples.start)
                == .goaway(
                    GoAway(reason: .schema, reconnectMs: 0, committed: .zero)))
        session = GatewaySession(offer: GatewayOffer(), now: Samples.start)
        hello.schemas = 1...2
        hello.options = [HelloOption(id: 0x1A1A, value: [])]
        #expect(session.receive(HelloHeader(hello), now: Samples.start) == .authenticate)
        let isClaiming = session.authenticated(hello)
        #expect(isClaiming)
        guard case .welcome(let welcome) = session.claimed(Samples.claim(), now: Samples.start) else {
            Issue.record("no welcome")
            return
        }
        #expect(welcome.version == 1 && welcome.schema == 1 && welcome.ignoredOptions == [0x1A1A])
    }

    @Test("Acknowledged data that is gone within an epoch raises the epoch before the WELCOME")
    func lostData() {
        var session = GatewaySession(offer: GatewayOffer(), now: Samples.start)
        let hello = Samples.hello(highest: 20, acknowledged: 15, epoch: 4)
        _ = session.receive(HelloHeader(hello), now: Samples.start)
        _ = session.authenticated(hello)
        let decision = session.claimed(Samples.claim(committed: 10, epoch: 4), now: Samples.start)
        #expect(decision == .raiseEpoch(lost: Sequence64(11)...Sequence64(15)))
        guard case .welcome = session.claimed(Samples.claim(committed: 10, epoch: 5), now: Samples.start) else {
            Issue.record("no welcome")
            return
        }
    }

    @Test("A workstation whose last event differs from the committed one is welcomed to probe and nothing else")
    func forkedHello() {
        var session = GatewaySession(offer: GatewayOffer(), now: Samples.start)
        var hello = Samples.hello(highest: 10)
        hello.highestChain = ChainValue(1)
        _ = session.receive(HelloHeader(hello), now: Samples.start)
        _ = session.authenticated(hello)
        guard case .welcome(let welcome) = session.claimed(Samples.claim(committed: 10), now: Samples.start) else {
            Issue.record("no welcome")
            return
        }
        #expect(welcome.credit == .paused)
        #expect(session.probe(Sequence64(5)) == .lookUp(Sequence64(5)))
        #expect(session.probe(Sequence64(10)) == .answer(sequence: Sequence64(10), value: Samples.chain(10)))
        #expect(session.probe(Sequence64(11)) == .answer(sequence: Sequence64(11), value: nil))
        #expect(
            session.take(11, 12)
                == .goaway(
                    GoAway(reason: .streamFork, reconnectMs: 0, committed: Sequence64(10))))
    }
}
