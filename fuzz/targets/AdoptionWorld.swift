import TallyModel
import TallyProtocol
import TallyWire

/// A spool in adoption, a ledger that may have counted some of its events, and the gateway's answers.
///
/// ```
/// | flags u8: bit 0 a lying gateway, 1 related sessions, 2 a prior stream, 3 not adopting |
/// | window u8 | answer u8 | own u8 | told u8 | own and told events of 8 bytes each | lies |
/// ```
struct AdoptionWorld {
    private static let eventBytes = 8
    private static let stepsMax = 20_000

    private(set) var events: [Event] = []
    private var told: [Event] = []
    private var adoption: Adoption
    private let isLying: Bool
    private let answerEventsMax: Int
    private var lies: FuzzBytes
    private var hasCut = false
    /// What a test plants a mistake into.
    var apply: (AdoptionChange, Event) -> Event = { $0.applied(to: $1) }

    init(_ reader: inout FuzzBytes) {
        let flags = reader.byte()
        let window = 1 + Int(reader.byte() & 31)
        answerEventsMax = 1 + Int(reader.byte() & 63)
        isLying = flags & 1 != 0
        let counts = (own: Int(reader.byte()), told: Int(reader.byte()))
        for _ in 0..<counts.own where !reader.isEmpty { events.append(AdoptionWorld.event(&reader)) }
        for _ in 0..<counts.told where !reader.isEmpty { told.append(AdoptionWorld.event(&reader)) }
        let prior = flags & 4 == 0 ? nil : StreamID(Bytes16(high: 5, low: 5))
        let terms = AdoptionTerms(
            isAdopting: flags & 8 == 0, bornMs: 20_000, prior: prior, priorThrough: Sequence64(UInt64(flags >> 4)))
        adoption = Adoption(terms, through: .zero, hashSeed: 3, windowEventsMax: window)
        lies = reader
        if flags & 2 != 0 { adoption.relate((1...8).compactMap(AdoptionWorld.session)) }
    }

    private static func session(_ number: Int) -> SessionID? { SessionID(Bytes16(high: 7, low: UInt64(number))) }

    private static func event(_ reader: inout FuzzBytes) -> Event {
        let bytes = reader.take(eventBytes)
        func at(_ index: Int) -> UInt8 { index < bytes.count ? bytes[index] : 0 }
        guard let session = session(1 + Int(at(0) & 7)) else { preconditionFailure("not zero") }
        let kinds: [EventKind] = [.usage, .usage, .correction, .sessionEnd]
        let kind = kinds[Int(at(0) >> 3 & 3)]
        var event = Event(
            kind: kind, timeMs: 1_000 * Int64(1 + (at(1) & 31)) + Int64(at(1) >> 5), session: session, agent: .codex,
            model: kind == .sessionEnd ? nil : Label(at(0) & 32 == 0 ? "opus" : "haiku"))
        if at(0) & 64 != 0 { event.timeMs += 700_000 }
        guard kind != .sessionEnd else { return event }
        event.inputTokens = UInt32(at(2) & 15)
        event.cacheReadTokens = UInt32(at(2) >> 4)
        event.cacheWrite5mTokens = UInt32(at(3) & 3)
        event.cacheWrite1hTokens = UInt32(at(3) >> 2 & 3)
        event.cacheWriteUnknownTokens = UInt32(at(3) >> 4 & 3)
        event.outputTokens = UInt32(at(4))
        event.reasoningTokens = min(UInt32(at(5)), event.outputTokens)
        event.webSearches = UInt16(at(3) >> 6)
        if at(6) & 1 != 0 { event.reportedCostNanoUSD = UInt64(at(6)) }
        if kind == .correction { event.contextTokens = 1 + UInt32(at(7)) }
        return event
    }

    // MARK: The run

