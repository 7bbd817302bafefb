package import TallyModel
import TallyWire

/// After WELCOME: compare, rewind, or find the common prefix (BEHAVIOUR.md, "Resuming").
///
/// The chains are compared at m = min(committed, highest) and nowhere else. Committed behind acknowledged is
/// no fork: the gateway lost data or was restored, and gets again what is still held.
extension WorkstationSession {
    /// The spool's chain value at the sequence of `needChain`, nil where it does not hold it.
    package mutating func chain(at sequence: Sequence64, value: ChainValue?) -> WorkstationAction {
        guard sequence == asked else { return .none }
        switch phase {
        case .comparing:
            ours = value
            return compare()
        case .probing where search != nil:
            return step(isEqual: value.flatMap { mine in theirs.map { mine == $0 } })
        default: return .none
        }
    }

    mutating func receive(_ welcome: Welcome) -> WorkstationAction {
        guard isValid(welcome) else { return end(.violation) }
        self.welcome = welcome
        generation = welcome.generation
        let (offset, isOver) = welcome.clockMs.subtractingReportingOverflow(clockSentMs)
        clockOffsetMs = isOver ? .max : offset
        asked = min(welcome.committed.sequence, view.highest)
        phase = .comparing
        if asked == .zero { return agreed() }
        if asked == view.highest {
            ours = view.highestChain
        } else if asked == view.acknowledged.sequence {
            ours = view.acknowledged.chain
        } else {
            return .needChain(at: asked)
        }
        return compare()
    }

    mutating func receive(chain value: ChainValue?, at sequence: Sequence64) -> WorkstationAction {
        guard phase == .probing, sequence == asked else { return end(.violation) }
        guard search == nil else {
            guard let value else { return step(isEqual: nil) }
            theirs = value
            return .needChain(at: asked)
        }
        guard let value, let ours else {
            isProven = false
            return agreed()
        }
        return value == ours ? agreed() : differs()
    }

    // MARK: Helpers

    private func isValid(_ welcome: Welcome) -> Bool {
        let credit = welcome.credit
        let isWhole =
            credit == .paused
            || (credit.events >= welcome.batchEventsMax && credit.bytes >= welcome.batchBodyBytesMax)
        return versions.contains(welcome.version) && schemas.contains(welcome.schema) && isWhole
            && welcome.batchEventsMax > 0
            && welcome.batchBodyBytesMax >= Limits.sendRoomBytesMin
            && welcome.committed.sequence.value <= Limits.sequenceMax && welcome.tenantKey.count == 32
    }

    private mutating func compare() -> WorkstationAction {
        guard let welcome else { return end(.violation) }
        guard let ours else {
            isProven = false
            return agreed()
        }
        if asked == welcome.committed.sequence {
            return ours == welcome.committed.chain ? agreed() : differs()
        }
        // The gateway has more than the spool ever had: it must tell its value at the spool's end.
        phase = .probing
        return .send(.probe(sequence: asked))
    }

    private mutating func agreed() -> WorkstationAction {
        guard let welcome else { return end(.violation) }
        let committed = welcome.committed.sequence
        guard committed <= view.highest else {
            _ = end(.diverged)
            // Where the gateway no longer tells, what was never acknowledged is offered again; adoption cuts it.
            let after = isProven ? view.highest : max(view.acknowledged.sequence, floor)
            return .openNewStream(after: after, cause: .rolledBack)
        }
        phase = .open
        acknowledged = committed
        next = committed.advanced(by: 1)
        highestSent = committed
        credit = welcome.credit
        creditBytesMax = credit.bytes
        backedUpThrough = welcome.backedUpThrough
        progressedAt = heardAt
        let told = view.acknowledged.sequence
        return .proceed(
            ResumePlan(
                welcome: welcome, first: next,
                trimmed: next < view.lowestHeld ? next...Sequence64(view.lowestHeld.value - 1) : nil,
                lost: told > committed ? next...told : nil,
                isOtherEpoch: view.storeEpoch != StoreEpoch(0) && view.storeEpoch != welcome.storeEpoch,
                isProven: isProven, clockOffsetMs: clockOffsetMs))
    }

    private mutating func differs() -> WorkstationAction {
        search = ForkSearch(floor: min(floor, asked), differing: asked)
        phase = .probing
        return probeNext()
    }

    /// What stands before the first event held.
    private var floor: Sequence64 { Sequence64(view.lowestHeld.value > 0 ? view.lowestHeld.value - 1 : 0) }

    private mutating func step(isEqual: Bool?) -> WorkstationAction {
        search?.answered(isEqual: isEqual)
        theirs = nil
        return probeNext()
    }

    private mutating func probeNext() -> WorkstationAction {
        guard let search else { return end(.violation) }
        guard let sequence = search.next else {
            _ = end(.diverged)
            return .openNewStream(after: search.proven, cause: .forked)
        }
        asked = sequence
        return .send(.probe(sequence: sequence))
    }
}
