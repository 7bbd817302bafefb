import TallyModel
import TallyProtocol
import TallyWire

/// The workstation's session machine under a gateway that does what it likes, and adoption under one that is honest
/// or is not.
///
/// ```
/// | world u8: even a session, odd an adoption (AdoptionWorld) | operations, a byte each with operands behind it |
/// ```
/// Promises (`WorkstationModel`): nothing is sent beyond credit or before the streams agree; what is acknowledged was
/// sent and never goes back; only events of a refused batch are given up; what has ended stays silent; the wait before
/// the next dial lies within its bounds.
class WorkstationSubject: FuzzSubject {
    enum Operation: UInt8, CaseIterable {
        case hello, welcome, chain, ours, send, ack, reject, ping, pong, goaway, resolved, close, tick, advance, grow
        case raw, adopted, skip, disconnected, progressed, flood
    }

    // MARK: Calls into the product

    func receive(
        _ session: inout WorkstationSession, _ frame: Frame, now: MonotonicInstant, random: UInt64
    ) -> WorkstationAction { session.receive(frame, now: now, random: random) }

    func nextSend(
        _ session: WorkstationSession, highest: Sequence64, now: MonotonicInstant
    ) -> SendRequest? { session.nextSend(highest: highest, now: now) }

    func tick(_ session: inout WorkstationSession, now: MonotonicInstant, random: UInt64) -> WorkstationTick {
        session.tick(now: now, random: random)
    }

    func reconnect(
        _ reconnector: inout Reconnector, _ end: ConnectionEnd, now: MonotonicInstant, random: UInt64
    ) -> Reconnect { reconnector.ended(end, now: now, random: random) }

    func settle(_ adoption: inout AdoptionWorld) throws(FuzzFinding) -> FuzzOutcome { try adoption.run() }

    // MARK: The run

    func run(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
        var reader = FuzzBytes(input)
        if reader.byte() & 1 == 1 {
            var adoption = AdoptionWorld(&reader)
            return try settle(&adoption)
        }
        var world = WorkstationWorld(&reader)
        while !reader.isEmpty {
            let all = Operation.allCases
            world.turn &+= 1
            try perform(all[Int(reader.byte()) % all.count], &reader, &world)
            world.session.checkInvariants()
            try world.check()
        }
        return world.model.hasProgressed ? .reached : .refused
    }

    private func perform(
        _ operation: Operation, _ reader: inout FuzzBytes, _ world: inout WorkstationWorld
    ) throws(FuzzFinding) {
        switch operation {
        case .hello: world.hello(reader.byte())
        case .welcome: try hear(.welcome(world.welcome(&reader)), &world)
        case .chain: try hear(world.chain(reader.byte()), &world)
        case .ours: try act(world.tellOurs(reader.byte()), &world)
        case .send: try send(reader.byte(), asSkip: false, &world)
        case .skip: try send(reader.byte(), asSkip: true, &world)
        case .ack: try hear(.ack(world.ack(&reader)), &world)
        case .reject: try hear(.reject(world.reject(&reader)), &world)
        case .ping: try hear(.ping(opaque: UInt64(reader.byte())), &world)
        case .pong: try hear(.pong(opaque: 1), &world)
        case .goaway: try hear(.goaway(world.goaway(&reader)), &world)
        case .adopted: try hear(.adopted(Adopted(count: 0, nextMs: .max, body: [], isLast: true)), &world)
        case .resolved:
            world.session.resolved()
            world.model.isHolding = false
        case .close: try act(world.session.close(highest: world.highest), &world)
        case .tick: try tick(&world)
        case .advance: world.now = world.now + .milliseconds(Int64(reader.byte()) << Int64(reader.byte() % 12))
        case .grow: world.grow(reader.byte())
        case .raw: try raw(&reader, &world)
        case .disconnected: try act(world.session.disconnected(), &world)
        case .progressed: world.reconnector.progressed()
        case .flood:
            world.grow(255)
            for _ in 0..<8 * Int(reader.byte()) { try send(0, asSkip: false, &world) }
        }
    }

    private func hear(_ frame: Frame, _ world: inout WorkstationWorld) throws(FuzzFinding) {
        let phase = world.session.phase
        let action = receive(&world.session, frame, now: world.now, random: mixed(world.turn))
        if phase == .ended { try expect(action == .none, "what has ended answers nothing") }
        if case .ping(let opaque) = frame, case .send(.pong(let same)) = action {
            try expect(same == opaque, "a PONG has the bytes of its PING")
        }
        try world.model.hear(frame, action, phase: phase)
        try act(action, &world)
    }