    mutating func run() throws(FuzzFinding) -> FuzzOutcome {
        for _ in 0..<Self.stepsMax {
            let durable = Sequence64(UInt64(events.count))
            switch adoption.next(durable: durable, suspect: durable, isQuiet: true) {
            case .none:
                // A lying gateway may leave an answer without its last frame.
                try expect(
                    isLying || adoption.isSettled(durable: durable), "adoption waits for nothing but what it asked for")
                adoption.end()
                return hasCut ? .reached : .refused
            case .reconnect: return .refused
            case .read(let range): try read(range)
            case .ask(let question): guard try answer(question) else { return .refused }
            case .cut(let cut): try take(cut)
            }
            adoption.checkInvariants()
            try expect(adoption.cleared <= adoption.decided, "what may be sent was asked about")
        }
        throw FuzzFinding("adoption comes to an end")
    }

    private mutating func read(_ range: ClosedRange<Sequence64>) throws(FuzzFinding) {
        try expect(range.upperBound.value <= UInt64(events.count), "only what the spool holds is read")
        for place in range.lowerBound.value...range.upperBound.value {
            adoption.note(Sequence64(place), events[Int(place) - 1])
        }
        adoption.noted()
    }

    /// False where the machine calls the answer wrong, which an honest one never is.
    private mutating func answer(_ question: Adopt) throws(FuzzFinding) -> Bool {
        try expect(!question.sessions.isEmpty, "a question is of sessions")
        var answer = AdoptionAnswer(question, eventsMax: answerEventsMax)
        for event in told where question.sessions.contains(event.session) { answer.add(event) }
        for frame in answer.frames() {
            let heard = isLying ? lie(frame) : try travelled(frame)
            guard adoption.take(heard) else {
                try expect(isLying, "an honest answer is taken")
                return false
            }
        }
        return true
    }

    /// As it comes out of a frame.
    private func travelled(_ adopted: Adopted) throws(FuzzFinding) -> Adopted {
        let bytes = FrameCodec.encode(.adopted(adopted))
        var reader = FrameReader(side: .workstation)
        reader.phase = .open
        do throws(FrameRefusal) {
            guard case .frame(let slice) = reader.next(in: bytes.span),
                case .adopted(let same) = try FrameCodec.decode(slice, in: bytes.span), same == adopted
            else { throw .badValue }
            return same
        } catch {
            throw FuzzFinding("an answer travels as it is")
        }
    }

    private mutating func lie(_ frame: Adopted) -> Adopted {
        var heard = frame
        switch lies.byte() & 7 {
        case 0: break
        case 1: heard.nextMs = Int64(lies.byte()) << 9
        case 2: heard.nextMs = .min
        case 3: heard.isLast = false
        case 4 where heard.count > 0: heard.body[Int(lies.byte()) % heard.body.count] ^= 1 << (lies.byte() & 7)
        case 5 where heard.count > 0: heard.count = UInt32(lies.byte()) + 1
        case 6: heard.isLast = true
        default: heard.nextMs = .max
        }
        return heard
    }

    private mutating func take(_ cut: AdoptionCut) throws(FuzzFinding) {
        hasCut = true
        let before = tokens()
        for change in cut.changes {
            let place = Int(change.sequence.value) - 1
            try expect(events.indices.contains(place), "only what the spool holds is changed")
            events[place] = apply(change, events[place])
            try expect(EventRules.violation(events[place]) == nil, "what is sent in place of another is valid")
        }
        for range in cut.drops.reversed() {
            try expect(
                range.lowerBound > adoption.cleared && range.upperBound.value <= UInt64(events.count),
                "only what is held and not yet sent is left out")
            let places = Int(range.lowerBound.value) - 1..<Int(range.upperBound.value)
            try expect(
                places.allSatisfy { adoption.terms.asks(events[$0]) }, "only what is in question is left out")
            events.removeSubrange(places)
        }
        try expect(
            cut.report.events == cut.events + UInt64(cut.changes.count), "a report counts what is cut and changed")
        try expect(
            before == tokens() + UInt64(cut.report.totals.tokens), "a report tells what is left out, to the token")
        adoption.wasCut()
    }

    private func tokens() -> UInt64 { events.reduce(0) { $0 + $1.controlTokens } }
}
