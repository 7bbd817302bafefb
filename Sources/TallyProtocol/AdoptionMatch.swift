package import TallyModel

/// Finds, among the events that one window puts in question, those that the gateway has counted, in whole or in part.
///
/// An event is known by its session, model, time and kind: sources give the same call the same instant whenever they
/// are read. What stands at one instant is paired with equal numbers first. What is left is looked for in related
/// sessions and with other numbers (`AdoptionPairing`), and where a pair's numbers differ the request as a whole says
/// what of it is not counted yet (`AdoptionRequest`).
package struct AdoptionMatch: Sendable {
    package struct Outcome: Hashable, Sendable {
        /// Ascending.
        package var drops: [Sequence64] = []
        /// Ascending by sequence; none of them is dropped.
        package var changes: [AdoptionChange] = []
        package var report = AdoptionReport()
    }

    struct Line: Hashable, Sendable {
        var session: SessionID
        var model: Label?
    }
    struct Instant: Hashable, Sendable {
        var line: Line
        var timeMs: Int64
        var kind: EventKind
        var state: AgentState?
    }
    /// What a request has from its first line to its last, and in every copy: its model and its prompt. A correction has
    /// the whole prompt alone.
    struct Prompt: Hashable, Sendable {
        var model: Label?
        var kind: EventKind
        var input: UInt64
        var cacheRead: UInt64
        var cacheWrite: UInt64
    }
    struct Own: Hashable, Sendable {
        var sequence: Sequence64
        var session: SessionID
        var timeMs: Int64
        var prompt: Prompt
        var numbers: AdoptionNumbers
        var amount: AdoptionAmount { numbers.amount }
    }
    struct Told: Hashable, Sendable {
        var session: SessionID
        var timeMs: Int64
        var prompt: Prompt
        var numbers: AdoptionNumbers
        var amount: AdoptionAmount { numbers.amount }
    }
    private struct Place: Sendable {
        var own: [Own]
        var told: [Told] = []
    }

    /// In order of first appearance; the related ones that have nothing in question behind them.
    package private(set) var sessions: [SessionID] = []
    package private(set) var lowestMs = Int64.max
    package private(set) var highestMs = Int64.min
    private let related: Set<SessionID>
    private var seen: Set<SessionID> = []
    private var spoken: Set<SessionID> = []
    private var indexes: [Instant: Int] = [:]
    private var places: [Place] = []
    private var prompts: Set<Prompt> = []
    private var requests: Set<AdoptionRequest.Key> = []
    /// Told at instants that no own event has, and perhaps of an own request.
    private var strays: [Told] = []
    private var toldCount = 0

    /// `related`: sessions whose calls may be copies of one another's.
    package init(related: Set<SessionID> = []) { self.related = related }

    package mutating func own(_ sequence: Sequence64, _ event: Event) {
        if seen.insert(event.session).inserted { sessions.append(event.session) }
        lowestMs = min(lowestMs, event.timeMs)
        highestMs = max(highestMs, event.timeMs)
        let key = Instant(event)
        let prompt = Prompt(event)
        if prompt.isOfRequest {
            prompts.insert(prompt)
            requests.insert(AdoptionRequest.Key(prompt))
        }
        let own = Own(
            sequence: sequence, session: event.session, timeMs: event.timeMs, prompt: prompt,
            numbers: AdoptionNumbers(event))
        if let index = indexes[key] {
            places[index].own.append(own)
        } else {
            indexes[key] = places.count
            places.append(Place(own: [own]))
        }
    }

    package mutating func told(_ event: Event) {
        spoken.insert(event.session)
        // Beyond any honest answer: what is not kept is not left out here.
        guard toldCount < Limits.adoptionToldMax else { return }
        let prompt = Prompt(event)
        let told = Told(
            session: event.session, timeMs: event.timeMs, prompt: prompt, numbers: AdoptionNumbers(event))
        if let index = indexes[Instant(event)] {
            places[index].told.append(told)
        } else {
            let isRelated = related.contains(event.session)
            let isCopy = isRelated && prompts.contains(prompt)
            let isGrowth = event.kind == .correction && requests.contains(AdoptionRequest.Key(prompt))
            guard isCopy || (isGrowth && (isRelated || seen.contains(event.session))) else { return }
            strays.append(told)
        }
        toldCount += 1
    }

    package func isRelated(_ session: SessionID) -> Bool { related.contains(session) }

    /// From when on to ask: a copy that begins within a call is of a call that began before it.
    package var fromMs: Int64 { related.isEmpty ? lowestMs : lowestMs - Limits.adoptionGrowthMs }

    package func isTold(_ session: SessionID) -> Bool { spoken.contains(session) }

    package func outcome() -> Outcome {
        var outcome = Outcome()
        var requests = AdoptionRequests()
        var left: [Own] = []
        var open: [Told] = []
        for place in places {
            var free: [AdoptionAmount: Int] = [:]
            for told in place.told { free[told.amount, default: 0] += 1 }
            for event in place.own {
                if let count = free[event.amount], count > 0 {
                    free[event.amount] = count - 1
                    outcome.drop(event)
                    requests.note(event, sessions: [event.session])
                } else {
                    left.append(event)
                }
            }
            for told in place.told {
                guard let count = free[told.amount], count > 0 else { continue }
                free[told.amount] = count - 1
                open.append(told)
            }
        }
        left.removeAll { !$0.prompt.isOfRequest }
        var pairing = AdoptionPairing(open + strays, related: related)
        pairing.pair(&left, &requests, &outcome)
        requests.settle(own: left, told: pairing.rest, into: &outcome)
        outcome.drops.sort()
        outcome.changes.sort { $0.sequence < $1.sequence }
        return outcome
    }
}

extension AdoptionMatch.Outcome {
    mutating func drop(_ event: AdoptionMatch.Own) {
        drops.append(event.sequence)
        report.events += 1
        report.totals = report.totals.adding(RunningTotals(event.amount)) ?? report.totals
    }
}

extension AdoptionMatch.Instant {
    init(_ event: Event) {
        self.init(
            line: AdoptionMatch.Line(session: event.session, model: event.model), timeMs: event.timeMs,
            kind: event.kind, state: event.state)
    }
}

extension AdoptionMatch.Prompt {
    init(_ event: Event) {
        let amount = AdoptionAmount(event)
        if event.kind == .correction {
            let whole = UInt64(event.contextTokens ?? 0)
            self.init(model: event.model, kind: event.kind, input: whole, cacheRead: 0, cacheWrite: 0)
        } else {
            self.init(
                model: event.model, kind: event.kind, input: amount.input, cacheRead: amount.cacheRead,
                cacheWrite: amount.cacheWrite)
        }
    }

    /// Nothing can be added to the others.
    var isOfRequest: Bool { kind == .usage || kind == .correction }
    var isZero: Bool { input == 0 && cacheRead == 0 && cacheWrite == 0 }
    /// As a correction tells it: never 0, which would stand for "absent".
    var whole: UInt32 { UInt32(clamping: max(1, input + cacheRead + cacheWrite)) }
}
