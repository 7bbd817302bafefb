import TallyModel
import TallyProtocol
import TallyWire

/// A mistake that an implementation might make.
enum Bug: String, CaseIterable, Sendable {
    case takesWhatIsNotCanonical, takesBrokenBlocks, keepsHalf, ignoresCredit, duplicateWithAnotherChain,
        echoesOtherBytes
    case staysOpen, callsContentUnknown, believesTotals, believesChains, welcomesForks, lengthUnchecked
    case hidesOptions, knowsTheFuture, takesCreditBack, closesAnywhere, blamesTheNextRow, silentTakeover
    case takesGaps, gapsAreOverlaps, skipsCountNothing, takesUnknownTypes
}

/// A gateway in memory with the real session machine, decoder and frames, durable the moment it is asked to be; and one bug
/// of `Bug`, or none. Bytes in, bytes out, without sockets or clocks.
struct ToyGateway {
    enum Output {
        case bytes(Int, [UInt8])
        case close(Int)
    }

    struct Stream {
        var chains: [UInt64: ChainValue]
        var committed: StreamCursor
        var generation: UInt32 = 0
        var isClosed = false
        var connection: Int?
    }

    struct Connection {
        var session: GatewaySession
        var reader = FrameReader(side: .gateway)
        var pending: [UInt8] = []
        /// Appended and not yet committed.
        var appended: StreamCursor
        var isEnded = false
        var acks: UInt32 = 0
    }

    let bug: Bug?
    let token: [UInt8]
    var connections: [Int: Connection] = [:]
    var streams: [StreamID: Stream] = [:]
    var outputs: [Output] = []
    var decoder = BatchDecoder(hashSeed: 3)
    var opener = BatchOpener()
    var batch = Batch()
    private var epoch: UInt64 = 77
    let oldestMs: Int64

    func isOld(_ timeMs: Int64) -> Bool { timeMs < oldestMs }

    init(_ bug: Bug?, token: [UInt8], nowMs: Int64) {
        self.bug = bug
        self.token = token
        oldestMs = nowMs - 30 * 86_400_000
    }

    static let now = MonotonicInstant(nanoseconds: 1_000_000_000)

    mutating func opened(_ id: Int) {
        let zero = StreamCursor(sequence: .zero, chain: ChainValue(0), totals: .zero)
        connections[id] = Connection(
            session: GatewaySession(offer: GatewayOffer(), now: ToyGateway.now), appended: zero)
    }

    mutating func gone(_ id: Int) {
        guard let connection = connections.removeValue(forKey: id), let stream = connection.session.stream else {
            return
        }
        if streams[stream]?.connection == id { streams[stream]?.connection = nil }
    }

    mutating func received(_ id: Int, _ bytes: [UInt8], nowMs: Int64) -> [Output] {
        outputs = []
        guard var connection = connections[id], !connection.isEnded else { return [] }
        connection.pending += bytes
        take(id, &connection, nowMs)
        commit(id, &connection)
        connections[id] = connection
        return outputs
    }

    private mutating func take(_ id: Int, _ connection: inout Connection, _ nowMs: Int64) {
        // Each turn consumes a frame.
        while !connection.isEnded {
            switch connection.reader.next(in: connection.pending.span) {
            case .needMore: return
            case .refused(let refusal):
                if bug == .lengthUnchecked, refusal == .lengthAboveMax || refusal == .lengthBelowMin { return }
                if bug == .takesUnknownTypes, refusal == .unknownType {
                    connection.pending = []
                    return
                }
                return violation(id, &connection)
            case .frame(let slice):
                do throws(FrameRefusal) {
                    let frame = try FrameCodec.decode(slice, in: connection.pending.span)
                    connection.pending.removeFirst(slice.body.upperBound)
                    hear(frame, id, &connection, nowMs)
                } catch {
                    return violation(id, &connection)
                }
            }
        }
    }

    private mutating func violation(_ id: Int, _ connection: inout Connection) {
        if let goaway = connection.session.violation() { end(goaway, id, &connection) }
    }

