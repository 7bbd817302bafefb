import Foundation
import TallyGateway
import TallyModel
import TallyWire
import Testing

/// Clocks that are a year wrong, at either side of a real connection.
@Suite("Gateway clocks")
struct ClockTests {
    static let yearMs: Int64 = 365 * 86_400_000

    /// A tenant that keeps everything for three years, and one workstation of it.
    private func enroll(_ rig: Rig) throws -> String {
        try rig.done(.tenantCreate(name: "acme", plan: "custom", retentionDays: 1_100))
        return try rig.enroll()
    }

    @Test(
        "A year of clock error at the workstation changes no count and refuses nothing",
        arguments: [-ClockTests.yearMs, ClockTests.yearMs])
    func workstation(error: Int64) throws {
        let rig = try Rig()
        var spool = Spool(token: try enroll(rig))
        let peer = try rig.peer()
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        var hello = spool.hello()
        hello.clockMs = now + error
        try peer.open(hello)
        peer.send(.batch(try spool.batch(plainEvents(40, at: now + error - 60_000))))
        try peer.ack(through: 40)
        // Its clock is set right in the middle.
        var second = spool.hello()
        second.clockMs = now
        let next = try rig.peer()
        #expect(try next.open(second).committed.sequence.value == 40)
        next.send(.batch(try spool.batch(plainEvents(2, at: now))))
        try next.ack(through: 42)
        let usage = try rig.usage()
        #expect(usage.totals.events == 42)
        #expect(usage.totals.input_tokens == 42_000 && usage.totals.output_tokens == 4_200)
        #expect(usage.gaps.events == 0)
        #expect(rig.metrics.value(.batchesRejected) == 0)
        // No event counts later than ten minutes from now, whatever its workstation's clock said.
        let latest = try #require(usage.totals.last_ms)
        #expect(latest <= Int64(Date().timeIntervalSince1970 * 1_000) + Limits.aheadMsMax)
        #expect(try rig.done(.verify(tenant: nil)).contains("clean"))
    }

    @Test(
        "A year of clock error at the gateway changes no count and refuses nothing",
        arguments: [-ClockTests.yearMs, ClockTests.yearMs])
    func gateway(error: Int64) throws {
        let rig = try Rig()
        var spool = Spool(token: try enroll(rig))
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        // Right, wrong, right again: one stream goes on through all three.
        for wrong in [0, error, 0] {
            rig.stop()
            rig.setClock(wallErrorMs: wrong)
            try rig.start(ownCertificate: true)
            let peer = try rig.peer()
            let before = spool.last
            #expect(try peer.open(spool.hello()).committed.sequence.value == before)
            peer.send(.batch(try spool.batch(plainEvents(40, at: now - 60_000))))
            try peer.ack(through: before + 40)
        }
        let usage = try rig.usage()
        #expect(usage.totals.events == 120)
        #expect(usage.totals.input_tokens == 120_000 && usage.totals.output_tokens == 12_000)
        #expect(usage.gaps.events == 0)
        #expect(rig.metrics.value(.batchesRejected) == 0)
        #expect(try rig.done(.verify(tenant: nil)).contains("clean"))
    }

    @Test("A gateway a year ahead refuses nothing that was young to its last trusted clock, and says CLOCK_UNSURE")
    func unsure() throws {
        let rig = try Rig()
        // A pro tenant keeps 365 days: by the wrong clock all that is older than an hour has expired.
        var spool = Spool(token: try rig.enroll())
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        let day: Int64 = 86_400_000
        for (wrong, reason) in [(0, RejectReason.tooOld), (ClockTests.yearMs, .clockUnsure), (0, .tooOld)] {
            rig.stop()
            rig.setClock(wallErrorMs: wrong)
            try rig.start(ownCertificate: true)
            let peer = try rig.peer()
            try peer.open(spool.hello())
            peer.send(.batch(try spool.batch(plainEvents(5, at: now - 30 * day))))
            try peer.ack(through: spool.last)
            let (last, chain) = (spool.last, spool.chain)
            peer.send(.batch(try spool.batch(plainEvents(2, at: now - 400 * day))))
            let reject = try peer.reject()
            #expect(reject.reason == reason && reject.isPermanent == (reason == .tooOld))
            #expect((reject.retryMs > 0) == (reason == .clockUnsure))
            spool.rewind(to: last, chain: chain)
        }
        #expect(try rig.usage().totals.events == 15)
        #expect(try rig.done(.verify(tenant: nil)).contains("clean"))
    }
}
