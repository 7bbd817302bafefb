import Synchronization
import TallyGateway
import TallyIO
import TallyModel
import TallyWire
import Testing

/// A disk whose free space a test decides.
final class ToyDisk: Sendable {
    private let free = Guarded<UInt64>(500)

    var facts: FileSystemFacts {
        FileSystemFacts(name: "toy", totalBytes: 1_000, freeBytes: free.withLock { $0 })
    }

    func leave(_ bytes: UInt64) { free.withLock { $0 = bytes } }
}

/// A disk that runs full under a running gateway.
@Suite("Gateway with little room")
struct RoomTests {
    @Test("A disk nearly full withdraws credit on the wire, answers BUSY, and gives credit back by itself")
    func nearlyFull() throws {
        let disk = ToyDisk()
        let rig = try Rig(disk: disk)
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        #expect(try peer.open(spool.hello()).credit.events == Limits.creditEvents)
        disk.leave(49)
        var sent: UInt64 = 0
        // The space is asked for at most once a second; a batch must come for it to be asked.
        let isPaused = eventually(seconds: 10) {
            guard let batch = try? spool.batch(plainEvents(1)) else { return false }
            sent += 1
            peer.send(.batch(batch))
            guard case .ack(let ack)? = try? peer.frame() else { return false }
            return ack.credit == .paused
        }
        try #require(isPaused)
        #expect(rig.metrics.value(.isPaused) == 1)
        #expect(rig.log.all.contains { $0.contains("disk nearly full") })
        // What was received before the pause was told is committed and acknowledged, with no credit.
        #expect(try peer.ack(through: sent).credit == .paused)
        #expect(try rig.usage().totals.events == Int(sent))
        let kept = (last: spool.last, chain: spool.chain)
        peer.send(.batch(try spool.batch(plainEvents(1))))
        #expect(try peer.reject().reason == .busy)
        spool.rewind(to: kept.last, chain: kept.chain)
        // Who comes now is welcomed without credit.
        let other = Spool(token: try rig.enroll("acme", "desktop"))
        let second = try rig.peer()
        #expect(try second.open(other.hello()).credit == .paused)
        disk.leave(61)
        guard case .ack(let resumed) = try peer.frame() else {
            Issue.record("no ACK when the pause ended")
            return
        }
        #expect(resumed.credit.events == Limits.creditEvents && resumed.committed.value == sent)
        guard case .ack(let alsoResumed) = try second.frame() else {
            Issue.record("no ACK for the second connection")
            return
        }
        #expect(alsoResumed.credit.events == Limits.creditEvents)
        peer.send(.batch(try spool.batch(plainEvents(3))))
        try peer.ack(through: sent + 3)
        #expect(rig.metrics.value(.isPaused) == 0)
        #expect(rig.log.all.contains { $0.contains("disk has room again") })
    }
}
