import TallyModel
import TallyProtocol

@testable import TallyWire

/// A gateway of one stream, in memory, that answers a story's workstation: real sessions, a real decoder, and a
/// ledger that is durable the moment it is asked to be.
///
/// What a gateway is free to choose (credit, clocks, keys, when to commit or to pause) is taken from the frame that
/// the story tells next; everything else is worked out here.
struct StoryGateway {
    /// What waits to be compared with the story, by connection.
    private(set) var said: [Int: [Frame]] = [:]
    private var sessions: [Int: GatewaySession] = [:]
    private var live: Int?
    private var decoder = BatchDecoder(hashSeed: 11)
    private var opener = BatchOpener()
    private var batch = Batch()
    /// The chain value after each sequence; those within a SKIP are not known.
    private var chains: [ChainValue?] = []
    private var totals: [RunningTotals] = [.zero]
    private var committed = 0
    private var generation: UInt32 = 0
    private let now = MonotonicInstant(nanoseconds: 1_000_000_000)

    struct Unexpected: Error, CustomStringConvertible { let description: String }

    // MARK: What the workstation sends

    mutating func hear(_ frame: Frame, on connection: Int, before answer: Frame?, welcome: Welcome?) throws {
        var session = sessions[connection] ?? GatewaySession(offer: GatewayOffer(), now: now)
        defer { sessions[connection] = session }
        switch frame {
        case .hello(let hello): try greet(hello, &session, connection, welcome)
        case .batch(let frame): take(frame, &session, connection)
        case .skip(let skip): take(skip, &session, connection)
        case .probe(let sequence): look(sequence, &session, connection)
        case .ping(let opaque):
            guard case .pong(let opaque) = session.ping(opaque: opaque, now: now) else {
                throw Unexpected(description: "a PING is not answered")
            }
            say(.pong(opaque: opaque), connection)
        case .close(let final):
            switch session.close(final: final) {
            case .close(let ack): say(.ack(ack), connection)
            case .goaway(let goaway): say(.goaway(goaway), connection)
            case .silent: break
            }
        case .adopt(let adopt):
            guard session.adopt(sessions: adopt.sessions.count) == .lookUp, let answer else {
                throw Unexpected(description: "adoption is not allowed")
            }
            guard session.adopted() else { throw Unexpected(description: "an answer has nobody") }
            say(answer, connection)
        default: throw Unexpected(description: "a frame to the workstation")
        }
        session.checkInvariants()
    }

    private mutating func greet(
        _ hello: Hello, _ session: inout GatewaySession, _ connection: Int, _ welcome: Welcome?
    ) throws {
        if chains.isEmpty { chains = [Chain.initial(hello.stream)] }
        switch session.receive(HelloHeader(hello), now: now) {
        case .goaway(let goaway): return say(.goaway(goaway), connection)
        case .silent: throw Unexpected(description: "a HELLO is not answered")
        case .authenticate: break
        }
        guard session.authenticated(hello), let welcome else { throw Unexpected(description: "no WELCOME is told") }
        if let live, live != connection, var older = sessions[live] {
            if let goaway = older.supersede() { say(.goaway(goaway), live) }
            sessions[live] = older
        }
        live = connection
        // A takeover waits until everything that was appended before is durable (TG-B2-2).
        committed = chains.count - 1
        generation += 1
        let claim = StreamClaim(
            committed: cursor(), generation: Generation(generation), storeEpoch: welcome.storeEpoch,
            credit: welcome.credit, backedUpThrough: welcome.backedUpThrough, clockMs: welcome.clockMs,
            oldestTimeMs: welcome.oldestTimeMs, allowsAdoption: welcome.allowsAdoption, tenantKey: welcome.tenantKey)
        guard case .welcome(let own) = session.claimed(claim, now: now) else {
            throw Unexpected(description: "a claim is not welcomed")
        }
        say(.welcome(own), connection)
    }

