import TallyModel
import TallyProtocol
import TallyWire

/// What the session's decisions mean for the spool.
extension UplinkCore {
    func perform(_ action: WorkstationAction, _ now: WorkstationInstant) {
        do throws(WorkstationError) {
            var next = action
            // A chain value may be asked for again and again; the session bounds it.
            while case .needChain(let sequence) = next {
                let value = try chain(at: sequence)
                guard let answer = session?.chain(at: sequence, value: value) else { return }
                next = answer
            }
            try carryOut(next, now)
        } catch {
            fail(error)
        }
    }

    private func carryOut(_ action: WorkstationAction, _ now: WorkstationInstant) throws(WorkstationError) {
        if let offering { return try carryOut(action, offering: offering, now) }
        switch action {
        case .none, .needChain: return
        case .send(let frame): emit(.send(FrameCodec.encode(frame)))
        case .proceed(let plan): try proceed(plan, now)
        case .openNewStream(let after, _):
            try spool.openNewStream(after: after, nowMs: now.wallMs)
            source.forget()
            restart(now)
        case .acknowledged(let through, _, let backedUp): try acknowledge(through, backedUp, now)
        case .poison(let run, let reason, let field):
            let before = try cursor(before: run.lowerBound)
            try spool.giveUp(run, reason: reason, field: field, before: before, nowMs: now.wallMs)
            session?.resolved()
            emit(.news(.settled))
        case .relabel(let run):
            try spool.relabel(run, nowMs: now.wallMs)
            source.forget()
            cursors.removeAll()
            session?.resolved()
        case .end(let end): finish(end, now)
        }
    }

    private func acknowledge(
        _ through: Sequence64, _ backedUp: Sequence64, _ now: WorkstationInstant
    ) throws(WorkstationError) {
        try reach(through)
        try spool.acknowledge(base, epoch: epoch, backedUpThrough: backedUp, nowMs: now.wallMs)
        if through == spool.durable { try spool.sync() }
        if try spool.trim(nowMs: now.wallMs) { source.forget() }
        emit(.news(.settled))
    }

    /// The gateway has committed up to `through`.
    func reach(_ through: Sequence64) throws(WorkstationError) {
        let reached = try cursor(before: through.advanced(by: 1))
        counts.acknowledgedEvents += reached.sequence.value - min(base.sequence.value, reached.sequence.value)
        base = reached
        cursors = cursors.filter { $0.key > through }
        bounds = bounds.filter { $0.key > through }
        reconnector.progressed()
        if let skip = trimmedSent, skip.last <= through {
            trimmedSent = nil
            spool.noteTrimmed(events: skip.events, skip.totals)
        }
    }

    private func proceed(_ plan: ResumePlan, _ now: WorkstationInstant) throws(WorkstationError) {
        let welcome = plan.welcome
        // Projects hashed under another key would be other projects.
        guard welcome.tenantKey == tenantKey else { return fail(.notConnected) }
        epoch = welcome.storeEpoch
        base = welcome.committed
        if plan.trimmed != nil {
            let floor = spool.state.floor
            trimmed = plan.trimmedSkip(chainAfter: floor.chain, totalsAfter: floor.totals)
            guard trimmed != nil else { return finish(.diverged, now) }
        }
        if base != spool.state.acknowledged || epoch != spool.state.epoch {
            try spool.acknowledge(
                base, epoch: epoch, backedUpThrough: welcome.backedUpThrough, nowMs: now.wallMs)
            try spool.sync()
        }
        guard try beginAdoption(welcome) else { return finish(.violation, now) }
        began(now)
        emit(.news(.welcomed(welcome)))
        emit(.news(.settled))
    }

    /// The spool's chain value after `sequence`; nil where it does not hold it.
    private func chain(at sequence: Sequence64) throws(WorkstationError) -> ChainValue? {
        let view = spool.view(offering)
        let durable = offering == nil ? spool.durable : view.tip.sequence
        guard sequence >= view.floor.sequence, sequence <= durable else { return nil }
        let known = view.acknowledged
        let isNear = known.sequence <= sequence && known.sequence >= view.floor.sequence
        var walk = SpoolWalk(spool.disk)
        return try walk.cursor(at: sequence, from: isNear ? known : view.floor, view).chain
    }
}

extension Skip {
    fileprivate var events: UInt64 { last.value - first.value + 1 }

    /// Of a skip that this side made: its groups name no reasoning twice.
    fileprivate var totals: RunningTotals {
        var totals = RunningTotals.zero
        for group in groups {
            let tokens = group.tokenClasses.prefix(6).reduce(UInt128(0)) { $0 + UInt128($1) }
            let added = RunningTotals(tokens: tokens, reportedNanoUSD: group.reportedNanoUSD)
            totals = totals.adding(added) ?? totals
        }
        return totals
    }
}

extension SpoolState {
    /// What a HELLO tells of the spool. Only what is durable may be told: `durable` is the tip where all is synced.
    func view(durable: Sequence64) -> SpoolView {
        precondition(durable == tip.sequence, "a connection begins on a synced spool")
        return SpoolView(
            stream: stream, lowestHeld: lowestHeld, highest: tip.sequence, highestChain: tip.chain,
            acknowledged: acknowledged, storeEpoch: epoch)
    }
}
