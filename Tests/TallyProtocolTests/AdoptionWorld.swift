import TallyModel
import TallyProtocol
import TallyWire

/// Agents' work and two readings of it, for adoption: what an earlier stream had sent when it was lost, and what a new
/// stream reads.
struct AdoptionWorld {
    /// One request: how it stood when it was first sent, and what it grew by later.
    struct Request {
        var first: Event
        var growth: [Event] = []

        /// As it is read when it is long over.
        var whole: Event {
            growth.reduce(into: first) { whole, event in
                whole.outputTokens += event.outputTokens
                whole.reportedCostNanoUSD = (whole.reportedCostNanoUSD ?? 0) + (event.reportedCostNanoUSD ?? 0)
            }
        }
    }

    var random: SeededRandom
    var requests: [Request] = []

    /// `ties`: calls of one session and model often share a millisecond.
    init(seed: UInt64, requests count: Int, ties: Bool) {
        random = SeededRandom(state: seed)
        for number in 0..<count {
            let session = 1 + random.below(5)
            let timeMs = ties ? Int64(1 + random.below(max(2, count / 2))) : Int64(1 + number)
            var event = AdoptionWorld.event(session, random.chance(70) ? "opus" : "haiku", 1_000 * timeMs)
            event.inputTokens = UInt32(random.below(50))
            event.cacheReadTokens = UInt32(random.below(4)) * 1_000
            event.outputTokens = UInt32(1 + random.below(500))
            if random.chance(30) { event.reportedCostNanoUSD = UInt64(random.below(1_000)) }
            var request = Request(first: event)
            // Growth needs an instant of its own: with ties it could belong to more than one call.
            if !ties, random.chance(25) { request.growth = grow(event) }
            requests.append(request)
        }
    }

    static func event(_ session: Int, _ model: String, _ timeMs: Int64, _ kind: EventKind = .usage) -> Event {
        guard let id = SessionID(Bytes16(high: 7, low: UInt64(session))) else { preconditionFailure("not zero") }
        return Event(kind: kind, timeMs: timeMs, session: id, agent: .claudeCode, model: Label(model))
    }

    private mutating func grow(_ event: Event) -> [Event] {
        (1...(1 + random.below(3))).map { step in
            var more = event
            more.kind = .correction
            more.timeMs += Int64(step)
            more.inputTokens = 0
            more.cacheReadTokens = 0
            more.outputTokens = UInt32(1 + random.below(300))
            more.reportedCostNanoUSD = event.reportedCostNanoUSD.map { _ in UInt64(1 + random.below(9)) }
            more.contextTokens = UInt32(clamping: max(1, event.promptTokens))
            return more
        }
    }

    mutating func shuffle<Element>(_ list: inout [Element]) {
        for index in list.indices.dropFirst() { list.swapAt(index, random.below(index + 1)) }
    }
}

/// What the tenant's ledger holds, as streams of events, and the gateway's answers.
struct AdoptionLedger {
    var streams: [StreamID: [Event]] = [:]
    var answerEventsMax = 12_288

    func answer(_ question: Adopt, of stream: StreamID) -> [Adopted] {
        var answer = AdoptionAnswer(question, eventsMax: answerEventsMax)
        for (id, events) in streams.sorted(by: { $0.key < $1.key }) where id != stream {
            let known = id == question.prior ? Int(question.priorThrough.value) : 0
            for event in events.dropFirst(known) where question.sessions.contains(event.session) { answer.add(event) }
        }
        return answer.frames()
    }
}

/// A spool in memory with its adoption: what an uplink does, without a wire.
struct AdoptionSpool {
    var stream: StreamID
    var events: [Event]
    var adoption: Adoption
    var report = AdoptionReport()
    var questions = 0

    init(_ stream: StreamID, _ events: [Event], _ terms: AdoptionTerms, windowEventsMax: Int) {
        self.stream = stream
        self.events = events
        adoption = Adoption(terms, through: .zero, hashSeed: 1, windowEventsMax: windowEventsMax)
    }

    /// Asks and cuts until everything is cleared. False where the machine calls an answer wrong or does not end.
    mutating func settle(_ ledger: AdoptionLedger) -> Bool {
        for _ in 0..<100_000 {
            let durable = Sequence64(UInt64(events.count))
            switch adoption.next(durable: durable, suspect: durable, isQuiet: true) {
            case .none: return adoption.isSettled(durable: durable)
            case .reconnect: return false
            case .read(let range):
                for place in range.lowerBound.value...range.upperBound.value {
                    adoption.note(Sequence64(place), events[Int(place) - 1])
                }
                adoption.noted()
            case .ask(let question):
                questions += 1
                for frame in ledger.answer(question, of: stream) where !adoption.take(frame) { return false }
            case .cut(let cut):
                report.add(cut.report)
                for change in cut.changes {
                    let place = Int(change.sequence.value) - 1
                    events[place] = change.applied(to: events[place])
                    precondition(EventRules.violation(events[place]) == nil, "what is sent is valid")
                }
                for range in cut.drops.reversed() {
                    events.removeSubrange(Int(range.lowerBound.value) - 1..<Int(range.upperBound.value))
                }
                adoption.wasCut()
            }
            adoption.checkInvariants()
        }
        return false
    }
}

extension RunningTotals {
    init(of events: [Event]) {
        self = .zero
        for event in events {
            tokens += UInt128(event.controlTokens)
            reportedNanoUSD += UInt128(event.reportedCostNanoUSD ?? 0)
        }
    }
}
