import Foundation
import TallyGateway
import TallyHash
import TallyModel
import TallyStorage
import TallyWire
import Testing

/// A tenant goes for good, and takes nobody with it.
@Suite("Deleting a tenant")
struct DeletionTests {
    /// Names of files below `folder` in which one of `needles` stands.
    private func traces(of needles: [Data], in folder: String) throws -> [String] {
        let names = try #require(FileManager.default.enumerator(atPath: folder)).compactMap { $0 as? String }
        return names.filter { name in
            guard let data = FileManager.default.contents(atPath: folder + "/" + name) else { return false }
            return needles.contains { data.range(of: $0) != nil }
        }
    }

    private func bytes(_ value: Bytes16) -> Data { Data(value.bytes) }

    @Test("A deleted tenant leaves no byte in the data folder, its number is never given again, and its name is free")
    func leavesNoByte() throws {
        let rig = try Rig()
        let token = try rig.enroll("acme", "laptop-of-acme")
        var other = Spool(token: try rig.enroll("globex", "desk"))
        let stays = try rig.peer()
        try stays.open(other.hello())
        stays.send(.batch(try other.batch(try plainEvents(5))))
        try stays.ack(through: 5)

        var spool = Spool(token: token)
        let peer = try rig.peer()
        let welcome = try peer.open(spool.hello())
        peer.send(.batch(try spool.batch(try plainEvents(10, model: "model-of-acme-alone"))))
        try peer.ack(through: 10)
        let folders = try rig.tenantFolders()
        // What only this tenant has: its stream, its key, its names, its token's hash.
        let hash = SHA256.hash(try #require(Token.hashInput(presented: token)))
        let needles = [
            bytes(spool.stream.value), Data(welcome.tenantKey), Data("laptop-of-acme".utf8), Data("acme".utf8),
            Data("model-of-acme-alone".utf8), Data(hash),
        ]
        let isFound = try eventually { try !traces(of: needles, in: rig.path).isEmpty }
        #expect(isFound, "the search finds what is there")

        try rig.done(.tenantDelete(name: "acme"))
        #expect(try peer.goaway().reason == .tenantUnavailable)
        #expect(try rig.tenantFolders().count == folders.count - 1)
        #expect(try traces(of: needles, in: rig.path) == [])
        #expect(rig.call(.tenantShow(name: "acme")).exitCode == 1)

        // The other tenant does not notice.
        stays.send(.batch(try other.batch(try plainEvents(5))))
        try stays.ack(through: 10)
        #expect(try rig.usage("globex").totals.events == 10)
        // The old token opens nothing, also where a new tenant has the old name.
        _ = try rig.enroll("acme", "laptop-of-acme")
        let late = try rig.peer()
        late.send(.hello(spool.hello()))
        #expect(try late.goaway().reason == .unauthenticated)
        #expect(try rig.usage("acme").totals.events == 0)
        rig.stop()
        #expect(try traces(of: [needles[0], needles[1], needles[4], needles[5]], in: rig.path) == [])
        let audit = try rig.done(.audit(tenant: nil, limit: 100))
        #expect(audit.contains("tenant_deletion_begun") && audit.contains("tenant_deleted"))
    }

    @Test("A tenant deleted in the middle of a group ends its connections, and every other tenant's group goes on")
    func deletedMidGroup() throws {
        let rig = try Rig()
        let doomed = try rig.enroll("doomed")
        let token = try rig.enroll("stays")
        let peers = try (0..<4).map { _ in try rig.peer() }
        var spools: [StreamID: UInt64] = [:]
        for (index, peer) in peers.enumerated() {
            var spool = Spool(token: index == 0 ? doomed : token)
            // One stream a connection; the tenant of all but the first stays.
            try peer.open(spool.hello())
            for _ in 0..<40 { peer.send(.batch(try spool.batch(try plainEvents(20)))) }
            spools[spool.stream] = spool.last
        }
        try rig.done(.tenantDelete(name: "doomed"))
        #expect(peers[0].waitForClose())
        for peer in peers.dropFirst() { try peer.ack(through: 800) }
        #expect(try rig.usage("stays").totals.events == 2_400)
        #expect(try rig.done(.verify(tenant: nil)).contains("clean"))
        #expect(rig.fatal.all == [])
    }

    @Test("A deletion that was cut off is finished at the next start, from whatever step")
    func resumed() throws {
        for step in 0..<3 {
            let rig = try Rig()
            var spool = Spool(token: try rig.enroll("acme"))
            let peer = try rig.peer()
            try peer.open(spool.hello())
            peer.send(.batch(try spool.batch(try plainEvents(3))))
            try peer.ack(through: 3)
            rig.stop()
            let folder = try #require(try rig.tenantFolders().first)
            // As a crash leaves it: said so in the catalog; renamed as well; half emptied as well.
            try SQLiteShell.run(rig.path + "/catalog.sqlite", "UPDATE tenants SET state = 2")
            let gone = rig.path + "/tenants/gone-00"
            if step > 0 { try FileManager.default.moveItem(atPath: folder, toPath: gone) }
            if step > 1 { try FileManager.default.removeItem(atPath: gone + "/views.sqlite") }
            try rig.start()
            #expect(try rig.tenantFolders() == [], "step \(step)")
            #expect(try rig.done(.tenantList).contains("no tenants yet"))
            #expect(try traces(of: [bytes(spool.stream.value)], in: rig.path) == [])
        }
    }

    @Test("Deleting asks the catalog before the disk: without --yes, or of an unknown tenant, nothing changes")
    func refusals() throws {
        let rig = try Rig()
        _ = try rig.enroll("acme")
        #expect(rig.call(.tenantDelete(name: "nobody")).exitCode == 1)
        #expect(rig.call(.tenantDelete(name: "NO")).exitCode == 1)
        #expect(try rig.tenantFolders().count == 1)
        #expect(try rig.done(.tenantList).contains("acme"))
    }
}

/// Views made anew, and what was done and given up.
@Suite("Rebuild and audit")
struct RebuildAndAuditTests {
    @Test("Views made anew say what they said before, running and stopped, also where they had been changed")
    func rebuild() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        for _ in 0..<5 { peer.send(.batch(try spool.batch(try plainEvents(20)))) }
        try peer.ack(through: 100)
        let before = try rig.usage(by: ["hour", "model", "session"])
        #expect(try rig.done(.rebuild(tenant: "acme")).contains("made anew"))
        #expect(try rig.usage(by: ["hour", "model", "session"]) == before)
        peer.send(.batch(try spool.batch(try plainEvents(20))))
        try peer.ack(through: 120)
        rig.stop()
        try SQLiteShell.run(
            try #require(try rig.tenantFolders().first) + "/views.sqlite", "UPDATE session_rollup SET output_tokens = 7"
        )
        #expect(try rig.usage().totals.output_tokens == 7, "the change is seen, or the test proves nothing")
        #expect(rig.call(.verify(tenant: nil)).exitCode == 1)
        try rig.done(.rebuild(tenant: nil))
        #expect(try rig.usage().totals.output_tokens == 12_000)
        #expect(try rig.done(.verify(tenant: nil)).contains("clean"))
        #expect(try rig.done(.audit(tenant: "acme", limit: 10)).contains("views_rebuilt"))
    }

