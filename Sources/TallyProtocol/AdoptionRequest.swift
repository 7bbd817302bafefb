import TallyModel

/// One request of which both sides know something, and not the same: what the spool has of it and what was counted of it,
/// each as a call and corrections. The corrections of a request name its whole prompt.
///
/// What the spool has beyond what was counted is sent as one correction; the rest of its events is left out. Corrections
/// that were counted already are part of what was counted, so nothing is sent twice, however often a reading begins anew.
struct AdoptionRequest {
    /// What joins a request's events across lines and copies.
    struct Key: Hashable {
        var model: Label?
        var prompt: UInt32

        init(_ prompt: AdoptionMatch.Prompt) { (model, self.prompt) = (prompt.model, prompt.whole) }
    }

    var sessions: Set<SessionID>
    /// The session in which a part was counted.
    var origin: SessionID
    var fromMs: Int64
    var own: [AdoptionMatch.Own] = []
    /// Something at an event's own instant, or a copy's, was counted.
    var isPaired = false
    var counted = AdoptionNumbers()
    /// Corrections that were counted and name this prompt.
    var corrections: [AdoptionMatch.Told] = []

    func holds(_ session: SessionID, _ timeMs: Int64) -> Bool { sessions.contains(session) && timeMs >= fromMs }

    func settle(_ key: Key, into outcome: inout AdoptionMatch.Outcome) {
        // Nothing of these corrections was counted: they are sent as they are.
        guard isPaired || !corrections.isEmpty else { return }
        var sequences = own.map(\.sequence).sorted()
        let firstMs = own.first { $0.sequence == sequences.first }?.timeMs ?? fromMs
        var whole = AdoptionNumbers()
        for event in own { whole += event.numbers }
        let grown = growths(whole)
        var counted = self.counted
        for event in grown { counted += event.numbers }
        outcome.report.events += UInt64(own.count)
        outcome.report.note(leftOut: whole.amount)
        if let growth = whole.growth(over: counted) {
            if growth.amount != .zero, !sequences.isEmpty {
                outcome.report.leftOut(less: growth.amount)
                // At an instant of its own: asked about once more, it must not be taken for what was counted.
                let countedMs = corrections.map(\.timeMs).max() ?? 0
                let timeMs = countedMs < firstMs ? firstMs : min(countedMs + 1, Limits.timeMsMax)
                outcome.changes.append(
                    AdoptionChange(
                        sequence: sequences.removeFirst(), timeMs: timeMs, session: origin, prompt: key.prompt,
                        growth: growth))
            }
        } else {
            outcome.report.differing += 1
            outcome.report.note(missing: whole.amount.beyond(counted.amount))
            outcome.report.note(surplus: counted.amount.beyond(whole.amount))
        }
        outcome.drops += sequences
    }

    /// The corrections that are this request's: a run of them that makes up for the difference exactly, since another
    /// request of this prompt may stand in another window; else all of them.
    private func growths(_ whole: AdoptionNumbers) -> ArraySlice<AdoptionMatch.Told> {
        let sorted = corrections.sorted { $0.timeMs < $1.timeMs }
        guard let difference = whole.growth(over: counted)?.amount else { return sorted[...] }
        guard difference != .zero else { return [] }
        for start in sorted.indices {
            var sum = AdoptionAmount.zero
            for end in start..<min(sorted.count, start + Limits.adoptionGrowthsMax) {
                sum += sorted[end].amount
                if sum == difference { return sorted[start...end] }
            }
        }
        return sorted[...]
    }
}

/// The requests of one window that are not simply equal.
struct AdoptionRequests {
    private var open: [AdoptionRequest.Key: [AdoptionRequest]] = [:]
    /// Calls that were counted as they are: their growth may be divided otherwise on the two sides.
    private var whole: [AdoptionRequest.Key: [AdoptionRequest]] = [:]

    /// The call was counted as it is.
    mutating func note(_ event: AdoptionMatch.Own, sessions: Set<SessionID>) {
        guard event.prompt.kind == .usage else { return }
        let request = AdoptionRequest(sessions: sessions, origin: event.session, fromMs: event.timeMs)
        AdoptionRequests.join(&whole[AdoptionRequest.Key(event.prompt), default: []], request)
    }

    /// Precondition: one of the two can have grown to the other.
    mutating func pair(_ event: AdoptionMatch.Own, _ told: AdoptionMatch.Told) {
        let isCall = told.prompt.kind == .usage
        let request = AdoptionRequest(
            sessions: [event.session, told.session], origin: told.session, fromMs: min(event.timeMs, told.timeMs),
            own: [event], isPaired: true, counted: isCall ? told.numbers : AdoptionNumbers(),
            corrections: isCall ? [] : [told])
        AdoptionRequests.join(&open[AdoptionRequest.Key(event.prompt), default: []], request)
    }

    /// `own` and `told`: what has found no partner. Corrections among it belong to the requests that they name.
    mutating func settle(
        own: [AdoptionMatch.Own], told: [AdoptionMatch.Told], into outcome: inout AdoptionMatch.Outcome
    ) {
        for event in own where event.prompt.kind == .correction {
            let key = AdoptionRequest.Key(event.prompt)
            for base in (whole[key] ?? []) where base.holds(event.session, event.timeMs) {
                AdoptionRequests.join(&open[key, default: []], base)
            }
            guard let place = open[key]?.firstIndex(where: { $0.holds(event.session, event.timeMs) }) else { continue }
            open[key]?[place].own.append(event)
        }
        for event in told where event.prompt.kind == .correction {
            let key = AdoptionRequest.Key(event.prompt)
            guard let place = open[key]?.firstIndex(where: { $0.holds(event.session, event.timeMs) }) else { continue }
            open[key]?[place].corrections.append(event)
        }
        for (key, requests) in open {
            for request in requests { request.settle(key, into: &outcome) }
        }
    }

    /// Requests that share a session are one: their events cannot be told apart, and their sums need not be.
    private static func join(_ requests: inout [AdoptionRequest], _ request: AdoptionRequest) {
        var joined = request
        requests.removeAll { other in
            guard !other.sessions.isDisjoint(with: joined.sessions) else { return false }
            joined.sessions.formUnion(other.sessions)
            joined.fromMs = min(joined.fromMs, other.fromMs)
            joined.own += other.own
            joined.isPaired = joined.isPaired || other.isPaired
            joined.counted += other.counted
            joined.corrections += other.corrections
            return true
        }
        requests.append(joined)
    }
}

extension AdoptionReport {
    fileprivate mutating func note(leftOut amount: AdoptionAmount) {
        totals = totals.adding(RunningTotals(amount)) ?? totals
    }

    /// Precondition: it was noted as left out with what it is a part of.
    fileprivate mutating func leftOut(less amount: AdoptionAmount) {
        totals.tokens -= min(totals.tokens, UInt128(amount.tokens))
        totals.reportedNanoUSD -= min(totals.reportedNanoUSD, UInt128(amount.reported))
    }

    fileprivate mutating func note(missing amount: AdoptionAmount) {
        missing = missing.adding(RunningTotals(amount)) ?? missing
    }

    fileprivate mutating func note(surplus amount: AdoptionAmount) {
        surplus = surplus.adding(RunningTotals(amount)) ?? surplus
    }
}
