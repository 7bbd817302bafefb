import TallyLog
import TallyModel
import TallyProtocol
import TallyRollup
import TallyStorage
import TallyWire

/// One tenant as its one appender sees it: the ledger, the live connection of each stream, and what still waits for the
/// barrier. Sequence, chain and generation are decided here and nowhere else.
struct LedgerDesk: ~Copyable {
    struct Live {
        var connection: ConnectionID
        var generation: Generation
        var workstation: WorkstationID
    }

    /// A skip that was appended, to be told of once it is durable.
    struct Gap {
        var workstation: WorkstationID
        var skip: Skip
    }

    let tenant: Tenant
    var ledger: TenantLedger
    var clock: TrustedClock
    /// The connection that holds each stream, by the stream's number.
    var live: [UInt32: Live] = [:]
    /// Streams whose connection is to be told after the next barrier.
    var advanced = InsertionOrder<UInt32>()
    var gaps: [Gap] = []
    /// Since the last harvest, for the views.
    var growth: LedgerGrowth
    /// Connections that wait for the barrier before they are welcomed.
    var claims: [(number: UInt32, request: StreamRequest)] = []
    var closings: [ConnectionID] = []
    /// What streams in adoption ask: each has one question at most, looked up behind the next barrier.
    var questions: [(number: UInt32, question: Adopt, connection: ConnectionID)] = []
    /// Events that the metrics have been told of.
    var eventsTold: UInt64
    /// The next segment could not be begun for want of room: the next commit tries again.
    var needsRoom = false
    /// The tenant is being deleted: nothing is appended, and the next barrier closes the desk.
    private(set) var isRetiring = false
    /// When each workstation last had the epoch raised.
    private var epochRaises: [WorkstationID: MonotonicInstant] = [:]
    /// The last generation given to each stream. Memory suffices: no connection outlives the process.
    private var generations: [UInt32: Generation] = [:]
    private var shares: WorkstationShares
    private let connectionsMax: Int
    private var newStreams: RateBudget

    init(tenant: Tenant, ledger: consuming TenantLedger, limits: AbuseLimits = AbuseLimits(), now: GatewayInstant) {
        self.tenant = tenant
        shares = WorkstationShares(ledger.state)
        connectionsMax = limits[.connectionsPerTenant]
        newStreams = RateBudget(Pace(limits[.newStreamsPerHour], in: .seconds(3_600)))
        eventsTold = ledger.state.events
        clock = TrustedClock(newestMs: ledger.state.newestReceivedAtMs, learntAt: now.monotonic)
        growth = LedgerGrowth(from: ledger.appended)
        self.ledger = ledger
    }

    /// The streams that a connection holds, in the order of their numbers.
    var liveNumbers: [UInt32] { live.keys.sorted() }

    // MARK: Claims

    enum ClaimOutcome {
        /// Takes effect after the barrier; who held the stream until now is superseded.
        case waits(superseded: ConnectionID?)
        case refused(GoAwayReason, after: Duration = .zero)
    }

    mutating func claim(_ request: StreamRequest, now: GatewayInstant) throws(LedgerError) -> ClaimOutcome {
        clock.heard(offsetMs: request.clockOffsetMs, at: now)
        let stream: LedgerState.Stream
        if let known = ledger.state.stream(request.stream) {
            let isItsOwn = known.workstation == request.workstation
            guard isItsOwn || request.replaced.contains(known.workstation) else { return .refused(.streamOwned) }
            guard !known.isClosed else { return .refused(.streamFork) }
            guard live.count < connectionsMax || live[known.number] != nil else { return .refused(.overloaded) }
            if !isItsOwn {
                try ledger.changeStream(
                    known.number, .workstationChanged, workstation: request.workstation,
                    nowMs: clock.receiveMs(at: now))
                shares.move(known, to: request.workstation, from: known.workstation)
                growth.streams.insert(known.number)
            }
            stream = known
        } else {
            guard live.count < connectionsMax else { return .refused(.overloaded) }
            guard newStreams.spend(now: now.monotonic) else {
                return .refused(.overloaded, after: newStreams.wait(now: now.monotonic))
            }
            stream = try ledger.openStream(
                request.stream, workstation: request.workstation, nowMs: clock.receiveMs(at: now))
            growth.streams.insert(stream.number)
        }
        let before = live[stream.number]?.connection
        let generation = raised(stream)
        live[stream.number] = Live(
            connection: request.connection, generation: generation, workstation: request.workstation)
        claims.removeAll { $0.number == stream.number }
        claims.append((stream.number, request))
        return .waits(superseded: before == request.connection ? nil : before)
    }