    @Test("The audit shows who did what and every discard with its sums, newest first, and survives a restart")
    func audit() throws {
        let rig = try Rig()
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        peer.send(.batch(try spool.batch(try plainEvents(2))))
        try peer.ack(through: 2)
        let group = SkipGroup(
            model: Label("claude-opus-4-8"), events: 3, tokenClasses: [1, 2, 3, 4, 5, 6, 0], reportedNanoUSD: 77)
        peer.send(.skip(spool.skip(3, groups: [group])))
        try peer.ack(through: 5)
        for isRunning in [true, false] {
            if !isRunning { rig.stop() }
            let text = try rig.done(.audit(tenant: "acme", limit: 100))
            #expect(text.contains("gap") && text.contains("poison: events 3 to 5") && text.contains("21 tokens"))
            #expect(text.contains("reported cost 77 nano-USD") && text.contains("workstation laptop"))
            #expect(text.contains("tenant_created") && text.contains("workstation_enrolled"))
            let json = try rig.done(.audit(tenant: "acme", limit: 100), .json)
            #expect(json.contains("\"events\":3"))
        }
        #expect(try rig.done(.audit(tenant: nil, limit: 100)).contains("gateway_started"))
        #expect(try rig.done(.audit(tenant: nil, limit: 100)).contains("gateway_stopped"))
        #expect(rig.call(.audit(tenant: nil, limit: 0)).exitCode == 1)
        #expect(rig.call(.audit(tenant: "nobody", limit: 5)).exitCode == 1)
    }
}
