import TallyModel
import TallyProtocol
import TallyWire

/// The gateway's session machine under a peer that does what it likes, and a conductor that keeps its promises.
///
/// An input is a list of operations, a byte each with its operands behind it (`Operation`): frames of the peer, with
/// their sequences told as distances from what would be right, and everything that happens behind the session.
/// Promises (`GatewayModel`): what is decoded was next, within credit and not paused; an ACK tells what is durable and
/// never less than before; credit never moves left except to a pause; after a GOAWAY nothing is answered; deadlines
/// are kept.
class GatewaySubject: FuzzSubject {
    enum Operation: UInt8, CaseIterable {
        case hello, authenticated, claimed, batch, skip, commit, refusedLate, probe, ping, pong, adopt, adopted, close
        case pause, resume, backedUp, shutdown, tick, advance, ending, raw, heard, flood
    }

    // MARK: Calls into the product

    func batch(_ session: inout GatewaySession, _ header: BatchHeader, bodyBytes: Int) -> BatchDecision {
        session.batch(header, bodyBytes: bodyBytes)
    }

    func skip(_ session: inout GatewaySession, _ skip: Skip) -> SkipDecision { session.skip(SkipHeader(skip)) }

    func holdOff(_ session: inout GatewaySession, _ header: BatchHeader) -> Reject { session.heldOff(header) }

    func commit(_ session: inout GatewaySession, through cursor: GatewaySession.Cursor) -> CommitDecision {
        session.committed(through: cursor)
    }

    func claim(
        _ session: inout GatewaySession, _ claim: StreamClaim, now: MonotonicInstant
    ) -> ClaimDecision {
        session.claimed(claim, now: now)
    }

    func tick(_ session: inout GatewaySession, now: MonotonicInstant) -> GatewayTick { session.tick(now: now) }

    func ping(_ session: inout GatewaySession, _ opaque: UInt64, now: MonotonicInstant) -> PingDecision {
        session.ping(opaque: opaque, now: now)
    }

    func refuse(_ session: inout GatewaySession, _ first: Sequence64, _ refusal: RunRefusal) -> Reject? {
        session.refused(first: first, refusal)
    }

    // MARK: The run

    func run(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
        var reader = FuzzBytes(input)
        var world = GatewayWorld(offer: offer(reader.byte()))
        while !reader.isEmpty {
            let all = Operation.allCases
            try perform(all[Int(reader.byte()) % all.count], &reader, &world)
            world.session.checkInvariants()
            try world.check()
        }
        return world.model.hasAcknowledged ? .reached : .refused
    }

    private func offer(_ byte: UInt8) -> GatewayOffer {
        var offer = GatewayOffer()
        offer.batchEventsMax = byte & 1 == 0 ? 4_096 : 8
        offer.batchBodyBytesMax = byte & 2 == 0 ? 65_536 : 4_096
        if byte & 4 != 0 { offer.versions = 1...3 }
        if byte & 8 != 0 { offer.schemas = 2...2 }
        offer.knownOptions = byte & 16 == 0 ? [] : [7]
        return offer
    }

    private func perform(
        _ operation: Operation, _ reader: inout FuzzBytes, _ world: inout GatewayWorld
    ) throws(FuzzFinding) {
        switch operation {
        case .hello: try hello(&reader, &world)
        case .authenticated:
            guard let told = world.told else { return }
            _ = world.session.authenticated(told)
        case .claimed: try claimed(&reader, &world)
        case .batch: try batch(world.header(&reader), bytes: Int(reader.short()), verdict: reader.byte(), &world)
        case .skip: try skip(world.skip(&reader), &world)
        case .commit: try commit(entries: Int(reader.byte()), &world)
        case .refusedLate: try refuse(entry: Int(reader.byte()), &world)
        case .close: try close(reader.byte(), &world)
        case .raw: try raw(&reader, &world)
        case .flood: try flood(batches: 8 * Int(reader.byte()), &world)
        case .tick:
            let before = world.session.deadline
            try world.model.note(tick(&world.session, now: world.now), due: before, now: world.now)
        case .advance: try advance(reader.byte(), reader.byte(), &world)
        case .heard: world.session.heard(now: world.now)
        case .probe, .ping, .pong, .adopt, .adopted: try small(operation, &reader, &world)
        case .pause, .resume, .backedUp, .shutdown, .ending: try behind(operation, &reader, &world)
        }
    }

    /// Time passes: `ms` times two to the power of the lower bits of `how`. The upper ones say that before, all that
    /// came was taken, or all but a part of a frame.
    private func advance(_ ms: UInt8, _ how: UInt8, _ world: inout GatewayWorld) throws(FuzzFinding) {
        if how & 0x80 != 0 {
            let isPart = how & 0x40 != 0
            world.session.waits(forRestOfFrame: isPart, now: world.now)
            let end = world.patience.frameEnd(world.now)
            if isPart, world.session.phase == .open {
                try expect(world.session.deadline.map { $0 <= end } == true, "a frame that has begun has its time")
            }
        }
        world.now = world.now + .milliseconds(Int64(ms) << Int64(how % 12))
    }

    private func hello(_ reader: inout FuzzBytes, _ world: inout GatewayWorld) throws(FuzzFinding) {
        try hello(world.hello(&reader), &world)
    }

    private func hello(_ hello: Hello, _ world: inout GatewayWorld) throws(FuzzFinding) {
        switch world.session.receive(HelloHeader(hello), now: world.now) {
        case .authenticate: world.told = hello
        case .goaway(let goaway): try world.model.note(goaway)
        case .silent: try world.model.noteSilence()
        }
    }

