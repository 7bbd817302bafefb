import TallyModel
import TallyProtocol
import TallyWire

/// When earlier streams are offered. A stream that cannot be offered now waits by itself: what is being written does
/// not wait for it.
struct OfferPace {
    private var reconnector = Reconnector()
    /// Not before this.
    private(set) var notBefore = MonotonicInstant(nanoseconds: 0)

    mutating func progressed() {
        reconnector.progressed()
        notBefore = MonotonicInstant(nanoseconds: 0)
    }

    mutating func failed(_ end: ConnectionEnd, now: MonotonicInstant, random: UInt64) {
        notBefore = now + reconnector.ended(end, now: now, random: random).after
    }
}

/// After the gateway's store was restored, or lost what it had acknowledged, earlier streams that the spool still holds
/// are offered again, one connection each: the gateway takes what it lacks.
///
/// The stream that is written goes first. When all of it is acknowledged its connection ends, the oldest stream that
/// was not yet offered in this epoch gets the next, and so on; any trouble gives the written stream its turn.
/// Whatever happens in between, a stream is offered until the spool says durably that it was.
extension UplinkCore {
    /// Earlier streams wait to be offered.
    package var owesOffers: Bool { spool.state.owesOffers }

    var offerDeadline: MonotonicInstant? { isOfferPossible ? offers.notBefore : nil }

    private var isOfferPossible: Bool {
        guard offering == nil, isOpen, let session, session.phase == .open, !session.isHolding else { return false }
        return session.acknowledged == spool.state.tip.sequence && owesOffers
    }

    /// Leaves the written stream, where all of it is acknowledged, for one that must be offered.
    func offerNext(_ now: WorkstationInstant) {
        guard phase == .connected, isOfferPossible, now.monotonic >= offers.notBefore,
            let next = spool.state.streamsToOffer.first
        else { return }
        restart(now, offering: next.number)
    }

    /// Makes the spool ready for a connection, and tells what it is about.
    func beginStream() throws(WorkstationError) -> SpoolView {
        try spool.sync()
        if let number = offering, try !spool.resolve(number) { offering = nil }
        source.turn(to: offering)
        guard let offering else { return spool.state.view(durable: spool.durable) }
        let view = spool.view(offering)
        return view.view(durable: view.tip.sequence)
    }

    /// A connection for an earlier stream is over before everything of it was acknowledged.
    func offerEnded(_ end: ConnectionEnd, _ now: WorkstationInstant) {
        guard let number = offering else { return }
        if case .goaway(let goaway) = end, goaway.reason == .streamFork {
            // A closed stream is refused so, at once: it is complete at the gateway.
            let isRefused = isOpen
            do throws(WorkstationError) {
                return try offered(number, epoch: spool.state.epoch, isRefused: isRefused, now)
            } catch {
                return fail(error)
            }
        }
        offers.failed(end, now: now.monotonic, random: entropy.word())
        emit(.news(.interrupted(UplinkProblem(end, Reconnector.notice(end)))))
        restart(now)
    }

    /// The session's decisions on an earlier stream, which is never written.
    func carryOut(
        _ action: WorkstationAction, offering number: UInt32, _ now: WorkstationInstant
    ) throws(WorkstationError) {
        switch action {
        case .none, .needChain: return
        case .send(let frame): emit(.send(FrameCodec.encode(frame)))
        case .proceed(let plan): try proceed(plan, offering: number, now)
        case .openNewStream(_, let cause):
            // A gateway that has gone further than this spool ever did lacks nothing.
            try offered(number, epoch: spool.state.epoch, isRefused: cause != .rolledBack, now)
        case .acknowledged(let through, _, let backedUp):
            try reach(through)
            offers.progressed()
            guard through == spool.view(number).tip.sequence else { return emit(.news(.settled)) }
            try offered(number, epoch: epoch, backedUpThrough: backedUp, now)
        case .poison(let run, let reason, let field): try setAside(run, of: number, reason, field, now)
        // What is not written cannot be renamed.
        case .relabel(let run): try setAside(run, of: number, .labelLimit, UInt8(ColumnID.model.rawValue), now)
        case .end(let end): finish(end, now)
        }
    }

    private func proceed(
        _ plan: ResumePlan, offering number: UInt32, _ now: WorkstationInstant
    ) throws(WorkstationError) {
        let welcome = plan.welcome
        guard welcome.tenantKey == tenantKey else { return fail(.notConnected) }
        epoch = welcome.storeEpoch
        base = welcome.committed
        began(now)
        emit(.news(.welcomed(welcome)))
        let view = spool.view(number)
        if base.sequence == view.tip.sequence {
            return try offered(number, epoch: epoch, backedUpThrough: welcome.backedUpThrough, now)
        }
        if plan.trimmed != nil {
            trimmed = plan.trimmedSkip(chainAfter: view.floor.chain, totalsAfter: view.floor.totals)
            // Sums that contradict each other will do so for ever.
            guard trimmed != nil else { return try offered(number, epoch: epoch, isRefused: true, now) }
        }
        emit(.news(.settled))
    }

    private func setAside(
        _ run: ClosedRange<Sequence64>, of number: UInt32, _ reason: RejectReason, _ field: UInt8,
        _ now: WorkstationInstant
    ) throws(WorkstationError) {
        let before = try cursor(before: run.lowerBound)
        try spool.giveUp(run, of: number, reason: reason, field: field, before: before, nowMs: now.wallMs)
        session?.resolved()
        emit(.news(.settled))
    }

    /// The stream needs no further offer in `epoch`; the next one has its turn, or the stream that is written.
    private func offered(
        _ number: UInt32, epoch: StoreEpoch, backedUpThrough: Sequence64 = .zero, isRefused: Bool = false,
        _ now: WorkstationInstant
    ) throws(WorkstationError) {
        try spool.noteOffered(
            number, epoch: epoch, backedUpThrough: backedUpThrough, isRefused: isRefused, nowMs: now.wallMs)
        offers.progressed()
        counts.offeredStreams += 1
        // Another epoch than the one known is learnt on the written stream, before anything is offered in it.
        let isKnown = epoch == spool.state.epoch
        restart(now, offering: isKnown ? spool.state.streamsToOffer.first?.number : nil)
        emit(.news(.settled))
    }
}
