import TallyModel
import TallyProtocol
import TallyWire

struct SimulationFailure: Error, CustomStringConvertible {
    var description: String
}

/// Both machines against each other over a network that cuts at any frame, a gateway that crashes and is
/// restored, and events that a gateway refuses. One seed, one trace.
struct MiniSimulation {
    /// A mistake planted into the toy gateway, to see that the check finds it.
    enum Mutant: CaseIterable { case none, acknowledgesBeforeCommit, noFencing, appendsRefusedBatches }

    struct Link {
        var session: GatewaySession
        var inbox: [ToyMessage] = []
        var outbox: [ToyMessage] = []
        /// Batches and skips accepted by the session, not yet with the ledger.
        var appending: [ToyRecord] = []
        var isCut = false
    }

    struct Tally {
        var cuts = 0, crashes = 0, restores = 0, takeovers = 0, rejects = 0, skips = 0, duplicates = 0, pauses = 0
        var late = 0, trims = 0
    }

    let mutant: Mutant
    var random: SeededRandom
    var now = MonotonicInstant(nanoseconds: 1)
    var spool = ToySpool()
    var workstation: WorkstationSession?
    var reconnector = Reconnector()
    var dialAt = MonotonicInstant(nanoseconds: 0)
    var ledger = ToyLedger()
    /// Every connection that still has something to say; the workstation speaks on the last.
    var links: [Link] = []
    var eventsLeft: Int
    var hasFaults = true
    let creditEvents: UInt32
    let creditBytes: UInt32
    var offer = GatewayOffer()
    var tally = Tally()
    var trace: UInt64 = 0

    init(seed: UInt64, mutant: Mutant = .none) {
        self.mutant = mutant
        random = SeededRandom(state: seed)
        eventsLeft = 20 + random.below(60)
        offer.batchEventsMax = UInt32(4 + random.below(12))
        creditEvents = offer.batchEventsMax + UInt32(random.below(20))
        creditBytes = 65_536 + UInt32(random.below(4)) * 8_192
    }

    // MARK: The run

    mutating func run() throws {
        for _ in 0..<500 { try step() }
        hasFaults = false
        for _ in 0..<20_000 {
            // A restored gateway has to be told again what the spool believes acknowledged.
            if eventsLeft == 0, spool.acknowledged == spool.highest,
                ledger.committed.sequence.value == spool.highest
            {
                return try check()
            }
            try step()
        }
        throw SimulationFailure(description: "the spool did not drain: \(spool.acknowledged) of \(spool.highest)")
    }

    mutating func step() throws {
        now = now + .milliseconds(Int64(1 + random.below(hasFaults ? 400 : 1_000)))
        switch random.below(100) {
        case 0..<25: try deliverToGateway()
        case 25..<50: try deliverToWorkstation()
        case 50..<65: try pump()
        case 65..<75: appendEvents()
        case 75..<80: appendToLedger()
        case 80..<88: commit()
        case 88..<94: try tick()
        default: if hasFaults { fault() } else { resumeAll() }
        }
        workstation?.checkInvariants()
        for link in links { link.session.checkInvariants() }
    }

    /// Everything exactly once: as an event, or in a gap for a reason that the event has.
    func check() throws {
        var next: UInt64 = 1
        for record in ledger.durable + ledger.appended {
            switch record {
            case .events(let first, let events, _):
                guard first == next else { throw SimulationFailure(description: "hole or overlap at \(next)") }
                for (offset, event) in events.enumerated() where event != spool.all[Int(first) - 1 + offset] {
                    throw SimulationFailure(description: "another event at \(Int(first) + offset)")
                }
            case .gap(let first, let last, let reason, _):
                guard first == next else { throw SimulationFailure(description: "hole or overlap at \(next)") }
                for sequence in first...last {
                    let isPoisoned = spool.all[Int(sequence) - 1].fault != nil
                    guard reason == .trimmed ? sequence < spool.lowestHeld : isPoisoned else {
                        throw SimulationFailure(description: "a good event was given up at \(sequence)")
                    }
                }
            }
            next = record.last + 1
        }
        guard next == spool.highest + 1 else { throw SimulationFailure(description: "events are missing from \(next)") }
    }

