import TallyModel
import TallyProtocol
import TallyWire

/// The frames of a few fields, and what happens behind the session.
extension GatewaySubject {
    func small(
        _ operation: Operation, _ reader: inout FuzzBytes, _ world: inout GatewayWorld
    ) throws(FuzzFinding) {
        switch operation {
        case .probe: try probe(reader.number(), &world)
        case .ping: try ping(UInt64(reader.byte()), &world)
        case .pong: if let goaway = world.session.pong() { try world.model.note(goaway) }
        case .adopt:
            switch world.session.adopt(sessions: Int(reader.byte() & 3)) {
            case .lookUp: try world.model.noteQuestion()
            case .silent: try world.model.noteSilence()
            case .goaway(let goaway): try world.model.note(goaway)
            }
        default:
            if world.session.adopted() { try expect(!world.model.isOver, "no answer is sent after the end") }
            world.model.isAsked = false
        }
    }

    func ping(_ opaque: UInt64, _ world: inout GatewayWorld) throws(FuzzFinding) {
        switch ping(&world.session, opaque, now: world.now) {
        case .pong(let same):
            try expect(same == opaque, "a PONG has the bytes of its PING")
            try expect(!world.model.isOver, "after the end no PING is answered")
        case .silent: try world.model.noteSilence()
        case .goaway(let goaway): try world.model.note(goaway)
        }
    }

    private func probe(_ number: UInt64, _ world: inout GatewayWorld) throws(FuzzFinding) {
        let sequence = Sequence64(number)
        let committed = world.model.committed
        switch world.session.probe(sequence) {
        case .answer(let same, let value):
            try expect(same == sequence, "a CHAIN has the sequence of its PROBE")
            try expect(
                sequence == committed.sequence ? value == committed.chain : value == nil,
                "a CHAIN tells committed and nothing beyond it")
        case .lookUp(let same):
            try expect(same == sequence && sequence < committed.sequence, "only what is committed is looked up")
        case .silent: try world.model.noteSilence()
        case .goaway(let goaway): try world.model.note(goaway)
        }
    }

    func behind(
        _ operation: Operation, _ reader: inout FuzzBytes, _ world: inout GatewayWorld
    ) throws(FuzzFinding) {
        switch operation {
        case .pause:
            if let ack = world.session.pause() {
                try expect(ack.credit == .paused, "a pause is told with no credit")
                world.model.isPaused = true
                try world.model.note(ack)
            }
        case .resume: try resume(reader.byte(), &world)
        case .backedUp: world.session.backedUp(through: Sequence64(UInt64(reader.byte())))
        case .shutdown:
            switch world.session.shutdown(now: world.now) {
            case .goaway(let goaway): try world.model.note(goaway)
            case .draining(let until):
                try expect(until == world.now + Limits.drainTimeout, "draining has an end")
                world.model.isDraining = true
            case .silent: break
            }
        default: try end(reader.byte(), &world)
        }
    }

    private func resume(_ byte: UInt8, _ world: inout GatewayWorld) throws(FuzzFinding) {
        let credit = world.credit(byte)
        guard let ack = world.session.resume(credit) else { return }
        try expect(credit != .paused, "no credit is no end of a pause")
        world.model.isPaused = false
        world.model.widen(credit)
        try world.model.note(ack)
    }

    private func end(_ byte: UInt8, _ world: inout GatewayWorld) throws(FuzzFinding) {
        let goaway: GoAway?
        switch byte % 5 {
        case 0: goaway = world.session.supersede()
        case 1: goaway = world.session.revoke()
        case 2: goaway = world.session.violation()
        case 3:
            goaway = nil
            world.session.disconnected()
            world.model.end()
        default:
            // A conductor ends a session once.
            guard world.session.phase != .closed else { return }
            goaway = world.session.end(.unauthenticated, after: Limits.unauthenticatedReconnect)
        }
        if let goaway { try world.model.note(goaway) }
    }
}
