import TallyModel
import TallyProtocol
import TallyWire

/// A session with what stands around it: a clock, the HELLO that was taken, and the model of what must be true.
struct GatewayWorld {
    var session: GatewaySession
    var model = GatewayModel()
    var now = MonotonicInstant(nanoseconds: 1_000_000_000)
    var told: Hello?
    private let offer: GatewayOffer
    var patience: Patience { offer.patience }

    init(offer: GatewayOffer) {
        self.offer = offer
        session = GatewaySession(offer: offer, now: now)
    }

    /// The honest chain value after a sequence.
    static func chain(_ sequence: UInt64) -> ChainValue { ChainValue(sequence &* 1_000_003 &+ 7) }

    static func cursor(_ sequence: UInt64, lie: Bool = false) -> StreamCursor {
        let chain = GatewayWorld.chain(sequence)
        return StreamCursor(
            sequence: Sequence64(sequence), chain: lie ? ChainValue(~chain.value) : chain,
            totals: RunningTotals(tokens: UInt128(sequence), reportedNanoUSD: 0))
    }

    func check() throws(FuzzFinding) {
        try expect(session.phase == .closed || !model.isOver, "what has ended is closed")
        try expect((session.deadline == nil) == (session.phase == .closed), "what is not closed has a deadline")
        guard session.phase == .open || session.phase == .draining else { return }
        try expect(session.committed == model.committed, "committed is what was told to be durable")
        try expect(session.accepted == model.accepted, "accepted is what was handed over")
        try expect(session.chainBefore == model.accepted.chain, "the next batch is chained to what was accepted")
        try expect(session.inFlightBytes == model.flightBytes, "in flight is what lies between the two")
        try expect(session.inFlightRawBytes == model.flightRawBytes, "in memory is what lies between the two")
    }

    func hello(_ reader: inout FuzzBytes) -> Hello {
        let flags = reader.byte()
        let highest = reader.number()
        let acknowledged = reader.number()
        var hello = Hello(
            stream: StreamID(Bytes16(high: 1, low: 2)),
            highestChain: flags & 1 == 0 ? GatewayWorld.chain(highest) : ChainValue(1),
            acknowledged: GatewayWorld.cursor(acknowledged, lie: flags & 2 != 0), clockMs: 5_000,
            credential: flags & 4 == 0 ? .token([9]) : .mutualTLS)
        hello.lowestHeld = Sequence64(highest == 0 || flags & 8 != 0 ? 0 : 1)
        hello.highestHeld = Sequence64(highest)
        hello.storeEpoch = StoreEpoch(flags & 16 == 0 ? 0 : 1)
        hello.wantsAdoption = flags & 32 != 0
        if flags & 64 != 0 { hello.versions = 2...9 }
        if flags & 128 != 0 { hello.options = [HelloOption(id: 7, value: []), HelloOption(id: 9, value: [1])] }
        return hello
    }

    /// What a store may say of a stream: its credit is whole or none.
    func claim(_ reader: inout FuzzBytes) -> StreamClaim {
        let flags = reader.byte()
        let committed = min(reader.number(), Limits.sequenceMax - 1 << 32)
        return StreamClaim(
            committed: GatewayWorld.cursor(committed), generation: Generation(3),
            storeEpoch: StoreEpoch(flags & 1 == 0 ? 1 : 2), credit: credit(flags >> 2 & 3),
            backedUpThrough: .zero, clockMs: 5_000, oldestTimeMs: 1, allowsAdoption: flags & 2 == 0,
            tenantKey: [UInt8](repeating: 3, count: 32))
    }

    func credit(_ byte: UInt8) -> Credit {
        switch byte & 3 {
        case 0: Credit(events: Limits.creditEvents, bytes: Limits.creditBytes)
        case 1: Credit(events: offer.batchEventsMax, bytes: offer.batchBodyBytesMax)
        case 2: Credit(events: offer.batchEventsMax + 3, bytes: offer.batchBodyBytesMax + 100)
        default: .paused
        }
    }

    /// A BATCH that would be next, moved by a signed distance.
    func header(_ reader: inout FuzzBytes) -> BatchHeader {
        let flags = reader.byte()
        let first = moved(model.accepted.sequence.value &+ 1, flags)
        let count = UInt32(clamping: reader.number())
        let last = first &+ UInt64(count) &- 1
        let chain = GatewayWorld.chain(last)
        return BatchHeader(
            first: Sequence64(min(first, Limits.sequenceMax)), count: count,
            rawBytes: UInt32(clamping: reader.number()), controlTokens: 0, reportedNanoUSD: 0,
            chainAfter: flags & 1 == 0 ? chain : ChainValue(~chain.value), isLZ4: flags & 2 != 0)
    }

    /// A BATCH of one event in one byte.
    func small(_ first: UInt64) -> BatchHeader {
        BatchHeader(
            first: Sequence64(min(first, Limits.sequenceMax)), count: 1, rawBytes: 1, controlTokens: 0,
            reportedNanoUSD: 0, chainAfter: GatewayWorld.chain(first), isLZ4: false)
    }

    func skip(_ reader: inout FuzzBytes) -> Skip {
        let flags = reader.byte()
        let first = min(moved(model.accepted.sequence.value &+ 1, flags), Limits.sequenceMax)
        let (sum, isOver) = first.addingReportingOverflow(reader.number())
        let last = isOver ? Limits.sequenceMax : min(sum, Limits.sequenceMax)
        let chain = GatewayWorld.chain(last)
        return Skip(
            first: Sequence64(first), last: Sequence64(last),
            chainAfter: flags & 1 == 0 ? chain : ChainValue(~chain.value), reason: .poison, groups: [])
    }

    /// The upper six bits of `flags` as a distance: 0 as a rule, for most bytes are small.
    private func moved(_ right: UInt64, _ flags: UInt8) -> UInt64 {
        switch flags >> 2 {
        case 0..<32: right
        case 32..<48: right &+ UInt64(flags >> 2 - 31)
        default: right > UInt64(flags >> 2 - 47) ? right - UInt64(flags >> 2 - 47) : 1
        }
    }
}
