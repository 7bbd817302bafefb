import TallyGateway
import TallyModel
import TallyProtocol
import TallyWire
import TestEffort
import Testing

/// A connection's machine by itself: what it is shown, told and asked to wait for, without a socket.
@Suite("Ingest machine")
struct MachineTests {
    /// Everything that a workstation sends after its WELCOME in `cuts`, and a HELLO before it.
    private static func conversation() throws -> (hello: [UInt8], rest: [UInt8], last: UInt64, chain: ChainValue) {
        var spool = MachineKit.spool()
        var hello = spool.hello()
        hello.clockMs = MachineKit.startMs
        let bytes = FrameCodec.encode(.hello(hello))
        var rest: [UInt8] = []
        let events = try plainEvents(12, at: MachineKit.startMs - 3_600_000)
        FrameCodec.append(.ping(opaque: 5), to: &rest)
        FrameCodec.append(.batch(try spool.batch(Array(events[..<9]))), to: &rest)
        FrameCodec.append(.probe(sequence: Sequence64(4)), to: &rest)
        FrameCodec.append(.batch(try spool.batch(Array(events[9...]))), to: &rest)
        FrameCodec.append(.skip(spool.skip(3, groups: [])), to: &rest)
        // Not in order: refused for now, and what follows it dropped.
        FrameCodec.append(
            .skip(
                Skip(
                    first: Sequence64(40), last: Sequence64(41), chainAfter: ChainValue(1), reason: .poison, groups: [])
            ), to: &rest)
        FrameCodec.append(.pong(opaque: 6), to: &rest)
        return (bytes, rest, spool.last, spool.chain)
    }

    /// What the conversation leads to, its bytes arriving in the pieces that `cut` makes of them.
    private func outcome(_ cut: ([UInt8]) -> [ArraySlice<UInt8>]) throws -> String {
        let (hello, rest, last, chain) = try Self.conversation()
        var kit = try MachineKit()
        var actions: [IngestAction] = []
        for piece in cut(hello) { actions += kit.feed(Array(piece)) }
        actions += kit.hear(.claimed(MachineKit.claim(MachineKit.spool().stream), MachineKit.ticket))
        for piece in cut(rest) { actions += kit.feed(Array(piece)) }
        actions += kit.hear(.committed(GatewaySession.Cursor(sequence: Sequence64(last), chain: chain)))
        actions += kit.closed()
        return "\(actions)"
    }

    @Test("A connection's bytes mean the same however they are cut")
    func cuts() throws {
        let (hello, rest, _, _) = try Self.conversation()
        let whole = try outcome { [$0[...]] }
        #expect(whole.contains("welcome") && whole.contains("append") && whole.contains("reject"))
        #expect(try outcome { bytes in bytes.indices.map { bytes[$0...$0] } } == whole, "byte by byte")
        for position in 1..<max(hello.count, rest.count) {
            let split = try outcome { bytes in
                let middle = min(position, bytes.count)
                return [bytes[..<middle], bytes[middle...]]
            }
            #expect(split == whole, "cut at \(position)")
        }
    }

    @Test("A batch leads to one command, which holds its body as the ledger stores it")
    func oneCommand() throws {
        var spool = MachineKit.spool()
        var kit = try MachineKit()
        try kit.open(spool)
        let events = try plainEvents(300, at: MachineKit.startMs - 3_600_000)
        let raw = try spool.raw(events)
        let batch = try spool.batch(events)
        #expect(batch.header.isLZ4)
        let actions = kit.feed(.batch(batch))
        #expect(actions.commands.count == 1 && actions.frames.isEmpty)
        let append = try #require(actions.appends.first)
        #expect(append.body.bytes(in: kit.scratch.takeBodies()) == raw)
        #expect(append.ticket == MachineKit.ticket && append.header == batch.header)
        #expect(append.chainBefore == Chain.initial(spool.stream))
        #expect(append.lowestTimeMs == events[0].timeMs && append.highestTimeMs == events[299].timeMs)
        #expect(kit.commit(spool).acks.map(\.committed.value) == [300])
    }

