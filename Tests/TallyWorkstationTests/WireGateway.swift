import TallyModel
import TallyProtocol
import TallyWire

@testable import TallyWorkstation

/// A gateway in memory that speaks whole frames: the protocol's own session over a ledger that is a list. What it
/// takes is committed at once. One connection at a time, any number of streams.
struct WireGateway {
    struct Gap: Hashable {
        var first: UInt64
        var last: UInt64
        var reason: TallyWire.SkipReason
        var events: UInt64
        var tokens: UInt64
        var reportedNanoUSD: UInt128
    }

    /// One accepted piece, for going back to an older copy.
    struct Copy {
        fileprivate var ledger: [(stream: StreamID, sequence: UInt64, event: Event)] = []
        fileprivate var gaps: [Gap] = []
        fileprivate var cursors: [StreamID: [StreamCursor]] = [:]
    }

    private(set) var state = Copy()
    var epoch = StoreEpoch(1)
    var backedUpThrough = Sequence64.zero
    /// Refuses these events for ever.
    var refuses: (Event) -> RejectReason? = { _ in nil }
    /// Says no to whoever comes.
    var turnsAway: GoAwayReason?
    /// Streams of another workstation.
    var foreign: Set<StreamID> = []
    /// Streams that are over.
    var closed: Set<StreamID> = []
    /// Streams that are to come later.
    var busy: Set<StreamID> = []
    /// Answers no question of a new stream.
    var refusesAdoption = false
    private var stream = StreamID(Bytes16(high: 0, low: 0))
    var oldestTimeMs: Int64 = 1
    var tenantKey = WireGateway.tenantKey
    private(set) var frames: [Frame] = []
    private(set) var outbox: [UInt8] = []
    private var session: GatewaySession?
    private var reader = FrameReader(side: .gateway)
    private var inbox: [UInt8] = []
    private var decoder = BatchDecoder(hashSeed: 7)
    private var opener = BatchOpener()
    private var batch = Batch()
    private var generation: UInt32 = 0

    static let tenantKey = [UInt8](repeating: 9, count: 32)

    var ledger: [Event] { state.ledger.map(\.event) }
    var streams: Set<StreamID> { Set(state.ledger.map(\.stream)) }
    /// What each connection was for.
    var greeted: [StreamID] { frames.compactMap { if case .hello(let hello) = $0 { hello.stream } else { nil } } }
    var gaps: [Gap] { state.gaps }
    var batches: Int { frames.count { if case .batch = $0 { true } else { false } } }

    /// A store that was put back to `copy` draws a new epoch.
    mutating func restore(_ copy: Copy) {
        state = copy
        epoch = StoreEpoch(epoch.value + 1)
    }

    mutating func connect(_ now: WorkstationInstant) {
        session = GatewaySession(offer: GatewayOffer(), now: now.monotonic)
        reader = FrameReader(side: .gateway)
        inbox = []
        outbox = []
    }

    mutating func disconnect() {
        session?.disconnected()
        session = nil
    }

    mutating func takeOutbox() -> [UInt8] {
        defer { outbox = [] }
        return outbox
    }

    /// False where the gateway ends the connection.
    mutating func receive(_ bytes: [UInt8], _ now: WorkstationInstant) throws -> Bool {
        inbox += bytes
        var consumed = 0
        while case .frame(let slice) = reader.next(in: inbox.span, from: consumed) {
            let frame = try FrameCodec.decode(slice, in: inbox.span)
            consumed = slice.body.upperBound
            frames.append(frame)
            session?.heard(now: now.monotonic)
            guard try take(frame, now) else { return false }
        }
        inbox.removeFirst(consumed)
        return true
    }

    private mutating func take(_ frame: Frame, _ now: WorkstationInstant) throws -> Bool {
        switch frame {
        case .hello(let hello): return try take(hello, now)
        case .batch(let frame): return try take(frame)
        case .skip(let skip): return take(skip)
        case .probe(let sequence):
            if case .lookUp(let sequence) = session?.probe(sequence) {
                answer(.chain(sequence: sequence, value: cursor(at: sequence)?.chain))
            }
        case .ping(let opaque):
            if case .pong(let same) = session?.ping(opaque: opaque, now: now.monotonic) { answer(.pong(opaque: same)) }
        case .adopt(let question): return adopt(question)
        default: break
        }
        return true
    }

    /// What other streams have counted, and of the one before only what is behind the common part.
    private mutating func adopt(_ question: Adopt) -> Bool {
        switch session?.adopt(sessions: question.sessions.count) {
        case .lookUp: break
        case .goaway(let goaway): answer(.goaway(goaway)); return false
        case .silent, nil: return true
        }
        var told = AdoptionAnswer(question)
        for (stream, sequence, event) in state.ledger where question.sessions.contains(event.session) {
            guard stream != self.stream else { continue }
            if stream == question.prior, sequence <= question.priorThrough.value { continue }
            told.add(event)
        }
        if session?.adopted() == true { for frame in told.frames() { answer(.adopted(frame)) } }
        return true
    }

