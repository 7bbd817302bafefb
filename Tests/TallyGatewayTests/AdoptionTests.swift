import TallyGateway
import TallyModel
import TallyWire
import Testing

/// What a gateway tells a new stream that asks what was counted before.
@Suite("Adoption at the gateway")
struct AdoptionTests {
    /// An answer, whole: its events before `nextMs`, and that.
    private func answer(_ peer: WirePeer) throws -> (events: [Event], nextMs: Int64) {
        var events: [Event] = []
        while true {
            let frame = try peer.frame()
            guard case .adopted(let adopted) = frame else { throw PeerFailure(description: "not ADOPTED: \(frame)") }
            if adopted.count > 0 {
                var decoder = BatchDecoder(hashSeed: 3)
                var batch = Batch()
                try decoder.decode(adopted.body.span, count: Int(adopted.count), into: &batch)
                events += (0..<batch.count).compactMap { batch.event(at: $0) }
            }
            guard adopted.isLast else { continue }
            return (events.filter { $0.timeMs < adopted.nextMs }, adopted.nextMs)
        }
    }

    private func welcomed(_ rig: Rig, _ spool: borrowing Spool) throws -> WirePeer {
        let peer = try rig.peer()
        var hello = spool.hello()
        hello.wantsAdoption = true
        let welcome = try peer.open(hello)
        #expect(welcome.allowsAdoption)
        return peer
    }

    @Test(
        "An answer to ADOPT tells of every stream but the asking one, up to what is durable, and of nothing that is not asked for"
    )
    func answers() throws {
        let rig = try Rig()
        let token = try rig.enroll()
        var known = try plainEvents(30)
        let other = try #require(SessionID(Bytes16(high: 8, low: 8)))
        known[3].session = other
        known[5].kind = .correction
        known[5].contextTokens = 1_000
        known[5].speed = .unknown
        var first = Spool(token: token)
        var second = Spool(token: token)
        var asking = Spool(token: token)
        for (spool, events) in [(0, Array(known[..<20])), (1, Array(known[20...]))] {
            let peer = try rig.peer()
            try peer.open(spool == 0 ? first.hello() : second.hello())
            peer.send(.batch(spool == 0 ? try first.batch(events) : try second.batch(events)))
            try peer.ack(through: UInt64(events.count))
        }
        let peer = try welcomed(rig, asking)
        // The asking stream's own events are not told, however often it asks.
        for round in 0..<2 {
            peer.send(
                .adopt(
                    Adopt(
                        prior: first.stream, priorThrough: Sequence64(4), fromMs: known[2].timeMs,
                        sessions: [known[0].session])))
            let told = try answer(peer)
            #expect(told.nextMs == .max)
            #expect(told.events.map(\.timeMs) == known[4...].map(\.timeMs))
            #expect(told.events.map(\.controlTokens) == known[4...].map(\.controlTokens))
            #expect(told.events[1].kind == .correction && told.events[1].contextTokens == 1_000)
            // What matching does not need is not told.
            #expect(told.events.allSatisfy { $0.agent == .other && $0.speed == .unknown && $0.project == nil })
            guard round == 0 else { break }
            peer.send(.batch(try asking.batch(known)))
            try peer.ack(through: 30)
        }
        peer.send(.adopt(Adopt(prior: nil, priorThrough: .zero, fromMs: 0, sessions: [other])))
        #expect(try answer(peer).events.map(\.timeMs) == [known[3].timeMs])
        let nobody = try #require(SessionID(Bytes16(high: 9, low: 9)))
        peer.send(.adopt(Adopt(prior: nil, priorThrough: .zero, fromMs: 0, sessions: [nobody])))
        #expect(try answer(peer).events.isEmpty)
    }

    @Test("More events than an answer holds are told by the next ones, in order and each once")
    func longAnswers() throws {
        let rig = try Rig()
        let token = try rig.enroll()
        var known = Spool(token: token)
        let events = try plainEvents(Limits.adoptionFramesMax * Limits.batchEventsMax + 500)
        let sender = try rig.peer()
        try sender.open(known.hello())
        for start in stride(from: 0, to: events.count, by: 4_000) {
            sender.send(.batch(try known.batch(Array(events[start..<min(start + 4_000, events.count)]))))
        }
        try sender.ack(through: UInt64(events.count))
        let asking = Spool(token: token)
        let peer = try welcomed(rig, asking)
        var from: Int64 = 0
        var told: [Int64] = []
        var answers = 0
        while from < .max, answers < 10 {
            peer.send(.adopt(Adopt(prior: nil, priorThrough: .zero, fromMs: from, sessions: [events[0].session])))
            let part = try answer(peer)
            told += part.events.map(\.timeMs)
            from = part.nextMs
            answers += 1
        }
        #expect(answers == 2)
        #expect(told == events.map(\.timeMs))
    }

    @Test("Another tenant's events are never told, and a second question before the answer breaks the protocol")
    func borders() throws {
        let rig = try Rig()
        var foreign = Spool(token: try rig.enroll("acme"))
        let events = try plainEvents(5)
        let sender = try rig.peer()
        try sender.open(foreign.hello())
        sender.send(.batch(try foreign.batch(events)))
        try sender.ack(through: 5)
        let asking = Spool(token: try rig.enroll("other"))
        let peer = try welcomed(rig, asking)
        let question = Frame.adopt(
            Adopt(
                prior: foreign.stream, priorThrough: Sequence64(1), fromMs: 0, sessions: [events[0].session]))
        peer.send(question)
        #expect(try answer(peer).events.isEmpty)
        peer.send(bytes: FrameCodec.encode(question) + FrameCodec.encode(question))
        #expect(try peer.goaway().reason == .protocol)
    }
}