    private mutating func raised(_ stream: LedgerState.Stream) -> Generation {
        let generation = Generation(max(generations[stream.number]?.value ?? 0, stream.generation.value) + 1)
        generations[stream.number] = generation
        return generation
    }

    func holds(_ ticket: StreamTicket, _ connection: ConnectionID? = nil) -> Bool {
        guard let live = live[ticket.number], live.generation == ticket.generation else { return false }
        return connection.map { $0 == live.connection } ?? true
    }

    /// Whether the stream is still the connection's that asked for it.
    func holds(_ request: StreamRequest) -> Bool {
        guard let number = ledger.state.stream(request.stream)?.number else { return false }
        return live[number]?.connection == request.connection
    }

    mutating func release(_ request: StreamRequest) {
        guard holds(request), let number = ledger.state.stream(request.stream)?.number else { return }
        live[number] = nil
        claims.removeAll { $0.number == number }
    }

    /// What a claimed stream's connection is welcomed with. The barrier has covered everything appended.
    func claim(of number: UInt32, credit: Credit, now: GatewayInstant) -> (StreamClaim, StreamTicket)? {
        guard let live = live[number], let stream = ledger.state.streams[number] else { return nil }
        let cursor = StreamCursor(sequence: stream.sequence, chain: stream.chain, totals: stream.totals)
        var claim = StreamClaim(
            committed: cursor, generation: live.generation, storeEpoch: ledger.epoch, credit: credit,
            backedUpThrough: stream.backedUpThrough, clockMs: now.wallMs,
            oldestTimeMs: tenant.retention.cutoffMs(nowMs: clock.retentionMs(at: now)) + 1, allowsAdoption: true,
            tenantKey: tenant.projectKey)
        claim.isClockTrusted = clock.isTrusted(at: now)
        return (claim, StreamTicket(tenant: tenant.id, number: number, generation: live.generation))
    }

    /// From here on nothing is appended for any connection of today; who waits to be welcomed waits in vain.
    mutating func retire() -> [ConnectionID] {
        isRetiring = true
        for number in live.keys {
            guard let stream = ledger.state.streams[number] else { continue }
            let generation = raised(stream)
            live[number]?.generation = generation
        }
        let waiting = claims.map(\.request.connection)
        for claim in claims { live[claim.number] = nil }
        claims = []
        return waiting
    }

    /// How long a workstation must wait before it may have the epoch raised again; nil where it may now.
    func waitToRaiseEpoch(_ workstation: WorkstationID, now: GatewayInstant) -> Duration? {
        guard let last = epochRaises[workstation] else { return nil }
        let elapsed = now.monotonic.since(last)
        return elapsed < Limits.epochRaiseInterval ? Limits.epochRaiseInterval - elapsed : nil
    }

    /// A new life of the store, because a workstation proves that acknowledged data is missing.
    mutating func raiseEpoch(to epoch: StoreEpoch, for workstation: WorkstationID, now: GatewayInstant)
        throws(LedgerError)
    {
        try ledger.raiseEpoch(to: epoch, nowMs: clock.receiveMs(at: now))
        epochRaises[workstation] = now.monotonic
    }

    /// The stream ends for good; its connection is told once that is durable.
    mutating func close(_ number: UInt32, _ connection: ConnectionID, now: GatewayInstant) throws(LedgerError) {
        try ledger.changeStream(number, .closed, isClosed: true, nowMs: clock.receiveMs(at: now))
        growth.streams.insert(number)
        closings.append(connection)
    }

    /// Seals a full segment and begins the next, if that is due.
    mutating func makeRoom(now: GatewayInstant) throws(LogError) {
        try ledger.rollIfDue(nowMs: clock.receiveMs(at: now))
        needsRoom = false
    }

    // MARK: Appends