    @Test(
        "Bytes in flight never exceed the credit granted, whatever a workstation sends",
        arguments: 1...Effort.of(60) as ClosedRange<UInt64>)
    func credit(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var offer = GatewayOffer()
        offer.batchEventsMax = 16
        offer.batchBodyBytesMax = 400
        var kit = try MachineKit(offer: offer)
        var spool = MachineKit.spool()
        let credit = Credit(events: UInt32(dice.number(16...60)), bytes: UInt32(dice.number(400...900)))
        try kit.open(spool, MachineKit.claim(spool.stream, credit: credit))
        var flight: [(last: UInt64, chain: ChainValue, events: Int, bytes: Int)] = []
        var isRefused = false
        for _ in 0..<400 where !isRefused {
            if dice.number(0...2) == 0, !flight.isEmpty {
                let count = dice.number(1...flight.count)
                let newest = flight[count - 1]
                flight.removeFirst(count)
                let news = kit.hear(
                    .committed(GatewaySession.Cursor(sequence: Sequence64(newest.last), chain: newest.chain)))
                #expect(news.acks.count == 1, "seed \(seed)")
            } else {
                let events = try plainEvents(
                    dice.number(1...16), at: MachineKit.startMs - Int64(dice.number(1...9_999)))
                let batch = try spool.batch(events)
                let actions = kit.feed(.batch(batch))
                isRefused = actions.goaways.contains { $0.reason == .credit }
                #expect(isRefused == actions.appends.isEmpty, "seed \(seed): \(actions)")
                if !isRefused { flight.append((spool.last, spool.chain, events.count, batch.body.count)) }
            }
            #expect(flight.reduce(0) { $0 + $1.bytes } <= Int(credit.bytes), "seed \(seed)")
            #expect(flight.reduce(0) { $0 + $1.events } <= Int(credit.events), "seed \(seed)")
            if !isRefused { #expect(Int(kit.machine.session.inFlightBytes) == flight.reduce(0) { $0 + $1.bytes }) }
        }
        // A sender that looks at nothing meets the edge sooner or later.
        #expect(isRefused, "seed \(seed)")
    }

    @Test("A pause is told at once as credit 0 and its end as credit, and what comes between is answered BUSY")
    func pause() throws {
        var spool = MachineKit.spool()
        var kit = try MachineKit()
        try kit.open(spool)
        let paused = kit.hear(.paused)
        #expect(paused.acks.map(\.credit) == [.paused])
        #expect(kit.hear(.paused).isEmpty, "told once")
        let batch = try spool.batch(plainEvents(2, at: MachineKit.startMs))
        let busy = kit.feed(.batch(batch))
        #expect(busy.appends.isEmpty)
        #expect(busy.rejects.map(\.reason) == [.busy])
        #expect(kit.feed(.ping(opaque: 1)).frames == [.pong(opaque: 1)], "a pause is no silence")
        let credit = Credit(events: Limits.creditEvents, bytes: Limits.creditBytes)
        #expect(kit.hear(.resumed(credit)).acks.map(\.credit) == [credit])
        #expect(kit.feed(.batch(batch)).appends.count == 1)
    }

    @Test("What looks too old is refused for good by a trusted clock, and put off as CLOCK_UNSURE by any other")
    func clockUnsure() throws {
        let oldest = MachineKit.startMs - MachineKit.yearMs
        let events =
            try plainEvents(2, at: MachineKit.startMs) + plainEvents(3, at: oldest - 10)
            + plainEvents(1, at: MachineKit.startMs)
        for (isTrusted, reason) in [(true, RejectReason.tooOld), (false, .clockUnsure)] {
            var spool = MachineKit.spool()
            var kit = try MachineKit()
            try kit.open(
                spool, MachineKit.claim(spool.stream, oldestTimeMs: oldest, isClockTrusted: isTrusted))
            let actions = kit.feed(.batch(try spool.batch(events)))
            #expect(actions.appends.isEmpty)
            let reject = try #require(actions.rejects.first)
            #expect(reject.reason == reason && reject.isPermanent == isTrusted)
            #expect(reject.index == 2 && reject.run == 3)
            #expect((reject.retryMs > 0) == !isTrusted)
        }
    }

    @Test("An event is too old by the time at which it counts, not by the one that its workstation's clock gave it")
    func effectiveAge() throws {
        let oldest = MachineKit.startMs - MachineKit.yearMs
        // A workstation's clock two years ahead of ours explains an event of next week: it counts twenty days ago at
        // the earliest, since a record tells of at most 24 days.
        var spool = MachineKit.spool()
        var kit = try MachineKit()
        try kit.open(
            spool, clockMs: MachineKit.startMs + 20 * 86_400_000,
            MachineKit.claim(spool.stream, oldestTimeMs: MachineKit.startMs - 86_400_000))
        let ahead = try plainEvents(1, at: MachineKit.startMs + 7 * 86_400_000)
        #expect(kit.feed(.batch(try spool.batch(ahead))).rejects.map(\.reason) == [.tooOld])
        // One whose clock lies behind so far that it would make the event a future one: it counts at its receipt.
        var slow = MachineKit.spool()
        var other = try MachineKit()
        try other.open(
            slow, clockMs: MachineKit.startMs - 20 * 86_400_000,
            MachineKit.claim(slow.stream, oldestTimeMs: MachineKit.startMs - 86_400_000))
        let behind = try plainEvents(1, at: MachineKit.startMs - 19 * 86_400_000)
        #expect(other.feed(.batch(try slow.batch(behind))).appends.count == 1)
        #expect(oldest > 0)
    }

    @Test("A gateway whose clock goes back a year under a connection refuses nothing that was young at its WELCOME")
    func gatewayClockGoesBack() throws {
        for error in [-MachineKit.yearMs, -3_600_000, MachineKit.yearMs] {
            var spool = MachineKit.spool()
            var kit = try MachineKit()
            var claim = MachineKit.claim(spool.stream, oldestTimeMs: MachineKit.startMs - 30 * 86_400_000)
            claim.clockMs = MachineKit.startMs
            try kit.open(spool, clockMs: MachineKit.startMs, claim)
            kit.now.wallMs += error
            let young = try plainEvents(5, at: MachineKit.startMs - 60_000)
            let actions = kit.feed(.batch(try spool.batch(young)))
            #expect(actions.appends.count == 1, "\(error): \(actions)")
        }
    }

    @Test("A year of clock error at the workstation refuses nothing that is kept longer, and only accounts for itself")
    func workstationClock() throws {
        for error in [-MachineKit.yearMs, MachineKit.yearMs] {
            var spool = MachineKit.spool()
            var kit = try MachineKit()
            try kit.open(
                spool, clockMs: MachineKit.startMs + error,
                MachineKit.claim(spool.stream, oldestTimeMs: MachineKit.startMs - 2 * MachineKit.yearMs))
            let actions = kit.feed(.batch(try spool.batch(plainEvents(5, at: MachineKit.startMs + error))))
            let append = try #require(actions.appends.first, "\(actions)")
            #expect(append.header.count == 5)
            // A record holds the offset in 32 bits; what is beyond saturates and never wraps.
            #expect(append.clockOffsetMs == (error < 0 ? Int32.max : Int32.min))
            #expect(kit.commit(spool).acks.count == 1)
        }
        var spool = MachineKit.spool()
        var kit = try MachineKit()
        try kit.open(spool, clockMs: .min)
        #expect(kit.feed(.batch(try spool.batch(plainEvents(1, at: 1)))).appends.count == 1)
    }
}
