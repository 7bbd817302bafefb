package import TallyModel

/// Finds, among the events that one window puts in question, those that the gateway has counted.
///
/// An event is known by its session, model, time and kind: sources give the same call the same instant whenever they
/// are read. What stands at one instant is paired with equal numbers first, and what is left with those of a related
/// session: agents copy a session's calls when they resume or fork it, and which of the copies counts depends on the order
/// of reading. Then with numbers that a request can have grown to or from, the prompt being the same; others are other
/// calls. Where a pair's numbers differ, corrections of the same session and model must make up for it, to the token and
/// the nano-dollar. What they do not make up for is a difference, and is told.
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
    /// An instant in whatever session.
    struct Moment: Hashable, Sendable {
        var model: Label?
        var timeMs: Int64
        var kind: EventKind
    }
    struct Copy: Hashable, Sendable {
        var moment: Moment
        var amount: AdoptionAmount
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
    private struct Place: Sendable {
        var key: Instant
        var own: [Own]
        var told: [AdoptionAmount] = []
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
    private var lines: [Line: Int] = [:]
    private var moments: Set<Moment> = []
    /// Corrections told at instants that no own event has, by line.
    private var growths: [[Told]] = []
    /// Calls told of related sessions at instants that no own event has, at an own event's moment.
    private var strays: [Copy: Int] = [:]
    private var toldCount = 0

    /// `related`: sessions whose calls may be copies of one another's.
    package init(related: Set<SessionID> = []) { self.related = related }

    package mutating func own(_ sequence: Sequence64, _ event: Event) {
        let key = Instant(event)
        if seen.insert(event.session).inserted { sessions.append(event.session) }
        lowestMs = min(lowestMs, event.timeMs)
        highestMs = max(highestMs, event.timeMs)
        if lines[key.line] == nil {
            lines[key.line] = growths.count
            growths.append([])
        }
        if related.contains(event.session) { moments.insert(Moment(key)) }
        let own = Own(sequence: sequence, timeMs: event.timeMs, amount: AdoptionAmount(event))
        if let index = indexes[key] {
            places[index].own.append(own)
        } else {
            indexes[key] = places.count
            places.append(Place(key: key, own: [own]))
        }
    }

    package mutating func told(_ event: Event) {
        spoken.insert(event.session)
        // Beyond any honest answer: what is not kept is not left out here.
        guard toldCount < Limits.adoptionToldMax else { return }
        let key = Instant(event)
        let amount = AdoptionAmount(event)
        if let index = indexes[key] {
            places[index].told.append(amount)
        } else if related.contains(event.session), moments.contains(Moment(key)) {
            strays[Copy(moment: Moment(key), amount: amount), default: 0] += 1
        } else if event.kind == .correction, let line = lines[key.line] {
            growths[line].append(Told(timeMs: event.timeMs, amount: amount))
        } else {
            return
        }
        toldCount += 1
    }

    package func isTold(_ session: SessionID) -> Bool { spoken.contains(session) }

    // MARK: Outcome

    package func outcome() -> Outcome {
        var outcome = Outcome()
        var left = places.map(\.own)
        // What is told at each place and has found its event.
        var taken = [[AdoptionAmount: Int]](repeating: [:], count: places.count)
        matchEqual(&left, &taken, &outcome)
        if !related.isEmpty { matchCopies(&left, &taken, &outcome) }
        var balances = growths.map { AdoptionBalance(told: $0) }
        for index in places.indices {
            let key = places[index].key
            guard let line = lines[key.line] else { continue }
            var rest = rest(index, taken[index])
            var others: [Own] = []
            for event in left[index] {
                guard let place = rest.firstIndex(where: { $0.isGrown(from: event.amount, kind: key.kind) }) else {
                    others.append(event)
                    continue
                }
                outcome.drop(event)
                balances[line].differ(event, Told(timeMs: key.timeMs, amount: rest.remove(at: place)))
            }
            guard key.kind == .correction else { continue }
            balances[line].told += rest.map { Told(timeMs: key.timeMs, amount: $0) }
            balances[line].own += others
        }
        for index in balances.indices { balances[index].settle(into: &outcome) }
        outcome.drops.sort()
        return outcome
    }

    private func matchEqual(
        _ left: inout [[Own]], _ taken: inout [[AdoptionAmount: Int]], _ outcome: inout Outcome
    ) {
        for index in places.indices where !places[index].told.isEmpty {
            var free: [AdoptionAmount: Int] = [:]
            for amount in places[index].told { free[amount, default: 0] += 1 }
            left[index].removeAll { event in
                guard let count = free[event.amount], count > 0 else { return false }
                free[event.amount] = count - 1
                taken[index][event.amount, default: 0] += 1
                outcome.drop(event)
                return true
            }
        }
    }

    /// Pairs what is left with equal calls of other related sessions.
    private func matchCopies(
        _ left: inout [[Own]], _ taken: inout [[AdoptionAmount: Int]], _ outcome: inout Outcome
    ) {
        var strays = self.strays
        var copies: [Copy: [Int]] = [:]
        for index in places.indices where related.contains(places[index].key.line.session) {
            for amount in rest(index, taken[index]) {
                copies[Copy(moment: Moment(places[index].key), amount: amount), default: []].append(index)
            }
        }
        for index in places.indices where related.contains(places[index].key.line.session) {
            left[index].removeAll { event in
                let copy = Copy(moment: Moment(places[index].key), amount: event.amount)
                // What is told without numbers cannot be told apart.
                guard event.amount != .zero else { return false }
                if let count = strays[copy], count > 0 {
                    strays[copy] = count - 1
                } else if let place = copies[copy]?.firstIndex(where: { $0 != index }),
                    let origin = copies[copy]?.remove(at: place)
                {
                    taken[origin][event.amount, default: 0] += 1
                } else {
                    return false
                }
                outcome.drop(event)
                return true
            }
        }
    }

    /// What is told at a place and has found no event, in order.
    private func rest(_ index: Int, _ taken: [AdoptionAmount: Int]) -> [AdoptionAmount] {
        var taken = taken
        return places[index].told.filter { amount in
            guard let count = taken[amount], count > 0 else { return true }
            taken[amount] = count - 1
            return false
        }
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

extension AdoptionMatch.Moment {
    init(_ key: AdoptionMatch.Instant) {
        self.init(model: key.line.model, timeMs: key.timeMs, kind: key.kind)
    }
}
