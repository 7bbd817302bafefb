import TallyModel
import TallyProtocol
import TallyWire
import Testing

@Suite("Workstation: rules")
struct WorkstationRulesTests {
    static func request(_ session: WorkstationSession, highest: UInt64 = 100, after: Duration = .zero) -> SendRequest? {
        session.nextSend(highest: Sequence64(highest), now: Samples.after(after))
    }

    @Test("TG-6-4 Events and bytes beyond the window are not sent until an ACK moves it")
    func credit() {
        var session = Samples.workstation(highest: 20_000)
        #expect(
            Self.request(session, highest: 20_000)
                == SendRequest(first: Sequence64(1), eventsMax: 4_096, bodyBytesMax: 65_536))
        session.send(through: 3_000)
        #expect(Self.request(session, highest: 20_000)?.bodyBytesMax == 65_536)
        session.send(through: 6_000)
        #expect(
            Self.request(session, highest: 20_000)
                == SendRequest(first: Sequence64(6_001), eventsMax: 2_192, bodyBytesMax: 11_072))
        session.send(through: 6_500)
        #expect(Self.request(session, highest: 20_000) == nil, "1,072 bytes are too little room")
        _ = session.hear(.ack(Samples.ack(3_000)))
        #expect(Self.request(session, highest: 20_000)?.first == Sequence64(6_501))
        #expect(Self.request(session, highest: 20_000)?.eventsMax == 4_096)
        #expect(Self.request(session, highest: 6_500) == nil, "nothing to send")
    }

    @Test("TG-6-5 A pause stops sending and its end starts it again at once")
    func pause() {
        var session = Samples.workstation()
        session.send(through: 10)
        _ = session.hear(.ack(Samples.ack(0, credit: .paused)))
        #expect(session.hear(.reject(Samples.reject(1, .busy, run: 10, retryMs: 60_000))) == .none)
        #expect(Self.request(session) == nil)
        _ = session.hear(.ack(Samples.ack(0)))
        #expect(Self.request(session)?.first == Sequence64(1))
    }

    @Test("A permanent REJECT of a run gives up that run, and what stands before it is sent again")
    func poison() {
        var session = Samples.workstation()
        session.send(through: 10)
        session.send(through: 20)
        let action = session.hear(.reject(Samples.reject(1, .fieldRange, index: 3, run: 2)))
        #expect(action == .poison(Sequence64(4)...Sequence64(5), reason: .fieldRange, field: 0))
        #expect(Self.request(session) == nil, "the dead letter is not yet synced")
        session.resolved()
        #expect(Self.request(session)?.first == Sequence64(1))
        session.send(through: 3)
        session.sent(Samples.skip(4, 5), now: Samples.start)
        #expect(session.next == Sequence64(6))
    }

    @Test("A batch that cannot be decoded is halved until one event is to blame, whichever it is")
    func bisect() {
        for poisoned in UInt64(1)...33 {
            var session = Samples.workstation(highest: 33)
            var rejects = 0
            var given: ClosedRange<Sequence64>?
            while given == nil {
                guard let request = Self.request(session, highest: 33), rejects < 20 else {
                    Issue.record("stuck at \(session.next) for \(poisoned)")
                    return
                }
                let last = request.first.value + UInt64(request.eventsMax) - 1
                session.send(through: last)
                guard (request.first.value...last).contains(poisoned) else { continue }
                rejects += 1
                let reject = Samples.reject(request.first.value, .malformed, run: request.eventsMax)
                if case .poison(let range, _, _) = session.hear(.reject(reject)) { given = range }
            }
            #expect(given == Sequence64(poisoned)...Sequence64(poisoned))
            #expect(rejects <= 7, "33 events are told apart in six halvings")
        }
    }

    @Test("LABEL_LIMIT is answered by `unlisted` once, and by a dead letter the second time")
    func labels() {
        var session = Samples.workstation()
        session.send(through: 10)
        let reject = Frame.reject(Samples.reject(1, .labelLimit, run: 10))
        #expect(session.hear(reject) == .relabel(Sequence64(1)...Sequence64(10)))
        session.resolved()
        session.send(through: 10)
        #expect(session.hear(reject) == .poison(Sequence64(1)...Sequence64(10), reason: .labelLimit, field: 0))
    }

    @Test("TG-8-3 TOO_OLD is obeyed only where the clocks agree within two minutes")
    func tooOld() {
        for (clock, isObeyed) in [(Int64(125_000), true), (125_001, false), (-115_000, true), (-115_001, false)] {
            var session = Samples.workstation(clockMs: clock)
            session.send(through: 2)
            let action = session.hear(.reject(Samples.reject(1, .tooOld, run: 2)))
            #expect((action != .none) == isObeyed, "\(clock)")
        }
    }

    @Test("A retryable REJECT waits as long as it asks, then sends from the same event")
    func retry() {
        for reason in RejectReason.allCases where !reason.isPermanent {
            var session = Samples.workstation()
            session.send(through: 2)
            session.send(through: 4)
            #expect(session.hear(.reject(Samples.reject(1, reason, run: 2, retryMs: 700))) == .none)
            #expect(Self.request(session, after: .milliseconds(699)) == nil, "\(reason)")
            #expect(Self.request(session, after: .seconds(2))?.first == Sequence64(1), "\(reason)")
        }
    }

    @Test("Retryable REJECTs without any progress end the connection")
    func noProgress() {
        var session = Samples.workstation()
        var ends = 0
        for round in 0..<20 where session.phase == .open {
            let at = Duration.seconds(100 * round)
            guard Self.request(session, after: at) != nil else { continue }
            session.send(through: 2)
            if session.hear(.reject(Samples.reject(1, .storage, run: 2)), after: at) == .end(.noProgress) { ends += 1 }
        }
        #expect(ends == 1)
    }

    @Test("An ACK that goes back, or beyond what was sent, breaks the protocol; one of another chain is a fork")
    func badAcks() {
        var session = Samples.workstation()
        session.send(through: 10)
        #expect(session.hear(.ack(Samples.ack(11))) == .end(.violation))
        session = Samples.workstation()
        session.send(through: 10)
        _ = session.hear(.ack(Samples.ack(10)))
        #expect(session.hear(.ack(Samples.ack(9))) == .end(.violation))
        session = Samples.workstation()
        session.send(through: 10)
        var ack = Samples.ack(10)
        ack.chain = ChainValue(0)
        #expect(session.hear(.ack(ack)) == .end(.diverged))
    }

    @Test("A REJECT of more events than were sent is a violation and never a trap")
    func badRejects() {
        for (index, run) in [(UInt32(0), UInt32(0)), (10, 1), (UInt32.max, UInt32.max), (0, 11)] {
            var session = Samples.workstation()
            session.send(through: 10)
            let action = session.hear(.reject(Samples.reject(1, .fieldRange, index: index, run: run)))
            #expect(action == .end(.violation), "\(index) \(run)")
        }
    }

    @Test("A silent gateway is asked after 30 s and given up after 90 s")
    func liveness() {
        var session = Samples.workstation()
        #expect(session.tick(now: Samples.after(.seconds(29)), random: 5).action == .none)
        #expect(session.tick(now: Samples.after(.seconds(30)), random: 5).action == .send(.ping(opaque: 5)))
        #expect(session.tick(now: Samples.after(.seconds(31)), random: 6).action == .none)
        #expect(session.tick(now: Samples.after(.seconds(60)), random: 6).action == .send(.ping(opaque: 6)))
        #expect(session.tick(now: Samples.after(.seconds(90)), random: 7).action == .end(.silence))
        session = Samples.workstation()
        _ = session.tick(now: Samples.after(.seconds(30)), random: 5)
        _ = session.hear(.pong(opaque: 5), after: .seconds(31))
        #expect(session.tick(now: Samples.after(.seconds(90)), random: 7).action != .end(.silence))
    }

    @Test("A gateway that answers PINGs and commits nothing is given up")
    func stalled() {
        var session = Samples.workstation()
        session.send(through: 5)
        _ = session.hear(.pong(opaque: 1), after: .seconds(119))
        #expect(session.tick(now: Samples.after(.seconds(119)), random: 1).action != .end(.noProgress))
        #expect(session.tick(now: Samples.after(.seconds(120)), random: 1).action == .end(.noProgress))
    }

    @Test("TG-6-8 CLOSE goes out only when everything is acknowledged, and its ACK ends the stream")
    func close() {
        var session = Samples.workstation(highest: 5)
        #expect(session.close(highest: Sequence64(5)) == .none)
        session.send(through: 5)
        _ = session.hear(.ack(Samples.ack(5)))
        #expect(session.close(highest: Sequence64(5)) == .send(.close(final: Sequence64(5))))
        #expect(session.hear(.ack(Samples.ack(5))) == .end(.closed))
    }

    @Test("TG-2-4 One HELLO in eight carries an option that is never given a meaning")
    func grease() {
        var greased = 0
        for random in UInt64(0)..<1_024 {
            var session = WorkstationSession(view: Samples.view())
            let hello = session.hello(clockMs: 1, credential: .mutualTLS, now: Samples.start, random: random)
            guard let option = hello.options.first else { continue }
            greased += 1
            #expect(option.id & 0x0F0F == 0x0A0A && option.value.count < 8)
        }
        #expect(greased == 128)
    }
}
