import Foundation
import TallyGateway
import TallyModel
import TallyProtocol
import TallyStorage
import TallyWire
import Testing

/// What connections hold in memory, and who has to go where it is too much.
@Suite("Bytes held")
struct HeldBytesTests {
    private static let tenant = TenantID(1)
    private static let mib = 1 << 20

    private static func held(all: Int, tenant: Int, shards: Int = 1) -> HeldBytes {
        var limits = AbuseLimits()
        limits[.bufferedMiB] = all
        limits[.bufferedMiBPerTenant] = tenant
        return HeldBytes(limits: limits, shards: shards)
    }

    @Test("A tenant at its bound is held off, and others are not until all are at theirs")
    func bounds() {
        var held = Self.held(all: 4, tenant: 2)
        #expect(held.mayTake(Self.tenant))
        held.move(Self.tenant, from: 0, to: 2 * Self.mib)
        #expect(!held.mayTake(Self.tenant) && held.mayTake(TenantID(2)))
        #expect(!held.isCrowded(Self.tenant) && !held.isCrowded(nil))
        held.move(Self.tenant, from: 0, to: Self.mib / 2)
        #expect(held.isCrowded(Self.tenant) && !held.isCrowded(TenantID(2)))
        held.move(nil, from: 0, to: 2 * Self.mib)
        #expect(!held.mayTake(TenantID(2)) && !held.isCrowded(TenantID(2)))
        held.move(TenantID(2), from: 0, to: Self.mib)
        #expect(held.isCrowded(TenantID(2)) && held.isCrowded(nil))
        held.move(Self.tenant, from: 2 * Self.mib + Self.mib / 2, to: 0)
        held.move(nil, from: 2 * Self.mib, to: 0)
        #expect(held.mayTake(Self.tenant) && held.bytes(of: Self.tenant) == 0 && held.total == Self.mib)
        #expect(!Self.held(all: 4, tenant: 4, shards: 2).isCrowded(nil))
    }

    @Test("A batch beyond the bound is answered BUSY and taken when it comes again after the commit")
    func busy() throws {
        var spool = MachineKit.spool()
        var kit = try MachineKit()
        kit.scratch = IngestScratch(hashSeed: 1, held: Self.held(all: 1, tenant: 1))
        try kit.open(spool)
        #expect(kit.machine.heldBytes == 0)
        #expect(kit.feed(.batch(try spool.batch(plainEvents(400, at: MachineKit.startMs)))).appends.count == 1)
        let batchBytes = kit.machine.heldBytes
        #expect(batchBytes > 0, "it is held until it is committed")
        // As many other connections hold the rest.
        kit.scratch.held.move(MachineKit.holder.tenant, from: 0, to: Self.mib)
        let next = try spool.batch(plainEvents(2, at: MachineKit.startMs))
        let actions = kit.feed(.batch(next))
        #expect(
            actions.rejects == [
                Reject(first: Sequence64(401), index: 0, run: 2, reason: .busy, field: 0, retryMs: 2_000)
            ])
        #expect(actions.notes.contains(.batchHeldOff) && actions.appends.isEmpty)
        kit.scratch.held.move(MachineKit.holder.tenant, from: Self.mib, to: 0)
        #expect(kit.feed(.batch(next)).appends.count == 1)
        #expect(kit.commit(spool).acks.count == 1)
        #expect(kit.machine.heldBytes == 0)
    }

    @Test("A part of a frame is held too, and goes with its connection where there is no room for it")
    func parts() throws {
        var spool = MachineKit.spool()
        var kit = try MachineKit()
        kit.scratch = IngestScratch(hashSeed: 1, held: Self.held(all: 1, tenant: 1))
        try kit.open(spool)
        let bytes = FrameCodec.encode(.batch(try spool.batch(plainEvents(50, at: MachineKit.startMs))))
        #expect(kit.feed(Array(bytes[..<40])).isEmpty)
        #expect(kit.machine.heldBytes == 40)
        kit.scratch.held.move(TenantID(2), from: 0, to: Self.mib + Self.mib / 4)
        let actions = kit.feed(Array(bytes[40..<41]))
        #expect(actions.goaways.map(\.reason) == [.overloaded] && actions.ends == [.refused])
        #expect(kit.machine.heldBytes == 0)
    }

    /// Some six bytes each, whatever compresses them.
    private static func largeEvents(_ count: Int) throws -> [Event] {
        var events = try plainEvents(count)
        for index in events.indices {
            events[index].inputTokens = 100_000 + UInt32(index) * 7_919 % 99_991
            events[index].outputTokens = 200 + UInt32(index) * 104_729 % 9_973
        }
        return events
    }

    @Test("A gateway's counts come back to nothing when its batches are committed and its connections have gone")
    func wire() throws {
        let rig = try Rig(starts: false)
        // A half of the lowest bound, a shard's part, is a twentieth of all that is sent: what was not given back would
        // soon be answered BUSY.
        try rig.start(environment: ["TALLYGATE_BUFFERED_MIB": "1", "TALLYGATE_BUFFERED_MIB_PER_TENANT": "1"])
        var sent = 0
        for name in ["one", "two", "three", "four"] {
            var spool = Spool(token: try rig.enroll("acme", name))
            let peer = try rig.peer()
            try peer.open(spool.hello())
            for _ in 0..<40 {
                peer.send(.batch(try spool.batch(Self.largeEvents(4_000))))
                sent += 4_000
                try peer.ack(through: spool.last)
            }
            // Half a frame is left behind.
            peer.send(bytes: Array(FrameCodec.encode(.batch(try spool.plainBatch(plainEvents(1_000))))[..<900]))
            peer.cut()
        }
        #expect(try rig.usage().totals.events == sent)
    }
}