    private mutating func hear(_ frame: Frame, _ id: Int, _ connection: inout Connection, _ nowMs: Int64) {
        switch frame {
        case .hello(let hello): greet(hello, id, &connection, nowMs)
        case .batch(let frame): take(frame, id, &connection)
        case .skip(let skip): take(skip, id, &connection)
        case .probe(let sequence): probe(sequence, id, &connection)
        case .ping(let opaque):
            switch connection.session.ping(opaque: opaque, now: ToyGateway.now) {
            case .pong(let opaque): say(.pong(opaque: bug == .echoesOtherBytes ? opaque &+ 1 : opaque), id)
            case .goaway(let goaway): end(goaway, id, &connection)
            case .silent: break
            }
        case .pong: if let goaway = connection.session.pong() { end(goaway, id, &connection) }
        case .close(let final): close(final, id, &connection)
        case .adopt(let question):
            switch connection.session.adopt(sessions: question.sessions.count) {
            case .lookUp:
                guard connection.session.adopted() else { return }
                for frame in AdoptionAnswer(question).frames() { say(.adopted(frame), id) }
            case .goaway(let goaway): end(goaway, id, &connection)
            case .silent: break
            }
        default: violation(id, &connection)
        }
    }

    // MARK: Greeting

    private mutating func greet(_ hello: Hello, _ id: Int, _ connection: inout Connection, _ nowMs: Int64) {
        switch connection.session.receive(HelloHeader(hello), now: ToyGateway.now) {
        case .goaway(let goaway): return end(goaway, id, &connection)
        case .silent: return
        case .authenticate:
            guard hello.credential == .token(token) else {
                return end(connection.session.end(.unauthenticated), id, &connection)
            }
        }
        guard connection.session.authenticated(hello) else { return }
        let start = StreamCursor(sequence: .zero, chain: Chain.initial(hello.stream), totals: .zero)
        var stream = streams[hello.stream] ?? Stream(chains: [0: start.chain], committed: start)
        if stream.isClosed { return end(connection.session.end(.streamFork), id, &connection) }
        if let older = stream.connection, var before = connections[older], bug != .silentTakeover {
            if let goaway = before.session.supersede() { end(goaway, older, &before) }
            connections[older] = before
        }
        stream.generation += 1
        stream.connection = id
        streams[hello.stream] = stream
        welcome(hello, stream, id, &connection, nowMs)
    }

    private mutating func welcome(
        _ hello: Hello, _ stream: Stream, _ id: Int, _ connection: inout Connection, _ nowMs: Int64
    ) {
        var claim = StreamClaim(
            committed: stream.committed, generation: Generation(stream.generation), storeEpoch: StoreEpoch(epoch),
            credit: Credit(events: Limits.creditEvents, bytes: Limits.creditBytes), backedUpThrough: .zero,
            clockMs: nowMs,
            oldestTimeMs: oldestMs, allowsAdoption: true, tenantKey: [UInt8](repeating: 9, count: 32))
        var decision = connection.session.claimed(claim, now: ToyGateway.now)
        if case .raiseEpoch = decision {
            epoch += 1
            claim.storeEpoch = StoreEpoch(epoch)
            decision = connection.session.claimed(claim, now: ToyGateway.now)
        }
        guard case .welcome(var welcome) = decision else { return }
        connection.reader.phase = .open
        connection.appended = stream.committed
        if bug == .hidesOptions { welcome.ignoredOptions = [] }
        if bug == .welcomesForks { welcome.credit = claim.credit }
        say(.welcome(welcome), id)
    }

    // MARK: Helpers

    mutating func say(_ frame: Frame, _ id: Int) { outputs.append(.bytes(id, FrameCodec.encode(frame))) }

    mutating func end(_ goaway: GoAway, _ id: Int, _ connection: inout Connection) {
        say(.goaway(goaway), id)
        connection.isEnded = true
        if bug != .staysOpen { outputs.append(.close(id)) }
    }

    mutating func stream(of connection: Connection, _ body: (inout Stream) -> Void) {
        guard let id = connection.session.stream, var stream = streams[id] else { return }
        body(&stream)
        streams[id] = stream
    }
}