    private func claimed(_ reader: inout FuzzBytes, _ world: inout GatewayWorld) throws(FuzzFinding) {
        let claim = world.claim(&reader)
        switch self.claim(&world.session, claim, now: world.now) {
        case .welcome(let welcome): try world.model.note(welcome, claim, to: world.told)
        case .raiseEpoch(let lost):
            try expect(
                lost.lowerBound.value == claim.committed.sequence.value + 1, "what was lost begins behind committed")
        case .silent: break
        }
    }

    private func batch(
        _ header: BatchHeader, bytes: Int, verdict: UInt8, _ world: inout GatewayWorld
    ) throws(FuzzFinding) {
        // As the frame codec lets it through.
        guard header.first > .zero, header.first.value + UInt64(header.count) - 1 <= Limits.sequenceMax else { return }
        switch batch(&world.session, header, bodyBytes: bytes) {
        case .decode:
            try world.model.noteDecoding(header, bytes: bytes)
            if verdict & 7 == 6 {
                try world.model.noteHeldOff(holdOff(&world.session, header), header)
            } else if verdict & 7 == 7 {
                let reason = RejectReason.allCases[Int(verdict >> 3) % RejectReason.allCases.count]
                let refusal = RunRefusal(
                    BatchRefusal(reason: reason, field: verdict, index: header.count - 1, run: 1))
                guard let reject = refuse(&world.session, header.first, refusal) else { return }
                world.model.takeBack(from: header.first)
                try expect(reject.first == header.first && reject.run == 1, "a REJECT names the batch that it answers")
            } else {
                world.session.accepted(header, bodyBytes: bytes)
                world.model.accept(header, bytes: bytes)
            }
        case .duplicate(let ack): try world.model.note(ack)
        case .silent: try world.model.noteDropped(first: header.first, last: header.last)
        case .reject(let reject): try world.model.note(reject, first: header.first, run: header.count)
        case .goaway(let goaway): try world.model.note(goaway)
        }
    }

    /// Small batches, one after another, as long as they are taken.
    private func flood(batches: Int, _ world: inout GatewayWorld) throws(FuzzFinding) {
        for _ in 0..<batches {
            let accepted = world.model.accepted.sequence
            let header = world.small(accepted.value &+ 1)
            try batch(header, bytes: 1, verdict: 0, &world)
            guard world.model.accepted.sequence > accepted else { return }
        }
    }

    private func skip(_ skip: Skip, _ world: inout GatewayWorld) throws(FuzzFinding) {
        guard skip.first > .zero, skip.first <= skip.last, skip.last.value <= Limits.sequenceMax else { return }
        switch self.skip(&world.session, skip) {
        case .append:
            try world.model.noteAppending(skip)
            world.session.accepted(SkipHeader(skip))
            world.model.accept(skip)
        case .duplicate(let ack): try world.model.note(ack)
        case .silent: try world.model.noteDropped(first: skip.first, last: skip.last)
        case .reject(let reject):
            let events = skip.last.value - skip.first.value + 1
            try world.model.note(reject, first: skip.first, run: UInt32(clamping: events))
        case .goaway(let goaway): try world.model.note(goaway)
        }
    }

    private func commit(entries: Int, _ world: inout GatewayWorld) throws(FuzzFinding) {
        let cursor = world.model.durable(entries: entries)
        switch commit(&world.session, through: cursor) {
        case .silent: try world.model.noteUncommitted(cursor)
        case .ack(let ack): try world.model.note(ack, committing: cursor)
        case .ackThenGoAway(let ack, let goaway):
            try world.model.note(ack, committing: cursor)
            try world.model.note(goaway)
        }
    }

    /// The appender turns away what it was given.
    private func refuse(entry: Int, _ world: inout GatewayWorld) throws(FuzzFinding) {
        guard let first = world.model.flightFirst(entry) else { return }
        let refusal = RunRefusal(reason: .sessionLimit, run: 1, retryMs: 50)
        guard let reject = refuse(&world.session, first, refusal) else { return }
        world.model.takeBack(from: first)
        try expect(reject.first == first, "a REJECT names the first batch turned away")
    }

    private func close(_ distance: UInt8, _ world: inout GatewayWorld) throws(FuzzFinding) {
        let final = Sequence64(world.model.committed.sequence.value + UInt64(distance % 3))
        switch world.session.close(final: final) {
        case .close(let ack):
            try expect(final == world.model.committed.sequence, "a stream is closed where it is committed")
            try world.model.note(ack)
            world.model.end()
        case .silent: try world.model.noteSilence()
        case .goaway(let goaway): try world.model.note(goaway)
        }
    }

    /// Any bytes, as a connection would read them.
    private func raw(_ reader: inout FuzzBytes, _ world: inout GatewayWorld) throws(FuzzFinding) {
        let bytes = reader.take(Int(reader.byte()) + 6)
        var frames = FrameReader(side: .gateway)
        if world.session.phase != .awaitingHello { frames.phase = .open }
        guard case .frame(let slice) = frames.next(in: bytes.span) else { return try violate(&world) }
        let frame: Frame
        do throws(FrameRefusal) { frame = try FrameCodec.decode(slice, in: bytes.span) } catch {
            return try violate(&world)
        }
        switch frame {
        case .hello(let hello): try self.hello(hello, &world)
        case .batch(let batch): try self.batch(batch.header, bytes: batch.body.count, verdict: 0, &world)
        case .skip(let skip): try self.skip(skip, &world)
        case .ping(let opaque): try self.ping(opaque, &world)
        default: try violate(&world)
        }
    }

    private func violate(_ world: inout GatewayWorld) throws(FuzzFinding) {
        guard let goaway = world.session.violation() else { return try world.model.noteSilence() }
        try world.model.note(goaway)
    }
}
