import Foundation
import TallyGateway
import TallyLog
import TallyModel
import TallyStorage
import TallyWire
import Testing

/// Stops of every kind: what was acknowledged is there afterwards, and the stream goes on where it was.
@Suite("Gateway restarts")
struct RestartTests {
    /// Ten events of one tenant, acknowledged.
    private func filled(_ rig: Rig) throws -> Spool {
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        peer.send(.batch(try spool.batch(plainEvents(10))))
        try peer.ack(through: 10)
        return spool
    }

    @Test("After a stop and a start, what was committed stays and the cursor goes on")
    func stopAndStart() throws {
        let rig = try Rig()
        var spool = try filled(rig)
        let before = try rig.usage()
        rig.stop()
        #expect(try rig.usage() == before, "answered under the folder's lock")
        try rig.start()
        #expect(try rig.usage() == before)
        let peer = try rig.peer()
        let welcome = try peer.open(spool.hello())
        #expect(welcome.committed.sequence.value == 10)
        #expect(welcome.committed.chain == spool.chain)
        #expect(welcome.committed.totals.tokens == 11_000)
        peer.send(.batch(try spool.batch(plainEvents(5))))
        try peer.ack(through: 15)
        #expect(try rig.usage().totals.events == 15)
        #expect(try rig.done(.verify(tenant: nil)).contains("clean"))
        #expect(rig.fatal.all == [])
    }

    @Test("After a kill, what was acknowledged stays, the cursor goes on, and everything verifies")
    func kill() throws {
        let rig = try Rig()
        var spool = try filled(rig)
        let before = try rig.usage()
        let second = try Rig(path: try rig.copyOfFiles())
        #expect(try second.usage() == before)
        let peer = try second.peer()
        #expect(try peer.open(spool.hello()).committed.chain == spool.chain)
        peer.send(.batch(try spool.batch(plainEvents(5))))
        try peer.ack(through: 15)
        #expect(try second.usage().totals.events == 15)
        #expect(try second.done(.verify(tenant: nil)).contains("clean"))
    }

    @Test("Views that are deleted are rebuilt from the ledger and give the same report")
    func viewsDeleted() throws {
        let rig = try Rig()
        _ = try filled(rig)
        let before = try rig.usage("acme", by: ["hour", "model", "workstation", "session"])
        rig.stop()
        for folder in try rig.tenantFolders() {
            try FileManager.default.removeItem(atPath: folder + "/views.sqlite")
        }
        try rig.start()
        #expect(try rig.usage("acme", by: ["hour", "model", "workstation", "session"]) == before)
        #expect(eventually { rig.viewsOrdinal == 3 }, "the epoch, the stream and the batch")
        #expect(try rig.usage("acme", by: ["hour", "model", "workstation", "session"]) == before)
        #expect(try rig.done(.verify(tenant: nil)).contains("clean"))
    }

    @Test("A views file full of rubbish is replaced and rebuilt, and no event is lost")
    func viewsRubbish() throws {
        let rig = try Rig()
        _ = try filled(rig)
        let before = try rig.usage()
        rig.stop()
        for folder in try rig.tenantFolders() {
            let path = folder + "/views.sqlite"
            var data = try #require(FileManager.default.contents(atPath: path))
            for index in 100..<data.count { data[index] = UInt8(truncatingIfNeeded: index &* 31) }
            try data.write(to: URL(fileURLWithPath: path))
        }
        try rig.start()
        #expect(eventually { rig.viewsOrdinal == 3 }, "the epoch, the stream and the batch")
        #expect(try rig.usage() == before)
        #expect(try rig.done(.verify(tenant: nil)).contains("clean"))
    }

    @Test("With the views held back for a minute the report shows everything acknowledged, running, killed or stopped")
    func viewsHeldBack() throws {
        let rig = try Rig(faults: Faults(viewsDelay: .seconds(60)))
        _ = try filled(rig)
        #expect(rig.metrics.value(.viewTransactions) == 0, "the fault is in force")
        let running = try rig.usage(by: ["day", "model"])
        #expect(running.totals.events == 10)
        let killed = try Rig(path: try rig.copyOfFiles(), starts: false)
        #expect(try killed.usage(by: ["day", "model"]) == running)
        rig.stop()
        #expect(try rig.usage(by: ["day", "model"]) == running)
    }