    mutating func note(_ message: ToyMessage) {
        var mixer = SeededRandom(state: trace ^ now.nanoseconds)
        trace = mixer.next()
        // The hash of a frame differs from process to process; its text does not.
        for byte in "\(message)".utf8 { trace = (trace ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    }

    // MARK: Time and faults

    mutating func appendEvents() {
        guard eventsLeft > 0 else { return }
        for _ in 0...min(eventsLeft - 1, random.below(12)) {
            let faults: [RejectReason] = [.malformed, .fieldRange, .labelLimit, .tooOld]
            let fault = random.chance(6) ? faults[random.below(faults.count)] : nil
            spool.append(ToyEvent(id: UInt64(spool.all.count) << 8 | UInt64(random.below(256)), fault: fault))
            eventsLeft -= 1
        }
    }

    mutating func fault() {
        switch random.below(10) {
        case 0..<5:
            guard workstation != nil, !links.isEmpty else { return }
            tally.cuts += 1
            cut(seenByWorkstation: true)
        case 5: crash(keeps: ledger.durable.count)
        case 6 where random.chance(20):
            tally.restores += 1
            crash(keeps: random.below(ledger.durable.count + 1))
            ledger.epoch += 1
        case 7: pauseAll()
        case 8: replay()
        default: resumeAll()
        }
    }

    /// The workstation sees the end at once; what was on its way may still arrive at the gateway, or not.
    mutating func cut(seenByWorkstation: Bool) {
        let last = links.count - 1
        links[last].isCut = true
        links[last].outbox = []
        links[last].inbox.removeLast(random.below(links[last].inbox.count + 1))
        if var session = workstation {
            workstation = nil
            if case .end(let end) = session.disconnected() { redial(end) }
        }
    }

    mutating func crash(keeps records: Int) {
        tally.crashes += 1
        ledger.appended = []
        ledger.durable.removeLast(ledger.durable.count - records)
        if workstation != nil, !links.isEmpty { cut(seenByWorkstation: true) }
        links = []
    }

    /// A batch of the ledger once more, as a client would send it that forgot its ACK.
    mutating func replay() {
        guard workstation?.phase == .open, !ledger.durable.isEmpty,
            case .events(let first, let events, let chain) = ledger.durable[random.below(ledger.durable.count)]
        else { return }
        let header = BatchHeader(
            first: Sequence64(first), count: UInt32(events.count), rawBytes: UInt32(events.count * toyEventBytes),
            controlTokens: UInt64(events.count), reportedNanoUSD: 0, chainAfter: chain, isLZ4: false)
        links[links.count - 1].inbox.append(
            ToyMessage(frame: .batch(BatchFrame(header: header, body: [])), events: events))
    }

    mutating func redial(_ end: ConnectionEnd) {
        dialAt = now + reconnector.ended(end, now: now, random: random.next()).after
    }

    mutating func pauseAll() {
        tally.pauses += 1
        for index in links.indices { if let ack = links[index].session.pause() { reply(index, .ack(ack)) } }
    }

    mutating func resumeAll() {
        let credit = Credit(events: creditEvents, bytes: creditBytes)
        for index in links.indices { if let ack = links[index].session.resume(credit) { reply(index, .ack(ack)) } }
    }

    mutating func tick() throws {
        if var session = workstation {
            let tick = session.tick(now: now, random: random.next())
            workstation = session
            try act(tick.action)
        } else if now >= dialAt {
            dial()
        }
        for index in links.indices {
            if let goaway = links[index].session.tick(now: now).goaway { reply(index, .goaway(goaway)) }
        }
        links = links.enumerated().filter { $0.offset == links.count - 1 || $0.element.session.phase != .closed }
            .map(\.element)
    }
}
