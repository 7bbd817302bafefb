import TallyModel
import TallyProtocol
import TallyWire

/// Values that tests share.
enum Samples {
    static let start = MonotonicInstant(nanoseconds: 1_000_000_000_000)
    static let credit = Credit(events: 8_192, bytes: 131_072)

    static func after(_ duration: Duration) -> MonotonicInstant { start + duration }

    static func cursor(_ sequence: UInt64) -> StreamCursor {
        StreamCursor(
            sequence: Sequence64(sequence), chain: chain(sequence),
            totals: RunningTotals(tokens: UInt128(sequence) * 10, reportedNanoUSD: 0))
    }

    static func chain(_ sequence: UInt64) -> ChainValue { ChainValue(sequence &* 1_000_003 &+ 7) }

    static func hello(highest: UInt64 = 0, acknowledged: UInt64 = 0, epoch: UInt64 = 0) -> Hello {
        var hello = Hello(
            stream: StreamID(Bytes16(high: 1, low: 2)), highestChain: chain(highest),
            acknowledged: cursor(acknowledged), clockMs: 5_000, credential: .token([9]))
        hello.lowestHeld = Sequence64(highest == 0 ? 0 : 1)
        hello.highestHeld = Sequence64(highest)
        hello.storeEpoch = StoreEpoch(epoch)
        return hello
    }

    static func claim(committed: UInt64 = 0, epoch: UInt64 = 1, adoption: Bool = false) -> StreamClaim {
        StreamClaim(
            committed: cursor(committed), generation: Generation(1), storeEpoch: StoreEpoch(epoch), credit: credit,
            backedUpThrough: .zero, clockMs: 5_000, oldestTimeMs: 1, allowsAdoption: adoption,
            tenantKey: [UInt8](repeating: 3, count: 32))
    }

    static func welcome(committed: UInt64 = 0, clockMs: Int64 = 5_000, epoch: UInt64 = 1) -> Welcome {
        Welcome(
            committed: cursor(committed), credit: credit, batchEventsMax: 4_096, batchBodyBytesMax: 65_536,
            clockMs: clockMs, oldestTimeMs: 1, storeEpoch: StoreEpoch(epoch), backedUpThrough: .zero,
            generation: Generation(1), tenantKey: [UInt8](repeating: 3, count: 32))
    }

    /// Events `first` … `last`, twenty bytes each.
    static func header(_ first: UInt64, _ last: UInt64) -> BatchHeader {
        let count = UInt32(clamping: last - first + 1)
        return BatchHeader(
            first: Sequence64(first), count: count, rawBytes: UInt32(clamping: UInt64(count) * 20), controlTokens: 0,
            reportedNanoUSD: 0, chainAfter: chain(last), isLZ4: false)
    }

    static func skip(_ first: UInt64, _ last: UInt64) -> Skip {
        Skip(
            first: Sequence64(first), last: Sequence64(last), chainAfter: chain(last), reason: .poison, groups: [])
    }

    static func gateway(committed: UInt64 = 0) -> GatewaySession {
        var session = GatewaySession(offer: GatewayOffer(), now: start)
        _ = session.receive(HelloHeader(hello()), now: start)
        _ = session.authenticated(hello())
        _ = session.claimed(claim(committed: committed), now: start)
        return session
    }

    static func view(lowest: UInt64 = 1, highest: UInt64 = 100, acknowledged: UInt64 = 0, epoch: UInt64 = 0)
        -> SpoolView
    {
        SpoolView(
            stream: StreamID(Bytes16(high: 1, low: 2)), lowestHeld: Sequence64(lowest),
            highest: Sequence64(highest), highestChain: chain(highest), acknowledged: cursor(acknowledged),
            storeEpoch: StoreEpoch(epoch))
    }

    /// Past WELCOME with nothing committed.
    static func workstation(highest: UInt64 = 100, clockMs: Int64 = 5_000) -> WorkstationSession {
        var session = WorkstationSession(view: view(highest: highest))
        _ = session.hello(clockMs: 5_000, credential: .mutualTLS, now: start, random: 1)
        _ = session.receive(.welcome(welcome(clockMs: clockMs)), now: start, random: 1)
        return session
    }

    static func reject(
        _ first: UInt64, _ reason: RejectReason, index: UInt32 = 0, run: UInt32 = 1, retryMs: UInt32 = 0
    ) -> Reject {
        Reject(first: Sequence64(first), index: index, run: run, reason: reason, field: 0, retryMs: retryMs)
    }

    static func ack(_ committed: UInt64, credit: Credit = Samples.credit) -> Ack {
        Ack(committed: Sequence64(committed), chain: chain(committed), credit: credit, backedUpThrough: .zero)
    }
}

extension GatewaySession {
    /// Takes events `first` … `last` as a conductor would whose decoder found them valid.
    mutating func take(_ first: UInt64, _ last: UInt64) -> BatchDecision {
        let header = Samples.header(first, last)
        let bytes = Int(header.rawBytes)
        let decision = batch(header, bodyBytes: bytes)
        if decision == .decode { accepted(header, bodyBytes: bytes) }
        checkInvariants()
        return decision
    }

    mutating func commit(_ sequence: UInt64) -> CommitDecision {
        let decision = committed(
            through: Cursor(sequence: Sequence64(sequence), chain: Samples.chain(sequence)))
        checkInvariants()
        return decision
    }
}

extension WorkstationSession {
    /// Sends events up to `last`.
    mutating func send(through last: UInt64) {
        let header = Samples.header(next.value, last)
        sent(header, bodyBytes: Int(header.rawBytes), now: Samples.start)
        checkInvariants()
    }

    mutating func hear(_ frame: Frame, after: Duration = .zero) -> WorkstationAction {
        let action = receive(frame, now: Samples.after(after), random: 0x8000_0000_0000_0001)
        if phase != .ended { checkInvariants() }
        return action
    }
}
