import Foundation
import TallyGateway
import TallyModel
import TallyStorage
import TallyWire
import Testing

/// What a gateway turns away, with which reason, and that nothing of it stays.
@Suite("Gateway refusals")
struct RefusalTests {
    @Test("A body that names a content column is rejected as CONTENT_FIELD, and no byte of it is logged or stored")
    func content() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        var batch = try spool.batch(plainEvents(2))
        let secret = "SECRET-PROMPT-TEXT"
        batch.body = try spool.raw(plainEvents(2)) + [0, 130] + Array(secret.utf8)
        batch.header.isLZ4 = false
        batch.header.rawBytes = UInt32(batch.body.count)
        peer.send(.batch(batch))
        let reject = try peer.reject()
        #expect(reject.reason == .contentField)
        #expect(reject.field == 130)
        #expect(reject.reason.isPermanent)
        #expect(rig.metrics.value(.contentRejected) == 1)
        #expect(try rig.usage().totals.events == 0)
        rig.stop()
        #expect(!rig.log.text.contains("SECRET"))
        #expect(rig.log.text.contains("contentField"))
        let files = try #require(FileManager.default.enumerator(atPath: rig.path))
        for case let file as String in files {
            let data = FileManager.default.contents(atPath: rig.path + "/" + file) ?? Data()
            #expect(data.range(of: Data(secret.utf8)) == nil, "\(file)")
        }
    }

    @Test("A column named as content leaves an audit row for its tenant: one an hour, however often it is sent")
    func contentAudit() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        _ = try rig.enroll("other", "laptop")
        for column in [130, 130, 191] as [UInt8] {
            let peer = try rig.peer()
            try peer.open(spool.hello())
            var batch = try spool.batch(plainEvents(2))
            spool.rewind(to: 0, chain: Chain.initial(spool.stream))
            batch.body = try spool.raw(plainEvents(2)) + [0, column, 7]
            batch.header.isLZ4 = false
            batch.header.rawBytes = UInt32(batch.body.count)
            peer.send(.batch(batch))
            #expect(try peer.reject().reason == .contentField)
        }
        rig.stop()
        let catalog = try Catalog(reading: rig.path)
        let tenant = try catalog.tenant(named: try #require(TenantName("acme")))
        let workstation = try #require(try catalog.workstations(of: tenant.id).first)
        let rows = try catalog.auditRows().filter { $0.action == .contentRejected }
        #expect(rows.allSatisfy { $0.tenant == tenant.id && $0.second == Int64(workstation.id.value) })
        // Two hours, where the clock's hour ended meanwhile.
        #expect(Set(rows.map(\.first)) == [130, 191] && rows.count <= 3)
        #expect(rows.count == 2 || Set(rows.map { $0.stamp.timeMs / 3_600_000 }).count == 2)
    }

    @Test("A wrong token is UNAUTHENTICATED, whatever its shape")
    func wrongToken() throws {
        let rig = try Rig()
        let token = try rig.enroll()
        let wrong = [
            String(token.dropLast()) + (token.hasSuffix("A") ? "B" : "A"), "", "tg_", "nonsense",
            String(repeating: "x", count: 255), "tg_" + String(repeating: "é", count: 20),
        ]
        for text in wrong {
            let peer = try rig.peer()
            peer.send(.hello(Spool(token: text).hello()))
            #expect(try peer.goaway().reason == .unauthenticated)
            #expect(peer.waitForClose())
        }
        #expect(rig.metrics.value(.hellosRefused) == wrong.count)
        #expect(!rig.log.text.contains("nonsense"))
    }

    @Test("A revoked token ends its connection within a second, and opens none any more")
    func revoked() throws {
        let rig = try Rig()
        let spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        let started = Date()
        try rig.done(.workstationRevoke(tenant: "acme", workstation: "laptop"))
        #expect(try peer.goaway().reason == .revoked)
        #expect(Date().timeIntervalSince(started) < 1)
        let next = try rig.peer()
        next.send(.hello(spool.hello()))
        #expect(try next.goaway().reason == .revoked)
        // The label is free again.
        #expect(try rig.enroll() != spool.token)
    }

    @Test("A token revoked mid-batch ends its connection; enrolled again, the workstation goes on with its stream")
    func revokedMidBatch() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        peer.send(.batch(try spool.batch(plainEvents(10))))
        try peer.ack(through: 10)
        let rest = try plainEvents(7)
        let bytes = FrameCodec.encode(.batch(try spool.batch(rest)))
        // In one write, so that the answer says that the half batch has arrived too.
        peer.send(bytes: FrameCodec.encode(.ping(opaque: 3)) + bytes[..<60])
        #expect(try peer.frame() == .pong(opaque: 3))
        try rig.done(.workstationRevoke(tenant: "acme", workstation: "laptop"))
        peer.send(bytes: Array(bytes[60...]))
        let goaway = try peer.goaway()
        #expect(goaway.reason == .revoked && goaway.committed.value == 10)
        #expect(peer.waitForClose())
        #expect(try rig.usage().totals.events == 10)
        // Another name is another workstation, whatever stream it knows.
        let other = try rig.peer()
        other.send(.hello(Spool(token: try rig.enroll("acme", "desk"), stream: spool.stream).hello()))
        #expect(try other.goaway().reason == .streamOwned)
        let token = try rig.enroll()
        let again = try rig.peer()
        var hello = spool.hello()
        hello.credential = Spool(token: token, stream: spool.stream).hello().credential
        let welcome = try again.open(hello)
        #expect(welcome.committed.sequence.value == 10)
        again.send(bytes: bytes)
        try again.ack(through: 17)
        #expect(try rig.usage().totals.events == 17)
        #expect(rig.metrics.value(.streams) == 1)
        #expect(try rig.done(.verify(tenant: nil)).contains("clean"))
    }

    @Test("A stream belongs to the workstation that opened it")
    func owned() throws {
        let rig = try Rig()
        let mine = Spool(token: try rig.enroll("acme", "one"))
        let thief = Spool(token: try rig.enroll("acme", "two"), stream: mine.stream)
        let peer = try rig.peer()
        try peer.open(mine.hello())
        let other = try rig.peer()
        other.send(.hello(thief.hello()))
        #expect(try other.goaway().reason == .streamOwned)
        peer.send(.ping(opaque: 5))
        #expect(try peer.frame() == .pong(opaque: 5))
    }

    @Test("A second connection takes the stream over: the first is SUPERSEDED and its late batch is not appended")
    func takeover() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let old = try rig.peer()
        let first = try old.open(spool.hello())
        old.send(.batch(try spool.batch(plainEvents(10))))
        try old.ack(through: 10)
        let late = try spool.batch(plainEvents(10))
        let new = try rig.peer()
        let second = try new.open(spool.hello())
        old.send(.batch(late))
        #expect(second.generation > first.generation)
        #expect(try old.goaway().reason == .superseded)
        #expect(old.waitForClose())
        #expect(try rig.usage().totals.events == 10)
        new.send(.batch(late))
        try new.ack(through: 20)
        #expect(try rig.usage().totals.events == 20)
        #expect(rig.metrics.value(.streams) == 1)
        #expect(rig.metrics.value(.hellosRefused) == 0, "a superseded connection is no refused HELLO")
        #expect(try rig.done(.verify(tenant: nil)).contains("clean"))
    }

    @Test("Before HELLO a frame over 1,024 bytes, or any other frame, ends the connection as PROTOCOL")
    func beforeHello() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let batch = try spool.batch(plainEvents(2))
        let long = [UInt8]([0xFF, 0x04, 0, 0, 1, 0])
        for bytes in [long, FrameCodec.encode(.batch(batch)), FrameCodec.encode(.ping(opaque: 1)), [0, 0, 0, 0, 0, 0]] {
            let peer = try rig.peer()
            peer.send(bytes: bytes)
            #expect(try peer.goaway().reason == .protocol)
            #expect(peer.waitForClose())
        }
    }

    @Test("Silence before HELLO ends the connection as TIMEOUT")
    func silence() throws {
        let rig = try Rig()
        let peer = try rig.peer()
        let started = Date()
        #expect(try peer.goaway(seconds: 12).reason == .timeout)
        #expect(Date().timeIntervalSince(started) > 4)
    }

    @Test("Events older than the tenant keeps are refused as TOO_OLD, as one run of rows")
    func tooOld() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        let day: Int64 = 86_400_000
        let events = try plainEvents(3) + plainEvents(2, at: now - 400 * day) + plainEvents(1)
        peer.send(.batch(try spool.batch(events)))
        let reject = try peer.reject()
        #expect(reject.reason == .tooOld)
        #expect(reject.index == 3)
        #expect(reject.run == 2)
        spool.rewind(to: 0, chain: Chain.initial(spool.stream))
        peer.send(.batch(try spool.batch(plainEvents(1, at: now - 364 * day))))
        try peer.ack(through: 1)
    }

    @Test("More in flight than was granted ends the connection as CREDIT")
    func credit() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        var batch = try spool.batch(plainEvents(2))
        batch.header.count = Limits.creditEvents + 1
        peer.send(.batch(batch))
        #expect(try peer.goaway().reason == .credit)
        #expect(try rig.usage().totals.events == 0)
    }

    @Test("A batch that would overflow its workstation's total is refused before the append; others go on")
    func overflow() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        // As many events as could hold that much.
        let given: UInt64 = 1 << 32
        let nearly = SkipGroup(
            model: nil, events: given, tokenClasses: [Limits.workstationTotalMax - 2_000, 0, 0, 0, 0, 0, 0],
            reportedNanoUSD: 0)
        peer.send(.skip(spool.skip(given, groups: [nearly])))
        try peer.ack(through: given)
        let chain = spool.chain
        peer.send(.batch(try spool.batch(plainEvents(2))))
        let reject = try peer.reject()
        #expect(reject.reason == .overflow)
        #expect(reject.first.value == given + 1)
        // As a workstation gives them up: with what they held, which fits no better.
        spool.rewind(to: given, chain: chain)
        let group = SkipGroup(
            model: Label("claude-opus-4-8"), events: 2, tokenClasses: [2_000, 0, 0, 0, 0, 200, 0], reportedNanoUSD: 0)
        peer.send(.skip(spool.skip(2, reason: .overflow, groups: [group])))
        try peer.ack(through: given + 2)
        peer.send(.batch(try spool.batch(plainEvents(1))))
        try peer.ack(through: given + 3)
        var other = Spool(token: try rig.enroll("acme", "desktop"))
        let second = try rig.peer()
        try second.open(other.hello())
        second.send(.batch(try other.batch(plainEvents(4))))
        try second.ack(through: 4)
        #expect(try rig.usage().totals.events == 5)
        #expect(try rig.done(.verify(tenant: nil)).contains("clean"))
    }

    @Test("A range that never was is no way to end a tenant's reports: what one workstation gives up is bounded")
    func hugeGaps() throws {
        let rig = try Rig()
        let token = try rig.enroll()
        var reasons: [RejectReason] = []
        for _ in 0..<3 {
            var spool = Spool(token: token)
            let peer = try rig.peer()
            try peer.open(spool.hello())
            peer.send(.skip(spool.skip(Limits.sequenceMax, groups: [])))
            reasons.append(try peer.reject().reason)
            spool.rewind(to: 0, chain: Chain.initial(spool.stream))
            peer.send(.skip(spool.skip(Limits.workstationGapEventsMax / 2, groups: [])))
            if reasons.count < 3 {
                try peer.ack(through: Limits.workstationGapEventsMax / 2)
            } else {
                #expect(try peer.reject().reason == .overflow)
            }
        }
        #expect(reasons == [.overflow, .overflow, .overflow])
        #expect(try rig.usage().gaps.events == Int(Limits.workstationGapEventsMax))
    }

    @Test("A batch whose numbers do not give its control totals or chain is refused and nothing of it counts")
    func controls() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        var batch = try spool.batch(plainEvents(2))
        let good = batch
        batch.header.controlTokens += 1
        peer.send(.batch(batch))
        #expect(try peer.reject().reason == .controlTotal)
        batch = good
        batch.header.chainAfter = ChainValue(good.header.chainAfter.value ^ 1)
        peer.send(.batch(batch))
        #expect(try peer.reject().reason == .chainMismatch)
        peer.send(.batch(good))
        try peer.ack(through: 2)
        #expect(try rig.usage().totals.events == 2)
    }
}
