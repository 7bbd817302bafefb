import TallyModel
import TallyProtocol
import TallyWire

/// A session with what stands around it: a spool as its view, a clock, what waits to dial again, and the model.
struct WorkstationWorld {
    var session: WorkstationSession
    var model = WorkstationModel()
    var reconnector = Reconnector()
    var now = MonotonicInstant(nanoseconds: 1_000_000_000)
    var turn: UInt64 = 0
    private(set) var view: SpoolView
    private(set) var highest: Sequence64

    init(_ reader: inout FuzzBytes) {
        let flags = reader.byte()
        let highest = min(reader.number(), Limits.sequenceMax - 1 << 33)
        let acknowledged = min(reader.number(), highest)
        // What is no longer held has been acknowledged.
        let lowest = max(1, min(reader.number(), acknowledged + 1))
        view = SpoolView(
            stream: StreamID(Bytes16(high: 1, low: 2)), lowestHeld: Sequence64(lowest), highest: Sequence64(highest),
            highestChain: GatewayWorld.chain(highest), acknowledged: GatewayWorld.cursor(acknowledged),
            storeEpoch: StoreEpoch(UInt64(flags & 1)))
        self.highest = view.highest
        session = WorkstationSession(view: view)
    }

    func check() throws(FuzzFinding) {
        try expect(session.acknowledged >= model.acknowledged, "acknowledged never goes back")
        guard session.phase == .open || session.phase == .closing else { return }
        try expect(session.acknowledged == model.acknowledged, "acknowledged is what was told")
        try expect(session.next == model.next, "what is next follows what was sent")
        try expect(session.isHolding == model.isHolding, "nothing is sent while a run is being given up")
        try expect(session.credit == model.credit, "credit is what was told last")
    }

    mutating func hello(_ byte: UInt8) {
        guard session.phase == .ready else { return }
        let hello = session.hello(
            clockMs: 5_000, credential: .mutualTLS, wantsAdoption: byte & 1 == 1, now: now, random: UInt64(byte >> 1))
        model.offer = hello
    }

    mutating func grow(_ byte: UInt8) { highest = highest.advanced(by: UInt64(byte)) }

    // MARK: What a gateway may say

    func welcome(_ reader: inout FuzzBytes) -> Welcome {
        let flags = reader.byte()
        let distance = reader.number()
        let acknowledged = view.acknowledged.sequence.value
        let committed =
            switch flags & 3 {
            case 0: min(view.highest.value, acknowledged &+ distance)
            case 1: acknowledged - min(distance, acknowledged)
            case 2: min(view.highest.value &+ distance, Limits.sequenceMax)
            default: distance
            }
        var welcome = Welcome(
            committed: GatewayWorld.cursor(committed, lie: flags & 4 != 0), credit: credit(flags >> 3),
            batchEventsMax: flags & 32 == 0 ? 4_096 : UInt32(clamping: reader.number()),
            batchBodyBytesMax: flags & 64 == 0 ? 65_536 : UInt32(clamping: reader.number()),
            clockMs: flags & 128 == 0 ? 5_000 : .max, oldestTimeMs: 1, storeEpoch: StoreEpoch(UInt64(flags >> 7)),
            backedUpThrough: .zero, generation: Generation(1), tenantKey: [UInt8](repeating: 3, count: 32))
        if flags == 0xff { welcome.version = 2 }
        return welcome
    }

    func credit(_ byte: UInt8) -> Credit {
        switch byte & 3 {
        case 0: Credit(events: 65_536, bytes: 1 << 20)
        case 1: Credit(events: 4_096, bytes: 65_536)
        case 2: .paused
        default: Credit(events: 5, bytes: .max)
        }
    }

    /// The answer to the PROBE that is due, honest or not, or of something else.
    func chain(_ byte: UInt8) -> Frame {
        let sequence = Sequence64(byte & 8 == 0 ? model.probed.value : UInt64(byte))
        switch byte & 3 {
        case 0: return .chain(sequence: sequence, value: GatewayWorld.chain(sequence.value))
        case 1: return .chain(sequence: sequence, value: nil)
        default: return .chain(sequence: sequence, value: ChainValue(UInt64(byte)))
        }
    }

    /// What the spool answers to `needChain`.
    mutating func tellOurs(_ byte: UInt8) -> WorkstationAction {
        let asked = byte & 8 == 0 ? (model.needed ?? model.probed) : Sequence64(UInt64(byte))
        switch byte & 3 {
        case 0: return session.chain(at: asked, value: GatewayWorld.chain(asked.value))
        case 1: return session.chain(at: asked, value: nil)
        default: return session.chain(at: asked, value: ChainValue(UInt64(byte)))
        }
    }

    func ack(_ reader: inout FuzzBytes) -> Ack {
        let flags = reader.byte()
        let sequence =
            flags & 1 == 0
            ? model.ends(reader.byte()) : Sequence64(model.acknowledged.value &+ reader.number())
        let chain = GatewayWorld.chain(sequence.value)
        return Ack(
            committed: sequence, chain: flags & 2 == 0 ? chain : ChainValue(~chain.value), credit: credit(flags >> 2),
            backedUpThrough: Sequence64(UInt64(flags >> 4)))
    }

    func reject(_ reader: inout FuzzBytes) -> Reject {
        let flags = reader.byte()
        let (first, events) = model.begins(reader.byte())
        let reason = RejectReason.allCases[Int(reader.byte()) % RejectReason.allCases.count]
        let index = flags & 1 == 0 ? 0 : UInt32(clamping: reader.number())
        let run = flags & 2 == 0 ? events : UInt32(clamping: reader.number())
        return Reject(
            first: flags & 4 == 0 ? first : Sequence64(UInt64(flags)), index: index, run: run, reason: reason,
            field: flags, retryMs: UInt32(flags) << 14)
    }

    func goaway(_ reader: inout FuzzBytes) -> GoAway {
        let reason = GoAwayReason.allCases[Int(reader.byte()) % GoAwayReason.allCases.count]
        return GoAway(reason: reason, reconnectMs: UInt32(clamping: reader.number()) << 8, committed: .zero)
    }

    // MARK: What the spool gives

    func header(_ first: Sequence64, _ last: Sequence64) -> BatchHeader {
        BatchHeader(
            first: first, count: UInt32(clamping: last.value - first.value + 1), rawBytes: 1, controlTokens: 0,
            reportedNanoUSD: 0, chainAfter: GatewayWorld.chain(last.value), isLZ4: false)
    }

    func skipFrame(_ first: Sequence64, _ last: Sequence64) -> Skip {
        Skip(first: first, last: last, chainAfter: GatewayWorld.chain(last.value), reason: .poison, groups: [])
    }
}