    private mutating func take(_ frame: BatchFrame, _ session: inout GatewaySession, _ connection: Int) {
        switch session.batch(frame.header, bodyBytes: frame.body.count) {
        case .duplicate(let ack): return say(.ack(ack), connection)
        case .reject(let reject): return say(.reject(reject), connection)
        case .goaway(let goaway): return say(.goaway(goaway), connection)
        case .silent: return
        case .decode: break
        }
        if let refusal = refusal(of: frame, after: session.chainBefore) {
            if let reject = session.refused(first: frame.header.first, RunRefusal(refusal)) {
                say(.reject(reject), connection)
            }
            return
        }
        session.accepted(frame.header, bodyBytes: frame.body.count)
        append(after: session.generation)
    }

    private mutating func refusal(of frame: BatchFrame, after chain: ChainValue) -> BatchRefusal? {
        do throws(BatchRefusal) {
            try opener.open(frame.header, body: frame.body.span)
            try opener.decode(frame.header, with: &decoder, into: &batch)
            try batch.verify(frame.header, after: chain)
            return nil
        } catch {
            return error
        }
    }

    /// Appends the rows of `batch` one by one, so that a PROBE can ask for the value after each.
    private mutating func append(after session: Generation) {
        guard session.value == generation, var sum = totals.last, var value = chains.last ?? nil else { return }
        for row in 0..<batch.count {
            value = Chain.advance(value, over: batch, rows: row..<row + 1)
            chains.append(value)
            guard let event = batch.event(at: row) else { return }
            sum.tokens += UInt128(event.controlTokens)
            sum.reportedNanoUSD += UInt128(event.reportedCostNanoUSD ?? 0)
            totals.append(sum)
        }
    }

    private mutating func take(_ skip: Skip, _ session: inout GatewaySession, _ connection: Int) {
        switch session.skip(SkipHeader(skip)) {
        case .duplicate(let ack): say(.ack(ack), connection)
        case .reject(let reject): say(.reject(reject), connection)
        case .goaway(let goaway): say(.goaway(goaway), connection)
        case .silent: break
        case .append:
            session.accepted(SkipHeader(skip))
            guard var sum = totals.last else { return }
            for group in skip.groups {
                sum.tokens += group.tokenClasses.prefix(6).reduce(0) { $0 + UInt128($1) }
                sum.reportedNanoUSD += group.reportedNanoUSD
            }
            for sequence in skip.first.value...skip.last.value {
                chains.append(sequence == skip.last.value ? skip.chainAfter : nil)
                totals.append(sum)
            }
        }
    }

    private mutating func look(_ sequence: Sequence64, _ session: inout GatewaySession, _ connection: Int) {
        switch session.probe(sequence) {
        case .lookUp(let sequence): say(.chain(sequence: sequence, value: chains[Int(sequence.value)]), connection)
        case .answer(let sequence, let value): say(.chain(sequence: sequence, value: value), connection)
        case .goaway(let goaway): say(.goaway(goaway), connection)
        case .silent: break
        }
    }

    // MARK: What the gateway does by itself

    /// The story tells `expected` next: commit, pause or resume where that is what brings it about.
    mutating func act(before expected: Frame, on connection: Int) {
        guard said[connection, default: []].isEmpty, case .ack(let ack) = expected,
            var session = sessions[connection]
        else { return }
        session.backedUp(through: ack.backedUpThrough)
        var answer: Ack?
        if connection == live, committed < chains.count - 1, let chain = chains.last ?? nil {
            committed = chains.count - 1
            let durable = GatewaySession.Cursor(sequence: Sequence64(UInt64(committed)), chain: chain)
            if case .ack(let own) = session.committed(through: durable) { answer = own }
        }
        // A pause that begins with a commit is told by the later of the two ACKs.
        if ack.credit == .paused { answer = session.pause() ?? answer }
        if ack.credit != .paused, session.isPaused { answer = session.resume(ack.credit) ?? answer }
        if let answer { say(.ack(answer), connection) }
        sessions[connection] = session
    }

    /// The oldest thing said on `connection` that was not yet compared.
    mutating func next(on connection: Int) -> Frame? {
        guard let first = said[connection]?.first else { return nil }
        said[connection]?.removeFirst()
        return first
    }

    private mutating func say(_ frame: Frame, _ connection: Int) { said[connection, default: []].append(frame) }

    private func cursor() -> StreamCursor {
        StreamCursor(
            sequence: Sequence64(UInt64(committed)), chain: (chains.last ?? nil) ?? ChainValue(0),
            totals: totals.last ?? .zero)
    }
}
