package import TallyModel

/// Finds, among the events that one window puts in question, those that the gateway has counted.
///
/// An event is known by its session, model, time and kind: sources give the same call the same instant whenever they
/// are read. What stands at one instant is paired with equal numbers first. Then with numbers that a request can have
/// grown to or from, the prompt being the same; others are other calls. Where a pair's numbers differ, corrections of the same
/// session and model must make up for it, to the token and the nano-dollar. What they do not make up for is a
/// difference, and is told.
package struct AdoptionMatch: Sendable {
    package struct Outcome: Hashable, Sendable {
        /// Ascending.
        package var drops: [Sequence64] = []
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
    struct Own: Hashable, Sendable {
        var sequence: Sequence64
        var timeMs: Int64
        var amount: AdoptionAmount
    }
    struct Told: Hashable, Sendable {
        var timeMs: Int64
        var amount: AdoptionAmount
    }

    /// In order of first appearance.
    package private(set) var sessions: [SessionID] = []
    package private(set) var lowestMs = Int64.max
    package private(set) var highestMs = Int64.min
    private var seen: Set<SessionID> = []
    private var spoken: Set<SessionID> = []
    private var places: [Instant: Int] = [:]
    private var instants: [(key: Instant, own: [Own], told: [Told])] = []
    private var lines: [Line: Int] = [:]
    /// Corrections told at instants that no own event has.
    private var growths: [[Told]] = []
    private var toldCount = 0

    package init() {}

    package mutating func own(_ sequence: Sequence64, _ event: Event) {
        let key = Instant(event)
        if seen.insert(event.session).inserted { sessions.append(event.session) }
        lowestMs = min(lowestMs, event.timeMs)
        highestMs = max(highestMs, event.timeMs)
        if lines[key.line] == nil {
            lines[key.line] = growths.count
            growths.append([])
        }
        let own = Own(sequence: sequence, timeMs: event.timeMs, amount: AdoptionAmount(event))
        if let place = places[key] {
            instants[place].own.append(own)
        } else {
            places[key] = instants.count
            instants.append((key, [own], []))
        }
    }

    package mutating func told(_ event: Event) {
        guard seen.contains(event.session) else { return }
        spoken.insert(event.session)
        // Beyond any honest answer: what is not kept is not left out here.
        guard toldCount < Limits.adoptionToldMax else { return }
        let key = Instant(event)
        let told = Told(timeMs: event.timeMs, amount: AdoptionAmount(event))
        if let place = places[key] {
            instants[place].told.append(told)
        } else if event.kind == .correction, let line = lines[key.line] {
            growths[line].append(told)
        } else {
            return
        }
        toldCount += 1
    }

    package func isTold(_ session: SessionID) -> Bool { spoken.contains(session) }

    // MARK: Outcome

    package func outcome() -> Outcome {
        var outcome = Outcome()
        var balances = growths.map { AdoptionBalance(told: $0) }
        for (key, own, told) in instants {
            guard let line = lines[key.line] else { continue }
            var rest = told
            var left: [Own] = []
            for event in own {
                if let place = rest.firstIndex(where: { $0.amount == event.amount }) {
                    rest.remove(at: place)
                    outcome.drop(event)
                } else {
                    left.append(event)
                }
            }
            var others: [Own] = []
            for event in left {
                guard let place = rest.firstIndex(where: { $0.amount.isGrown(from: event.amount, kind: key.kind) })
                else {
                    others.append(event)
                    continue
                }
                outcome.drop(event)
                balances[line].differ(event, rest.remove(at: place))
            }
            guard key.kind == .correction else { continue }
            balances[line].told += rest
            balances[line].own += others
        }
        for index in balances.indices { balances[index].settle(into: &outcome) }
        outcome.drops.sort()
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
