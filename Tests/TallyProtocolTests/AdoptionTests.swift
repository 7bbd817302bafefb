import TallyModel
import TallyProtocol
import TallyWire
import TestEffort
import Testing

@Suite("Adoption")
struct AdoptionTests {
    static let old = StreamID(Bytes16(high: 1, low: 1))
    static let other = StreamID(Bytes16(high: 1, low: 2))
    static let new = StreamID(Bytes16(high: 1, low: 3))
    static let lost = AdoptionTerms(isAdopting: true, bornMs: 0)

    @Test("TG-B8-3 What was counted in any order and by any stream is left out, the rest is sent, over 2,000 seeds")
    func everyCut() {
        for seed in UInt64(1)...Effort.of(2_000) {
            var world = AdoptionWorld(seed: seed, requests: 1 + Int(seed % 40), ties: seed % 3 == 0)
            var ledger = AdoptionLedger()
            // An instant must fit into an answer, here as there.
            if world.random.chance(50) { ledger.answerEventsMax = (seed % 3 == 0 ? 20 : 1) + world.random.below(6) }
            // Requests that grew are counted with all their growth or not at all; each stream sends in its own order.
            var counted: [Event] = []
            for request in world.requests where world.random.chance(60) {
                counted.append(request.first)
                counted += request.growth
            }
            world.shuffle(&counted)
            let split = world.random.below(counted.count + 1)
            ledger.streams = [Self.old: Array(counted[..<split]), Self.other: Array(counted[split...])]
            var read = world.requests.map(\.whole)
            world.shuffle(&read)
            // Calls that share an instant are only told apart within a window.
            let window = seed % 3 == 0 ? 65_536 : 1 + world.random.below(12)
            var spool = AdoptionSpool(Self.new, read, Self.lost, windowEventsMax: window)
            let isSettled = spool.settle(ledger)
            #expect(isSettled, "seed \(seed)")
            let sum = RunningTotals(of: counted + spool.events)
            #expect(sum == RunningTotals(of: world.requests.map(\.whole)), "seed \(seed)")
            #expect(UInt64(read.count - spool.events.count) == spool.report.events, "seed \(seed)")
            #expect(spool.report.differing == 0, "seed \(seed)")
            #expect(spool.report.totals == RunningTotals(of: counted), "seed \(seed)")
        }
    }