    private func act(_ action: WorkstationAction, _ world: inout WorkstationWorld) throws(FuzzFinding) {
        switch action {
        case .none: break
        case .send(let frame): try world.model.note(frame, phase: world.session.phase)
        case .needChain(let sequence):
            try expect(sequence <= world.view.highest, "only what the spool may hold is looked up")
        case .proceed(let plan):
            try world.model.note(plan, world.view)
            if let trimmed = plan.trimmed { try check(plan, trimmed) }
        case .openNewStream(let after, _):
            try expect(after <= world.highest, "a new stream begins within")
            try expect(world.session.phase == .ended, "a new stream has a connection of its own")
            world.model.end()
        case .acknowledged(let through, _, _): try world.model.noteAcknowledged(through)
        case .poison(let run, let reason, _):
            try expect(reason.skipReason == (reason == .overflow ? .overflow : .poison), "a gap tells why it is one")
            try world.model.noteGivenUp(run)
        case .relabel(let run): try world.model.noteGivenUp(run)
        case .end(let end):
            try expect(world.session.phase == .ended, "an end is an end")
            world.model.end()
            let next = reconnect(&world.reconnector, end, now: world.now, random: mixed(world.turn))
            try WorkstationModel.check(next, after: end)
        }
    }

    /// The gap of what was trimmed tells the difference of the two sides' totals.
    private func check(_ plan: ResumePlan, _ trimmed: ClosedRange<Sequence64>) throws(FuzzFinding) {
        let after = GatewayWorld.cursor(trimmed.upperBound.value)
        let committed = plan.welcome.committed
        // A gateway may tell totals that are not those of its stream: then there is nothing to compare.
        guard committed.totals == GatewayWorld.cursor(committed.sequence.value).totals else { return }
        guard let skip = plan.trimmedSkip(chainAfter: after.chain, totalsAfter: after.totals) else {
            throw FuzzFinding("what was trimmed is told")
        }
        try expect(
            skip.first == trimmed.lowerBound && skip.last == trimmed.upperBound && skip.reason == .trimmed
                && skip.groups.first?.events == trimmed.upperBound.value - trimmed.lowerBound.value + 1,
            "a gap of what was trimmed is of these events")
        try expect(
            committed.sequence == .zero || plan.trimmedSkip(chainAfter: after.chain, totalsAfter: .zero) == nil,
            "totals that contradict each other tell nothing")
    }

    private func send(_ byte: UInt8, asSkip: Bool, _ world: inout WorkstationWorld) throws(FuzzFinding) {
        guard let request = nextSend(world.session, highest: world.highest, now: world.now) else { return }
        try world.model.check(request, highest: world.highest)
        let last = Sequence64(request.first.value + UInt64(byte) % UInt64(request.eventsMax))
        if asSkip {
            world.session.sent(world.skipFrame(request.first, last), now: world.now)
            world.model.send(request.first, last, bytes: 0)
        } else {
            let bytes = min(UInt32(byte) * 257, request.bodyBytesMax)
            world.session.sent(world.header(request.first, last), bodyBytes: Int(bytes), now: world.now)
            world.model.send(request.first, last, bytes: UInt64(bytes))
        }
    }

    private func tick(_ world: inout WorkstationWorld) throws(FuzzFinding) {
        let tick = self.tick(&world.session, now: world.now, random: mixed(world.turn))
        if case .end = tick.action {
            try expect(tick.deadline == nil, "what has ended has no deadline")
        } else if let deadline = tick.deadline {
            try expect(deadline > world.now, "a deadline lies ahead")
        }
        try act(tick.action, &world)
    }

    /// Any bytes, as a connection would read them.
    private func raw(_ reader: inout FuzzBytes, _ world: inout WorkstationWorld) throws(FuzzFinding) {
        let bytes = reader.take(Int(reader.byte()) + 6)
        var frames = FrameReader(side: .workstation)
        frames.phase = .open
        guard case .frame(let slice) = frames.next(in: bytes.span) else { return }
        let frame: Frame
        do throws(FrameRefusal) { frame = try FrameCodec.decode(slice, in: bytes.span) } catch { return }
        try hear(frame, &world)
    }
}
