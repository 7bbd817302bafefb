import Foundation
import TallyGateway
import TallyModel
import TallyWire
import Testing

/// Peers that take their time.
@Suite("Slow peers")
struct PatienceTests {
    @Test("A frame that trickles in ends the connection as TIMEOUT although a byte comes again and again")
    func trickle() throws {
        let rig = try Rig(starts: false)
        try rig.start(environment: ["TALLYGATE_FRAME_SECONDS": "2"])
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        let bytes = FrameCodec.encode(.batch(try spool.plainBatch(plainEvents(1_000))))
        var next = 0
        let ended = eventually(seconds: 20) {
            if peer.isClosed || next == bytes.count { return true }
            peer.send(bytes: [bytes[next]])
            next += 1
            usleep(50_000)
            return false
        }
        #expect(ended && next < bytes.count)
        #expect(try peer.goaway().reason == .timeout)
        #expect(rig.metrics.value(.framesTimedOut) == 1)
        #expect(try rig.usage().totals.events == 0)
    }
}
