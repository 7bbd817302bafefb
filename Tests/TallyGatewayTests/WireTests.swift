import Foundation
import TallyGateway
import TallyModel
import TallyWire
import Testing

/// A workstation and a gateway over real TLS: what is acknowledged, refused and counted.
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
    }
}