    private mutating func answer(_ frame: Frame) { outbox += FrameCodec.encode(frame) }

    private func cursor(at sequence: Sequence64) -> StreamCursor? {
        state.cursors[stream]?.first { $0.sequence == sequence }
    }

    private mutating func take(_ hello: Hello, _ now: WorkstationInstant) throws -> Bool {
        guard case .authenticate = session?.receive(HelloHeader(hello), now: now.monotonic),
            session?.authenticated(hello) == true
        else { return false }
        reader.phase = .open
        let turnsAway =
            self.turnsAway ?? (foreign.contains(hello.stream) ? .streamOwned : nil)
            ?? (closed.contains(hello.stream) ? .streamFork : nil)
            ?? (busy.contains(hello.stream) ? .overloaded : nil)
        if let reason = turnsAway, let goaway = session?.end(reason) {
            answer(.goaway(goaway))
            return false
        }
        generation += 1
        stream = hello.stream
        let start = StreamCursor(sequence: .zero, chain: Chain.initial(hello.stream), totals: .zero)
        if state.cursors[stream] == nil { state.cursors[stream] = [start] }
        let committed = state.cursors[stream]?.last ?? start
        let claim = StreamClaim(
            committed: committed, generation: Generation(generation), storeEpoch: epoch,
            credit: Credit(events: Limits.creditEvents, bytes: Limits.creditBytes), backedUpThrough: backedUpThrough,
            clockMs: now.wallMs, oldestTimeMs: oldestTimeMs, allowsAdoption: !refusesAdoption, tenantKey: tenantKey)
        if case .welcome(let welcome) = session?.claimed(claim, now: now.monotonic) { answer(.welcome(welcome)) }
        return true
    }

    private mutating func take(_ frame: BatchFrame) throws -> Bool {
        let header = frame.header
        switch session?.batch(header, bodyBytes: frame.body.count) {
        case .decode: break
        case .duplicate(let ack): answer(.ack(ack)); return true
        case .reject(let reject): answer(.reject(reject)); return true
        case .goaway(let goaway): answer(.goaway(goaway)); return false
        case .silent, nil: return true
        }
        try opener.open(header, body: frame.body.span)
        try opener.decode(header, with: &decoder, into: &batch)
        try batch.verify(header, after: session?.chainBefore ?? ChainValue(0))
        let events = (0..<batch.count).compactMap { batch.event(at: $0) }
        if let index = events.firstIndex(where: { refuses($0) != nil }), let reason = refuses(events[index]) {
            let refusal = RunRefusal(reason: reason, index: UInt32(index), run: 1, field: 12)
            if let reject = session?.refused(first: header.first, refusal) { answer(.reject(reject)) }
            return true
        }
        session?.accepted(header, bodyBytes: frame.body.count)
        for (offset, event) in events.enumerated() {
            state.ledger.append((stream, header.first.value + UInt64(offset), event))
        }
        commit(header.last, header.chainAfter, RunningTotals.of(events))
        return true
    }

    private mutating func take(_ skip: Skip) -> Bool {
        switch session?.skip(SkipHeader(skip)) {
        case .append: break
        case .duplicate(let ack): answer(.ack(ack)); return true
        case .reject(let reject): answer(.reject(reject)); return true
        case .goaway(let goaway): answer(.goaway(goaway)); return false
        case .silent, nil: return true
        }
        session?.accepted(SkipHeader(skip))
        // Reasoning is a part of output: it is told beside it and not counted again.
        let tokens = skip.groups.reduce(UInt64(0)) { $0 + $1.tokenClasses[0..<6].reduce(0, +) }
        let reported = skip.groups.reduce(UInt128(0)) { $0 + $1.reportedNanoUSD }
        state.gaps.append(
            Gap(
                first: skip.first.value, last: skip.last.value, reason: skip.reason,
                events: skip.groups.reduce(0) { $0 + $1.events }, tokens: tokens, reportedNanoUSD: reported))
        commit(
            skip.last, skip.chainAfter, RunningTotals(tokens: UInt128(tokens), reportedNanoUSD: reported))
        return true
    }

    private mutating func commit(_ last: Sequence64, _ chain: ChainValue, _ added: RunningTotals) {
        let before = state.cursors[stream]?.last?.totals ?? .zero
        state.cursors[stream, default: []].append(
            StreamCursor(sequence: last, chain: chain, totals: before.adding(added) ?? before))
        session?.backedUp(through: backedUpThrough)
        let cursor = GatewaySession.Cursor(sequence: last, chain: chain)
        if case .ack(let ack) = session?.committed(through: cursor) { answer(.ack(ack)) }
    }
}

extension RunningTotals {
    static func of(_ events: [Event]) -> RunningTotals {
        RunningTotals(
            tokens: events.reduce(0) { $0 + UInt128($1.controlTokens) },
            reportedNanoUSD: events.reduce(0) { $0 + UInt128($1.reportedCostNanoUSD ?? 0) })
    }
}
