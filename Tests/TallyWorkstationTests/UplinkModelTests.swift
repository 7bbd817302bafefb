import TallyIO
import TallyLog
import TallyModel
import TallyProtocol
import TallyWire
import TestDisk
import Testing

@testable import TallyWorkstation

/// A gateway in memory: the protocol's own session, and a ledger that is a list of events.
struct ModelGateway {
    var ledger: [Event] = []
    var chain: ChainValue
    var committed = Sequence64.zero
    private var decoder = BatchDecoder(hashSeed: 7)
    private var opener = BatchOpener()
    private var batch = Batch()

    init(stream: StreamID) { chain = Chain.initial(stream) }

    /// Takes a batch as a gateway does: known events are acknowledged again, new ones checked and counted.
    mutating func take(_ frame: BatchFrame) throws {
        let header = frame.header
        guard header.last > committed else { return }
        try #require(header.first == committed.advanced(by: 1))
        try opener.open(header, body: frame.body.span)
        try opener.decode(header, with: &decoder, into: &batch)
        try batch.verify(header, after: chain)
        for row in 0..<batch.count { ledger.append(try #require(batch.event(at: row))) }
        chain = header.chainAfter
        committed = header.last
    }
}

@Suite("From spool to gateway")
struct UplinkModelTests {
    @Test("Killed between append and acknowledgement, it sends again, and every call counts once")
    func sendsAgain() throws {
        for seed in 0..<20 as Range<UInt64> {
            var random = SeededRandom(seed)
            let disk = LyingDisk(seed: seed)
            var spool = try Spool(on: disk, nowMs: 1)
            var gateway = ModelGateway(stream: spool.state.stream)
            var given = 0
            for _ in 0..<6 {
                let step = 1 + random.below(400)
                SpoolKit.give(given..<given + step, to: spool)
                given += step
                try spool.commit(nowMs: 1, oldestMs: 0)
                try spool.sync()
                let acknowledgesUpTo = Sequence64(UInt64(random.below(Int(spool.durable.value) + 1)))
                try send(spool, to: &gateway, random: &random, acknowledgesUpTo: acknowledgesUpTo)
                if random.chance(60) {
                    if random.chance(50) { disk.losePower() } else { disk.kill() }
                    spool = try Spool(on: disk, nowMs: 1)
                }
            }
            try send(spool, to: &gateway, random: &random, acknowledgesUpTo: spool.durable)
            #expect(gateway.ledger == (0..<given).map { SpoolKit.call($0) }, "seed \(seed)")
            #expect(spool.state.tip.chain == gateway.chain, "seed \(seed)")
            #expect(spool.state.acknowledged.sequence <= gateway.committed, "seed \(seed)")
        }
    }

    /// One connection: everything is sent behind what the spool knows as acknowledged, of which the gateway may have
    /// more; only some of the answers arrive.
    private func send(
        _ spool: Spool, to gateway: inout ModelGateway, random: inout SeededRandom, acknowledgesUpTo: Sequence64
    ) throws {
        let source = BatchSource(spool)
        var walk = SpoolWalk(spool.disk)
        var place = try walk.cursor(at: gateway.committed, from: spool.state.floor, spool.state)
        #expect(place.chain == gateway.chain)
        if random.chance(50) {
            // An old connection, which has heard less than the gateway has done.
            place = spool.state.acknowledged
        } else {
            // A new one: WELCOME has told.
            try spool.acknowledge(place, epoch: StoreEpoch(1), backedUpThrough: .zero, nowMs: 1)
        }
        while place.sequence < spool.durable {
            let last = Sequence64(min(spool.durable.value, place.sequence.value + 1 + UInt64(random.below(300))))
            let isKnown = gateway.committed > place.sequence
            let end = isKnown ? min(last, gateway.committed) : last
            let made = try source.make(
                after: place, last: end, isBound: false, bodyBytesMax: random.chance(20) ? 4_096 : 65_536)
            let batch = try #require(made)
            #expect(batch.frame.body.count <= 65_536)
            try gateway.take(batch.frame)
            place = batch.after
            if place.sequence <= acknowledgesUpTo, place.sequence > spool.state.acknowledged.sequence {
                try spool.acknowledge(place, epoch: StoreEpoch(1), backedUpThrough: .zero, nowMs: 1)
            }
        }
    }

    @Test("A body that would be too long is cut, one that may not be cut is not made")
    func bounds() throws {
        let spool = try Spool(on: LyingDisk(seed: 1), nowMs: 1)
        SpoolKit.give(0..<1_000, to: spool)
        try spool.commit(nowMs: 1, oldestMs: 0)
        try spool.sync()
        let source = BatchSource(spool)
        let start = spool.state.floor
        let whole = try #require(
            try source.make(after: start, last: Sequence64(1_000), isBound: true, bodyBytesMax: 65_536))
        #expect(whole.frame.header.count == 1_000)
        let small = whole.frame.body.count / 2
        #expect(try source.make(after: start, last: Sequence64(1_000), isBound: true, bodyBytesMax: small) == nil)
        let cut = try #require(
            try source.make(after: start, last: Sequence64(1_000), isBound: false, bodyBytesMax: small))
        #expect(cut.frame.header.count < 1_000)
        #expect(cut.frame.body.count <= small)
        let rest = try #require(
            try source.make(after: cut.after, last: Sequence64(1_000), isBound: true, bodyBytesMax: 65_536))
        #expect(rest.after == whole.after)
    }

    @Test("A backlog of single calls is merged into few batches")
    func merging() throws {
        let spool = try Spool(on: LyingDisk(seed: 1), nowMs: 1)
        for number in 0..<500 {
            SpoolKit.give(number..<number + 1, to: spool)
            try spool.commit(nowMs: 1, oldestMs: 0)
        }
        try spool.sync()
        let source = BatchSource(spool)
        let made = try source.make(
            after: spool.state.floor, last: spool.durable, isBound: false, bodyBytesMax: 65_536)
        #expect(made?.frame.header.count == 500)
        #expect(made?.after == spool.state.tip)
    }

    @Test("A reply is shown in order and ends with its code; what comes later is dropped")
    func reply() {
        let reply = Reply()
        reply.progress("1")
        reply.progress("2")
        reply.error("x")
        reply.output("y")
        reply.done(75)
        reply.output("late")
        #expect(reply.next() == .progress("2"))
        #expect(reply.next() == .error("tally: x\n"))
        #expect(reply.next() == .output("y"))
        #expect(reply.next() == .done(75))
        #expect(reply.next(timeoutMs: 0) == nil)
    }

    @Test(
        "What a running tally says arrives as it was said",
        arguments: [Reply.Message.output("a\nb"), .error("tally: c\n"), .progress("3 events"), .done(0), .done(75)])
    func handover(message: Reply.Message) {
        #expect(Handover.decode(Handover.encode(message)) == message)
    }

    @Test("Every field of an event is shown, by the schema's names")
    func inspect() {
        var event = SpoolKit.call(3)
        event.kind = .correction
        event.contextTokens = 9
        event.webSearches = 2
        let names = InspectText.fields(event).map(\.name)
        let held = EventRules.present(event)
        #expect(names == ColumnID.allCases.filter { held.contains($0) }.map(\.name))
        #expect(names.contains("context_tokens") && names.contains("web_searches"))
    }
}