    /// Appends a valid batch, or says why not. A stale generation is silence: its connection is superseded.
    mutating func append(
        _ batch: BatchAppend, _ bodies: [UInt8], now: GatewayInstant
    ) throws(LedgerError) -> RunRefusal? {
        guard holds(batch.ticket), let stream = ledger.state.streams[batch.ticket.number] else { return nil }
        let header = batch.header
        // Otherwise an earlier batch of this connection was refused after this one had been handed over: its REJECT
        // has made the session forget this one too.
        guard header.first.value == stream.sequence.value + 1, batch.chainBefore == stream.chain else { return nil }
        let totals = RunningTotals(
            tokens: UInt128(header.controlTokens), reportedNanoUSD: UInt128(header.reportedNanoUSD))
        let share = WorkstationShares.Share(totals: totals)
        guard shares.fits(share, of: stream.workstation, in: ledger.state.totals) else {
            return RunRefusal(reason: .overflow, run: header.count)
        }
        var draft = RecordDraft(.batch, receivedAtMs: clock.receiveMs(at: now))
        draft.schema = 1
        draft.stream = batch.ticket.number
        draft.count = header.count
        draft.firstSequence = header.first
        draft.lowestTimeMs = batch.lowestTimeMs
        draft.highestTimeMs = batch.highestTimeMs
        draft.clockOffsetMs = batch.clockOffsetMs
        draft.chainBefore = batch.chainBefore
        draft.chainAfter = header.chainAfter
        draft.generation = batch.ticket.generation
        switch batch.body {
        case .own(let bytes): try ledger.append(batch: draft, body: bytes.span, totals: totals)
        case .part(let range): try ledger.append(batch: draft, body: bodies.span.extracting(range), totals: totals)
        }
        shares.add(share, of: stream.workstation)
        growth.batches += 1
        if batch.foldedFor == stream.workstation,
            EffectiveTime.areAsSent(
                through: draft.highestTimeMs, receivedMs: draft.receivedAtMs, offsetMs: Int64(draft.clockOffsetMs))
        {
            growth.foldedBatches += 1
            growth.foldedEvents += UInt64(header.count)
        }
        advanced.insert(batch.ticket.number)
        return nil
    }

    mutating func append(_ append: SkipAppend, now: GatewayInstant) throws(LedgerError) -> RunRefusal? {
        guard holds(append.ticket), let stream = ledger.state.streams[append.ticket.number] else { return nil }
        var skip = append.skip
        guard skip.first.value == stream.sequence.value + 1, append.chainBefore == stream.chain else { return nil }
        var fitting = share(of: skip, by: stream.workstation)
        if fitting == nil, skip.reason == .overflow {
            // That its events fit no sum is what this gap says.
            skip.groups = []
            fitting = share(of: skip, by: stream.workstation)
        }
        guard let added = fitting else { return RunRefusal(reason: .overflow, run: skip.events) }
        let record = GapRecord(
            reason: skip.reason.rawValue, first: skip.first, last: skip.last, chainAfter: skip.chainAfter,
            totals: added.totals, groups: skip.groups.map(\.recorded))
        var draft = RecordDraft(.gap, receivedAtMs: clock.receiveMs(at: now))
        draft.stream = append.ticket.number
        draft.count = skip.events
        draft.firstSequence = skip.first
        draft.chainBefore = append.chainBefore
        draft.chainAfter = skip.chainAfter
        draft.generation = append.ticket.generation
        try ledger.append(draft, body: record.encode(), of: append.ticket.number)
        shares.add(added, of: stream.workstation)
        growth.add(GapRow(record, of: StreamRow(stream), receivedMs: draft.receivedAtMs))
        advanced.insert(append.ticket.number)
        gaps.append(Gap(workstation: stream.workstation, skip: skip))
        return nil
    }

    /// What a skip adds to its workstation's share; nil where that does not fit.
    private func share(of skip: Skip, by workstation: WorkstationID) -> WorkstationShares.Share? {
        guard let totals = skip.totals else { return nil }
        let share = WorkstationShares.Share(totals: totals, gapEvents: skip.last.value - skip.first.value + 1)
        return shares.fits(share, of: workstation, in: ledger.state.totals) ? share : nil
    }
}

/// Holds a desk where it stands: desks are not copied.
final class DeskBox {
    var desk: LedgerDesk
    init(_ desk: consuming LedgerDesk) { self.desk = desk }
}

extension Skip {
    /// How many events it gives up, as far as a record's count can say.
    var events: UInt32 { UInt32(clamping: last.value - first.value + 1) }

    /// Control totals over all groups; nil where they overflow.
    var totals: RunningTotals? {
        var sum = RunningTotals.zero
        for group in groups {
            // Columns 12 to 17; reasoning, the seventh, is part of the output.
            let tokens = group.tokenClasses.prefix(6).reduce(UInt128(0)) { $0 + UInt128($1) }
            let part = RunningTotals(tokens: tokens, reportedNanoUSD: group.reportedNanoUSD)
            guard let next = sum.adding(part) else { return nil }
            sum = next
        }
        return sum
    }
}

extension SkipGroup {
    var recorded: GapRecord.Group {
        var counts = GapRecord.TokenCounts()
        func column(_ index: Int) -> UInt64 { index < tokenClasses.count ? tokenClasses[index] : 0 }
        counts.input = column(0)
        counts.cacheRead = column(1)
        counts.cacheWrite5m = column(2)
        counts.cacheWrite1h = column(3)
        counts.cacheWriteUnknown = column(4)
        counts.output = column(5)
        counts.reasoning = column(6)
        return GapRecord.Group(model: model, events: events, counts: counts, reportedNanoUSD: reportedNanoUSD)
    }
}
