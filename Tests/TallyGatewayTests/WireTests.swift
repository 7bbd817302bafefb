import Foundation
import TallyGateway
import TallyModel
import TallyWire
import Testing

/// A workstation and a gateway over real TLS: what is welcomed, acknowledged and counted.
@Suite("Gateway on the wire")
struct WireTests {
    @Test("A batch is welcomed, acknowledged and counted")
    func roundTrip() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        let welcome = try peer.open(spool.hello())
        #expect(welcome.committed.sequence == .zero)
        #expect(welcome.tenantKey.count == 32)
        #expect(welcome.credit.events == Limits.creditEvents)
        peer.send(.batch(try spool.batch(plainEvents(10))))
        let ack = try peer.ack(through: 10)
        #expect(ack.committed.value == 10)
        #expect(ack.chain == spool.chain)
        let usage = try rig.usage()
        #expect(usage.totals.events == 10)
        #expect(usage.totals.input_tokens == 10_000)
        #expect(usage.totals.output_tokens == 1_000)
        #expect(usage.gaps.events == 0)
    }

    @Test("A replayed batch is acknowledged again and counted once, on the same connection and on the next")
    func replay() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        let batch = try spool.batch(plainEvents(10))
        peer.send(.batch(batch))
        try peer.ack(through: 10)
        peer.send(.batch(batch))
        #expect(try peer.ack(through: 10).committed.value == 10)
        let second = try rig.peer()
        #expect(try second.open(spool.hello()).committed.sequence.value == 10)
        second.send(.batch(batch))
        #expect(try second.ack(through: 10).chain == spool.chain)
        #expect(try rig.usage().totals.events == 10)
        #expect(rig.metrics.value(.batchesDuplicate) == 2)
    }

    @Test("A batch that overlaps or leaves a gap is refused for now, and the right one is taken after it")
    func overlapAndGap() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let start = spool.chain
        let first = try spool.batch(plainEvents(10))
        let after = spool.chain
        let second = try spool.batch(plainEvents(5))
        let third = try spool.batch(plainEvents(5))
        spool.rewind(to: 5, chain: start)
        let overlapping = try spool.batch(plainEvents(10))
        _ = after
        let peer = try rig.peer()
        try peer.open(spool.hello())
        peer.send(.batch(first))
        try peer.ack(through: 10)
        peer.send(.batch(overlapping))
        #expect(try peer.reject().reason == .sequenceOverlap)
        peer.send(.batch(second))
        try peer.ack(through: 15)
        let other = try rig.peer()
        var fresh = Spool(token: spool.token)
        _ = try fresh.batch(plainEvents(3))
        let late = try fresh.batch(plainEvents(3))
        try other.open(fresh.hello())
        other.send(.batch(late))
        let reject = try other.reject()
        #expect(reject.reason == .sequenceGap)
        #expect(!reject.reason.isPermanent)
        peer.send(.batch(third))
        try peer.ack(through: 20)
        #expect(try rig.usage().totals.events == 20)
    }

    @Test("A poisoned event that is skipped stands in the usage report as a gap, with what it cost")
    func skip() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        peer.send(.batch(try spool.batch(plainEvents(4))))
        try peer.ack(through: 4)
        let group = SkipGroup(
            model: Label("claude-opus-4-8"), events: 3, tokenClasses: [10, 20, 30, 40, 50, 60, 5],
            reportedNanoUSD: 777)
        let skip = spool.skip(3, groups: [group])
        peer.send(.skip(skip))
        #expect(try peer.ack(through: 7).chain == skip.chainAfter)
        peer.send(.skip(skip))
        try peer.ack(through: 7)
        peer.send(.batch(try spool.batch(plainEvents(2))))
        try peer.ack(through: 9)
        let usage = try rig.usage()
        #expect(usage.totals.events == 6)
        #expect(usage.gaps == UsageAnswer.Gaps(events: 3, reported_cost_nano_usd: 777))
        let verified = try rig.done(.verify(tenant: nil))
        #expect(verified.contains("clean"))
    }

    @Test("PROBE is answered with the chain of any committed event and with nothing beyond")
    func probe() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        var chains: [UInt64: ChainValue] = [0: spool.chain]
        for _ in 0..<4 {
            peer.send(.batch(try spool.batch(plainEvents(10))))
            chains[spool.last] = spool.chain
        }
        try peer.ack(through: 40)
        for (sequence, chain) in chains.sorted(by: { $0.key < $1.key }) {
            peer.send(.probe(sequence: Sequence64(sequence)))
            #expect(try peer.frame() == .chain(sequence: Sequence64(sequence), value: chain))
        }
        // Within a batch: recomputed from its rows. The same rows in other batches give the same chain.
        var single = Spool(token: spool.token, stream: spool.stream)
        single.rewind(to: 10, chain: try #require(chains[10]))
        let events = try plainEvents(10)
        let other = try rig.peer()
        var known = Spool(token: spool.token)
        try other.open(known.hello())
        let start = known.chain
        other.send(.batch(try known.batch(events)))
        try other.ack(through: 10)
        known.rewind(to: 0, chain: start)
        for sequence in 1...10 {
            _ = try known.batch([events[sequence - 1]])
            other.send(.probe(sequence: Sequence64(UInt64(sequence))))
            #expect(try other.frame() == .chain(sequence: Sequence64(UInt64(sequence)), value: known.chain))
        }
        peer.send(.probe(sequence: Sequence64(41)))
        #expect(try peer.frame() == .chain(sequence: Sequence64(41), value: nil))
    }

    @Test("CLOSE ends a stream for good, and the next HELLO for it is turned away")
    func close() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        peer.send(.batch(try spool.batch(plainEvents(3))))
        try peer.ack(through: 3)
        peer.send(.close(final: Sequence64(3)))
        #expect(try peer.ack(through: 3).committed.value == 3)
        #expect(peer.waitForClose())
        let next = try rig.peer()
        next.send(.hello(spool.hello()))
        #expect(try next.goaway().reason == .streamFork)
        #expect(try rig.usage().totals.events == 3)
    }

    @Test("A workstation that proves lost acknowledgements raises the store's epoch, once")
    func epoch() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        let before = try peer.open(spool.hello())
        peer.send(.batch(try spool.batch(plainEvents(10))))
        try peer.ack(through: 10)
        let committed = StreamCursor(sequence: Sequence64(25), chain: ChainValue(1), totals: .zero)
        let claimant = try rig.peer()
        let raised = try claimant.open(spool.hello(acknowledged: committed, epoch: before.storeEpoch))
        #expect(raised.storeEpoch != before.storeEpoch)
        #expect(raised.committed.sequence.value == 10)
        // It has learned the new epoch: nothing is raised again.
        let next = try rig.peer()
        let again = try next.open(spool.hello(epoch: raised.storeEpoch))
        #expect(again.storeEpoch == raised.storeEpoch)
        #expect(rig.log.text.contains("store epoch raised"))
        #expect(try rig.done(.verify(tenant: nil)).contains("clean"))
        #expect(try rig.usage().totals.events == 10)
    }

    @Test("Two tenants never see each other's numbers")
    func tenants() throws {
        let rig = try Rig()
        var red = Spool(token: try rig.enroll("red", "one"))
        var blue = Spool(token: try rig.enroll("blue", "one"))
        let peers = [try rig.peer(), try rig.peer()]
        let keys = [try peers[0].open(red.hello()).tenantKey, try peers[1].open(blue.hello()).tenantKey]
        #expect(keys[0] != keys[1])
        peers[0].send(.batch(try red.batch(plainEvents(3))))
        peers[1].send(.batch(try blue.batch(plainEvents(5, model: "gpt-5.3-codex"))))
        try peers[0].ack(through: 3)
        try peers[1].ack(through: 5)
        #expect(try rig.usage("red", by: ["model"]).rows.map(\.key) == ["claude-opus-4-8"])
        #expect(try rig.usage("blue", by: ["model"]).rows.map(\.key) == ["gpt-5.3-codex"])
        #expect(try rig.usage("red").totals.events == 3)
        #expect(try rig.usage("blue").totals.events == 5)
        // The same stream id means another stream in another tenant.
        var guest = Spool(token: blue.token, stream: red.stream)
        let visitor = try rig.peer()
        #expect(try visitor.open(guest.hello()).committed.sequence == .zero)
        visitor.send(.batch(try guest.batch(plainEvents(1))))
        try visitor.ack(through: 1)
        #expect(try rig.usage("red").totals.events == 3)
    }

    @Test("Fifty connections at once are all acknowledged and all counted")
    func fifty() throws {
        let rig = try Rig()
        let token = try rig.enroll()
        let peers = try (0..<50).map { _ in try rig.peer() }
        for peer in peers {
            var spool = Spool(token: token)
            peer.send(.hello(spool.hello()))
            _ = try peer.welcome()
            for _ in 0..<4 { peer.send(.batch(try spool.batch(plainEvents(25)))) }
        }
        for peer in peers { try peer.ack(through: 100) }
        #expect(try rig.usage().totals.events == 5_000)
        #expect(rig.metrics.value(.streams) == 50)
        for peer in peers { peer.cut() }
        #expect(eventually { rig.metrics.value(.streams) == 0 && rig.metrics.value(.connections) == 0 })
        #expect(try rig.done(.verify(tenant: nil)).contains("50 streams"))
    }
}
