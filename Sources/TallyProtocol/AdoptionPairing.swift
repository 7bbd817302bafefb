import TallyModel

/// Pairs what no equal event at its own instant explains, with what is told and has found no event. In this order:
///
/// 1. the same moment and equal numbers in a related session: agents copy a session's calls when they resume or fork
///    it, and which of the copies counts depends on the order of reading;
/// 2. the same instant, and numbers that a request can have grown to or from;
/// 3. both: a copy, counted before it was whole;
/// 4. the same in two sessions of which one is surely a copy of the other, for another call of them was found by 1 or 3,
///    at a later time: a copy may begin in the middle of a call, with its second line.
///
/// The prompt is the same throughout: it is known before the answer begins, and calls that share an instant nearly always
/// differ in it.
struct AdoptionPairing {
    private struct Moment: Hashable {
        var prompt: AdoptionMatch.Prompt
        var timeMs: Int64
    }
    private struct Kin: Hashable {
        var one: SessionID
        var other: SessionID

        init(_ one: SessionID, _ other: SessionID) { (self.one, self.other) = (min(one, other), max(one, other)) }
    }

    private let told: [AdoptionMatch.Told]
    private let related: Set<SessionID>
    private var isTaken: [Bool]
    private var moments: [Moment: [Int]] = [:]
    private var prompts: [AdoptionMatch.Prompt: [Int]] = [:]
    private var kin: Set<Kin> = []

    init(_ told: [AdoptionMatch.Told], related: Set<SessionID>) {
        self.told = told
        self.related = related
        isTaken = [Bool](repeating: false, count: told.count)
        for (index, item) in told.enumerated() {
            moments[Moment(prompt: item.prompt, timeMs: item.timeMs), default: []].append(index)
            if related.contains(item.session), item.prompt.kind == .usage, !item.prompt.isZero {
                prompts[item.prompt, default: []].append(index)
            }
        }
    }

    /// What has found no event.
    var rest: [AdoptionMatch.Told] { told.indices.filter { !isTaken[$0] }.map { told[$0] } }

    /// Takes out of `left` what has found its partner.
    mutating func pair(
        _ left: inout [AdoptionMatch.Own], _ requests: inout AdoptionRequests,
        _ outcome: inout AdoptionMatch.Outcome
    ) {
        each(&left, &requests, &outcome) { this, event in
            guard event.amount != .zero else { return nil }
            return this.partner(this.at(event)) { this.isCopy($0, of: event) && $0.amount == event.amount }
        }
        each(&left, &requests, &outcome) { this, event in
            this.partner(this.at(event)) {
                $0.session == event.session && $0.amount.isGrown(from: event.amount)
            }
        }
        each(&left, &requests, &outcome) { this, event in
            guard event.prompt.kind == .usage, !event.prompt.isZero else { return nil }
            return this.partner(this.at(event)) { this.isCopy($0, of: event) && $0.amount.isGrown(from: event.amount) }
        }
        each(&left, &requests, &outcome) { this, event in
            // Where so many calls have one prompt it does not say which is which.
            guard let near = this.prompts[event.prompt], near.count <= Limits.adoptionNearMax else { return nil }
            return this.partner(near) { told in
                let apart = told.timeMs.subtractingReportingOverflow(event.timeMs)
                return !apart.overflow && apart.partialValue.magnitude <= Limits.adoptionGrowthMs.magnitude
                    && this.kin.contains(Kin(event.session, told.session)) && told.amount.isGrown(from: event.amount)
            }
        }
    }

    /// Takes each event out for which `find` names a place.
    private mutating func each(
        _ left: inout [AdoptionMatch.Own], _ requests: inout AdoptionRequests,
        _ outcome: inout AdoptionMatch.Outcome, _ find: (Self, AdoptionMatch.Own) -> Int?
    ) {
        left.removeAll { event in
            guard let place = find(self, event) else { return false }
            take(event, place, &requests, &outcome)
            return true
        }
    }

    private func at(_ event: AdoptionMatch.Own) -> [Int] {
        moments[Moment(prompt: event.prompt, timeMs: event.timeMs)] ?? []
    }

    private func isCopy(_ told: AdoptionMatch.Told, of event: AdoptionMatch.Own) -> Bool {
        told.session != event.session && related.contains(told.session) && related.contains(event.session)
    }

    private func partner(_ places: [Int], _ isPartner: (AdoptionMatch.Told) -> Bool) -> Int? {
        places.first { !isTaken[$0] && isPartner(told[$0]) }
    }

    private mutating func take(
        _ event: AdoptionMatch.Own, _ place: Int, _ requests: inout AdoptionRequests,
        _ outcome: inout AdoptionMatch.Outcome
    ) {
        isTaken[place] = true
        let partner = told[place]
        // The same millisecond and the same prompt in two sessions: one is the other's copy.
        if partner.session != event.session, partner.timeMs == event.timeMs, !event.prompt.isZero {
            kin.insert(Kin(event.session, partner.session))
        }
        if partner.amount == event.amount {
            outcome.drop(event)
            requests.note(event, sessions: [event.session, partner.session])
        } else {
            requests.pair(event, partner)
        }
    }
}