    @Test(
        "TG-B8-3 A call that was counted in another session, from which it was copied, is left out; a mere twin is not")
    func copies() throws {
        func call(_ session: Int, _ timeMs: Int64, _ tokens: UInt32) -> Event {
            var event = AdoptionWorld.event(session, "opus", timeMs)
            event.outputTokens = tokens
            return event
        }
        var ledger = AdoptionLedger()
        ledger.streams = [Self.old: [call(1, 10, 5), call(1, 20, 6), call(3, 30, 7)]]
        // Sessions 1 and 2 are transcripts, 3 and 4 are not.
        let read = [call(2, 10, 5), call(2, 20, 9), call(4, 30, 7), call(2, 30, 7)]
        var spool = AdoptionSpool(Self.new, read, Self.lost, windowEventsMax: 100)
        let sessions = try [1, 2].map { try #require(SessionID(Bytes16(high: 7, low: $0))) }
        spool.adoption.relate(sessions)
        let isSettled = spool.settle(ledger)
        #expect(isSettled)
        #expect(spool.events == Array(read[1...]))
        #expect(spool.report.events == 1 && spool.report.differing == 0)
    }

    @Test("TG-B8-2 A stream's own past up to the proven place is not told: what grew behind it is sent")
    func ownPast() {
        var first = AdoptionWorld.event(1, "opus", 1_000)
        first.outputTokens = 10
        var grown = AdoptionWorld.event(1, "opus", 1_005, .correction)
        (grown.outputTokens, grown.contextTokens) = (3, 1)
        var again = grown
        again.outputTokens = 2
        var ledger = AdoptionLedger()
        ledger.streams = [Self.old: [first, grown]]
        for (through, left) in [(UInt64(2), [again]), (0, [])] {
            let terms = AdoptionTerms(
                isAdopting: true, bornMs: 0, prior: Self.old, priorThrough: Sequence64(through))
            var spool = AdoptionSpool(Self.new, [again], terms, windowEventsMax: 10)
            let isSettled = spool.settle(ledger)
            #expect(isSettled)
            #expect(spool.events == left)
            #expect(spool.report.surplus.tokens == (left.isEmpty ? 1 : 0))
        }
    }

    @Test("TG-B8-1 Nothing in question may be sent before it was asked about, and nothing else waits")
    func cleared() {
        var events = (1...9).map { AdoptionWorld.event(1, "opus", Int64($0)) }
        var adoption = Adoption(
            AdoptionTerms(isAdopting: false, bornMs: 5), through: .zero, hashSeed: 1, windowEventsMax: 100)
        var step = adoption.next(durable: Sequence64(9), suspect: Sequence64(9), isQuiet: false)
        #expect(step == .none)
        #expect(adoption.cleared == .zero)
        step = adoption.next(durable: Sequence64(9), suspect: Sequence64(9), isQuiet: true)
        #expect(step == .read(Sequence64(1)...Sequence64(9)))
        for (index, event) in events.enumerated() { adoption.note(Sequence64(UInt64(index + 1)), event) }
        adoption.noted()
        guard case .ask(let question) = adoption.next(durable: Sequence64(9), suspect: Sequence64(9), isQuiet: true)
        else {
            Issue.record("it does not ask")
            return
        }
        #expect(question.fromMs == 1 && question.sessions == [events[0].session])
        step = adoption.next(durable: Sequence64(9), suspect: Sequence64(9), isQuiet: true)
        #expect(adoption.cleared == .zero && step == .none)
        var ledger = AdoptionLedger()
        ledger.streams = [Self.old: Array(events[2...3])]
        for frame in ledger.answer(question, of: Self.new) {
            let isAnswer = adoption.take(frame)
            #expect(isAnswer)
        }
        // What stands before the first event that goes may be sent at once.
        #expect(adoption.cleared == Sequence64(2))
        let next = adoption.next(durable: Sequence64(9), suspect: Sequence64(9), isQuiet: true)
        guard case .cut(let cut) = next else {
            Issue.record("it does not cut")
            return
        }
        #expect(cut.drops == [Sequence64(3)...Sequence64(4)] && cut.events == 2 && cut.through == Sequence64(9))
        adoption.wasCut()
        #expect(adoption.cleared == Sequence64(7) && adoption.isSettled(durable: Sequence64(7)))
        // Younger than the stream: nothing to ask.
        events = (6...8).map { AdoptionWorld.event(2, "opus", Int64($0)) }
        step = adoption.next(durable: Sequence64(10), suspect: Sequence64(10), isQuiet: true)
        #expect(step == .read(Sequence64(8)...Sequence64(10)))
        for (index, event) in events.enumerated() { adoption.note(Sequence64(UInt64(index + 8)), event) }
        adoption.noted()
        #expect(adoption.cleared == Sequence64(10))
    }

    @Test("TG-B8-5 An answer that was not asked for, does not move on or cannot be decoded is a violation")
    func violations() throws {
        let event = AdoptionWorld.event(1, "opus", 50)
        func asking() -> Adoption {
            var adoption = Adoption(Self.lost, through: .zero, hashSeed: 1)
            _ = adoption.next(durable: Sequence64(1), suspect: Sequence64(1), isQuiet: true)
            adoption.note(Sequence64(1), event)
            adoption.noted()
            _ = adoption.next(durable: Sequence64(1), suspect: Sequence64(1), isQuiet: true)
            return adoption
        }
        let nothing = Adopted(count: 0, nextMs: .max, body: [], isLast: true)
        func answers(_ adoption: inout Adoption, _ frames: Adopted...) -> [Bool] { frames.map { adoption.take($0) } }
        var unasked = Adoption(Self.lost, through: .zero, hashSeed: 1)
        #expect(answers(&unasked, nothing) == [false])
        var adoption = asking()
        #expect(answers(&adoption, nothing, nothing) == [true, false])
        adoption = asking()
        #expect(answers(&adoption, Adopted(count: 0, nextMs: 50, body: [], isLast: true)) == [false])
        adoption = asking()
        #expect(answers(&adoption, Adopted(count: 1, nextMs: .max, body: [0xff], isLast: true)) == [false])
        // Older than what was asked for.
        var answer = AdoptionAnswer(Adopt(prior: nil, priorThrough: .zero, fromMs: 0, sessions: [event.session]))
        answer.add(AdoptionWorld.event(1, "opus", 49))
        let older = try #require(answer.frames().first)
        adoption = asking()
        #expect(answers(&adoption, older) == [false])
    }

    @Test("TG-B8-6 However many events share an answer or an instant, answers end and tell of each")
    func answers() {
        for seed in UInt64(1)...300 {
            var random = SeededRandom(state: seed)
            let events = (0..<(1 + random.below(60))).map { _ in
                AdoptionWorld.event(1, "opus", Int64(1 + random.below(20)))
            }
            let most = 25 + random.below(10)
            var from: Int64 = 0
            var told: [Event] = []
            var turns = 0
            while from < .max, turns < 100 {
                turns += 1
                var answer = AdoptionAnswer(
                    Adopt(prior: nil, priorThrough: .zero, fromMs: from, sessions: [events[0].session]),
                    eventsMax: most)
                for event in events { answer.add(event) }
                let frames = answer.frames()
                #expect(frames.last?.isLast == true && frames.dropLast().allSatisfy { !$0.isLast })
                for frame in frames {
                    #expect(frame.nextMs > from)
                    told += decoded(frame).filter { $0.timeMs < frame.nextMs }
                }
                from = frames.first?.nextMs ?? .max
            }
            #expect(told.map(\.timeMs) == events.map(\.timeMs).sorted(), "seed \(seed)")
        }
    }

    private func decoded(_ frame: Adopted) -> [Event] {
        guard frame.count > 0 else { return [] }
        var decoder = BatchDecoder(hashSeed: 1)
        var batch = Batch()
        do throws(BatchRefusal) {
            try decoder.decode(frame.body.span, count: Int(frame.count), into: &batch)
        } catch {
            Issue.record("an answer's body is not valid")
        }
        return (0..<batch.count).compactMap { batch.event(at: $0) }
    }
}