    @Test("Periods that cut quarter-hours are exact, with views up to date, held back or gone")
    func cutPeriods() throws {
        let start: Int64 = (Int64(Date().timeIntervalSince1970 * 1_000) / 900_000 - 20) * 900_000
        for delay in [Duration.zero, .seconds(60)] {
            let rig = try Rig(faults: Faults(viewsDelay: delay))
            var spool = Spool(token: try rig.enroll())
            let peer = try rig.peer()
            try peer.open(spool.hello())
            // One event a minute for two hours.
            let events = try (0..<120).flatMap { try plainEvents(1, at: start + Int64($0) * 60_000) }
            peer.send(.batch(try spool.batch(events)))
            try peer.ack(through: 120)
            if delay == .zero { #expect(eventually { rig.viewsOrdinal == 3 }) }
            for (since, until) in [(0, 120), (1, 119), (7, 8), (7, 7), (14, 16), (15, 30), (20, 95), (119, 400)] {
                let from = start + Int64(since) * 60_000
                let to = start + Int64(until) * 60_000
                let usage = try rig.usage(since: "\(from)", until: "\(to)")
                let expected = max(0, min(until, 120) - since)
                #expect(usage.totals.events == expected, "\(since)..<\(until), views delay \(delay)")
                #expect(usage.totals.first_ms == (expected > 0 ? from : nil))
            }
        }
    }

    @Test("A full segment is sealed, the next begins with a checkpoint, and a start reads the last one alone")
    func segments() throws {
        var options = LogOptions()
        options.segmentBytes = 4_096
        options.preallocationBytes = 4_096
        let rig = try Rig(options: options)
        var spool = Spool(token: try rig.enroll())
        let peer = try rig.peer()
        try peer.open(spool.hello())
        for _ in 0..<40 {
            peer.send(.batch(try spool.batch(plainEvents(100))))
            try peer.ack(through: spool.last)
        }
        let folder = try #require(try rig.tenantFolders().first) + "/ledger"
        let segments = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".log") }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(names.count > 3, "several segments: \(names) \(segments)")
        let before = try rig.usage()
        #expect(before.totals.events == 4_000)
        let verified = try rig.done(.verify(tenant: nil))
        #expect(verified.contains("clean"))
        rig.stop()
        try rig.start()
        let next = try rig.peer()
        #expect(try next.open(spool.hello()).committed.chain == spool.chain)
        next.send(.batch(try spool.batch(plainEvents(1))))
        try next.ack(through: 4_001)
        #expect(try rig.usage().totals.events == 4_001)
        #expect(try rig.done(.verify(tenant: nil)).contains("clean"))
        // An old event's chain is still found.
        next.send(.probe(sequence: Sequence64(0)))
        #expect(try next.frame() == .chain(sequence: .zero, value: Chain.initial(spool.stream)))
    }

    @Test("A stop with batches in flight commits and acknowledges what was received, and says so in GOAWAY")
    func stopInFlight() throws {
        let rig = try Rig()
        let token = try rig.enroll()
        var spools: [(WirePeer, UInt64)] = []
        for _ in 0..<8 {
            var spool = Spool(token: token)
            let peer = try rig.peer()
            try peer.open(spool.hello())
            for _ in 0..<50 { peer.send(.batch(try spool.batch(plainEvents(20)))) }
            spools.append((peer, spool.last))
        }
        let started = Date()
        rig.stop()
        #expect(Date().timeIntervalSince(started) < 10)
        var acknowledged: UInt64 = 0
        for (peer, last) in spools {
            let goaway = try peer.goaway()
            #expect(goaway.reason == .shutdown)
            #expect(goaway.committed.value <= last)
            acknowledged += goaway.committed.value
        }
        let usage = try rig.usage()
        #expect(usage.totals.events == Int(acknowledged))
        #expect(rig.metrics.value(.eventsCommitted) == Int(acknowledged))
        #expect(rig.metrics.value(.connections) == 0)
        #expect(rig.metrics.value(.streams) == 0)
        #expect(rig.metrics.value(.hellosRefused) == 0)
    }

    @Test("A stop does not wait for peers that are silent, half-way through a handshake or without HELLO")
    func stopSilent() throws {
        let rig = try Rig()
        let silent = try rig.peer()
        let target = try rig.gateway.address
        let half = try RawConnection(to: target)
        half.send([0x16, 0x03, 0x01])
        usleep(50_000)
        let started = Date()
        rig.stop()
        #expect(Date().timeIntervalSince(started) < 9)
        #expect(try silent.goaway().reason == .shutdown)
        _ = half
    }

    @Test("Verify finds a flipped byte of the ledger and a changed cell of the views, and changes nothing")
    func verifyFinds() throws {
        let rig = try Rig()
        _ = try filled(rig)
        rig.stop()
        #expect(rig.call(.verify(tenant: "acme")).exitCode == 0)
        let folder = try #require(try rig.tenantFolders().first)
        // The views: a count in every row of the rollups, which then agree with each other here.
        let views = folder + "/views.sqlite"
        let tables = ["rollup", "session_rollup", "hour_rollup"]
        try SQLiteShell.run(views, tables.map { "UPDATE \($0) SET input_tokens = input_tokens + 1;" }.joined())
        let changed = rig.call(.verify(tenant: "acme"))
        #expect(changed.exitCode == 1)
        #expect(changed.output.contains("cells of the views differ"))
        try SQLiteShell.run(views, tables.map { "UPDATE \($0) SET input_tokens = input_tokens - 1;" }.joined())
        #expect(rig.call(.verify(tenant: "acme")).exitCode == 0)
        try rig.start()
        let ledger = folder + "/ledger"
        let segment = try #require(
            try FileManager.default.contentsOfDirectory(atPath: ledger).sorted().first { $0.contains("1") })
        try flip(ledger + "/" + segment, at: 400)
        let flipped = rig.call(.verify(tenant: nil))
        #expect(flipped.exitCode == 1)
        #expect(flipped.output.contains("problems"), "\(flipped)")
    }

    @Test("A damaged tenant is quarantined by name while all others go on")
    func quarantine() throws {
        let rig = try Rig()
        let names = ["red", "blue"]
        let tokens = try names.map { try rig.enroll($0, "one") }
        for token in tokens {
            var spool = Spool(token: token)
            let peer = try rig.peer()
            try peer.open(spool.hello())
            peer.send(.batch(try spool.batch(plainEvents(10))))
            try peer.ack(through: 10)
        }
        rig.stop()
        // The folders' names are random: the one whose ledger is damaged shows itself.
        let folder = try #require(try rig.tenantFolders().first)
        let ledger = folder + "/ledger"
        let segment = try #require(
            try FileManager.default.contentsOfDirectory(atPath: ledger).sorted().first { $0.contains("1") })
        try flip(ledger + "/" + segment, at: 400)
        try rig.start()
        let hits = names.indices.filter {
            rig.log.text.contains("tenant quarantined; all others go on tenant=\(names[$0])")
        }
        #expect(hits.count == 1)
        let broken = try #require(hits.first)
        let sound = 1 - broken
        let reply = rig.call(.tenantShow(name: names[broken]))
        #expect(reply.output.contains("quarantined"))
        let arguments = UsageArguments(
            tenant: names[broken], by: ["day"], since: nil, until: nil, timezone: nil, model: nil, workstation: nil)
        let usage = rig.call(.usage(arguments))
        #expect(usage.exitCode == 1)
        #expect(usage.failure?.contains("quarantined") == true)
        #expect(try rig.usage(names[sound]).totals.events == 10)
        var spool = Spool(token: tokens[sound])
        let peer = try rig.peer()
        try peer.open(spool.hello())
        peer.send(.batch(try spool.batch(plainEvents(1))))
        try peer.ack(through: 1)
        let refused = try rig.peer()
        refused.send(.hello(Spool(token: tokens[broken]).hello()))
        #expect(try refused.goaway().reason == .tenantUnavailable)
        #expect(rig.call(.verify(tenant: nil)).exitCode == 1)
    }

    @Test("A catalog of a newer version is refused with a clear message, and nothing is changed")
    func newerCatalog() throws {
        let rig = try Rig()
        _ = try rig.enroll()
        rig.stop()
        let catalog = rig.path + "/catalog.sqlite"
        try SQLiteShell.run(catalog, "PRAGMA user_version = 99")
        let before = FileManager.default.contents(atPath: catalog)
        let reply = rig.call(.tenantList)
        #expect(reply.exitCode == 1)
        #expect(reply.failure?.contains("newer version") == true)
        #expect(reply.failure?.contains("upgrade") == true)
        #expect(FileManager.default.contents(atPath: catalog) == before)
    }

    @Test("A second owner of a data folder is refused and told who has it")
    func secondOwner() throws {
        let rig = try Rig()
        do {
            _ = try DataFolder(path: rig.path)
            Issue.record("a second owner got the folder")
        } catch {
            #expect("\(error)".contains("in use by process \(ProcessInfo.processInfo.processIdentifier)"))
        }
    }
}
