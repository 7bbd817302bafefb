import Foundation
import Synchronization
import TallyGateway
import TallyIO
import TallyLog
import TallyModel
import TallyProtocol
import TallyStorage
import TallyWire
import TestDisk
import Testing

/// Real folders in which some tenants' ledgers find no room for new files, as long as a test says so.
final class NoRoom: Sendable {
    private let state = Guarded((full: Set<String>(), refused: 0))

    func fill(_ tenant: String) { state.withLock { _ = $0.full.insert(tenant) } }
    func free(_ tenant: String) { state.withLock { _ = $0.full.remove(tenant) } }
    /// How often there was no room.
    var refused: Int { state.withLock { $0.refused } }

    var ledgerDisk: Services.LedgerDisk {
        { tenant, folder throws(SystemError) in
            RoomlessDisk(
                folder: try folder.openOrMakeDirectory(TenantLedger.folderName), tenant: tenant.name.text, room: self)
        }
    }

    fileprivate func check(_ tenant: String, _ name: String) throws(SystemError) {
        let isFull = state.withLock { state in
            guard state.full.contains(tenant) else { return false }
            state.refused += 1
            return true
        }
        if isFull { throw SystemError("open", name, number: ENOSPC) }
    }
}

private struct RoomlessDisk: LogDisk {
    let folder: Directory
    let tenant: String
    let room: NoRoom

    func listFiles() throws(SystemError) -> [String] { try folder.listFiles() }
    func createFile(_ name: String) throws(SystemError) -> any LogFile {
        try room.check(tenant, name)
        return try folder.createFile(name)
    }
    func openFile(_ name: String, _ access: Directory.Access) throws(SystemError) -> any LogFile {
        try folder.openFile(name, access)
    }
    func renameFile(_ name: String, to newName: String) throws(SystemError) {
        try folder.renameFile(name, to: newName)
    }
    func unlinkFile(_ name: String) throws(SystemError) { try folder.unlinkFile(name) }
    func syncFolder() throws(SystemError) { try folder.syncFolder() }
}

/// A disk that is full when the gateway starts.
@Suite("Gateway that starts without room")
struct FullStartTests {
    /// The events of the tenants red and blue, as their workstations have them.
    private struct Spools: ~Copyable {
        var red: Spool
        var blue: Spool
    }

    /// Two tenants with ten events each, stopped; nothing proves the last of them durable, so that a start has to write
    /// them anew.
    private func stopped(_ rig: Rig) throws -> Spools {
        var spools = Spools(
            red: Spool(token: try rig.enroll("red", "one")), blue: Spool(token: try rig.enroll("blue", "one")))
        try send(&spools.red, rig)
        try send(&spools.blue, rig)
        rig.stop()
        let files = FileManager.default
        for folder in try rig.tenantFolders() {
            for name in try files.contentsOfDirectory(atPath: folder) where name.hasPrefix("views") {
                try files.removeItem(atPath: folder + "/" + name)
            }
            try files.removeItem(atPath: folder + "/ledger/durable")
        }
        return spools
    }

    private func send(_ spool: inout Spool, _ rig: Rig) throws {
        let peer = try rig.peer()
        try peer.open(spool.hello())
        peer.send(.batch(try spool.batch(plainEvents(10))))
        try peer.ack(through: 10)
    }

    private func usage(_ tenant: String) -> AdminRequest {
        .usage(
            UsageArguments(
                tenant: tenant, by: ["day"], since: nil, until: nil, timezone: nil, model: nil, workstation: nil))
    }

    @Test("A gateway that starts on a full disk serves its tenants as soon as there is room, and nobody else waits")
    func waits() throws {
        let room = NoRoom()
        let rig = try Rig(ledgerDisk: room.ledgerDisk)
        var spools = try stopped(rig)
        room.fill("red")
        try rig.start()
        let begun = "tenant waits to be opened; it is tried again by itself tenant=red"
        #expect(rig.log.text.contains(begun), "\(rig.log.text)")
        // Nobody else waits.
        let other = try rig.peer()
        #expect(try other.open(spools.blue.hello()).committed.sequence.value == 10)
        other.send(.batch(try spools.blue.batch(plainEvents(5))))
        try other.ack(through: 15)
        #expect(try rig.usage("blue").totals.events == 15)
        // It is said to whoever asks.
        for request in [AdminRequest.tenantShow(name: "red"), .tenantList] {
            let text = try rig.done(request)
            #expect(text.contains("waiting: ") && text.contains("No space left"), "\(text)")
        }
        let verified = rig.call(.verify(tenant: nil))
        #expect(verified.exitCode == 1 && verified.output.contains("waiting to be opened"), "\(verified)")
        #expect(rig.call(usage("red")).failure?.contains("waits to be opened") == true)
        #expect(rig.call(.rebuild(tenant: "red")).failure?.contains("waits to be opened") == true)
        let early = try rig.peer()
        early.send(.hello(spools.red.hello()))
        let goaway = try early.goaway()
        #expect(goaway.reason == .storage && goaway.reconnectMs == Limits.storageRetry.wholeMilliseconds)
        // It is tried again by itself, and said once.
        let before = room.refused
        #expect(eventually(seconds: 15) { room.refused >= before + 2 })
        #expect(rig.log.all.count { $0.contains(begun) } == 1)
        other.send(.batch(try spools.blue.batch(plainEvents(5))))
        try other.ack(through: 20)

        room.free("red")
        let opened = "tenant open; it waits no longer tenant=red"
        #expect(eventually(seconds: 15) { rig.log.text.contains(opened) })
        let peer = try rig.peer()
        #expect(try peer.open(spools.red.hello()).committed.sequence.value == 10)
        peer.send(.batch(try spools.red.batch(plainEvents(5))))
        try peer.ack(through: 15)
        #expect(try rig.usage("red").totals.events == 15)
        #expect(eventually { rig.metrics.value(.tenants) == 2 })
        #expect(try rig.done(.verify(tenant: nil)).contains("clean"))
        #expect(!(try rig.done(.tenantList).contains("waiting")))
        #expect(rig.log.all.count { $0.contains(opened) } == 1)
        #expect(!rig.log.text.contains("quarantined") && rig.fatal.all == [])
    }

    @Test("A tenant that waits for room survives stops and starts, can be deleted, and does not come back")
    func deleted() throws {
        let room = NoRoom()
        let rig = try Rig(ledgerDisk: room.ledgerDisk)
        let spools = try stopped(rig)
        room.fill("red")
        for _ in 0..<2 {
            try rig.start()
            #expect(try rig.done(.tenantShow(name: "red")).contains("waiting: "))
            rig.stop()
        }
        try rig.start()
        #expect(try rig.tenantFolders().count == 2)
        try rig.done(.tenantDelete(name: "red"))
        #expect(try rig.tenantFolders().count == 1)
        room.free("red")
        usleep(UInt32(Limits.openingRetry.wholeMilliseconds + 500) * 1_000)
        #expect(try rig.tenantFolders().count == 1)
        #expect(!rig.log.text.contains("it waits no longer") && !rig.log.text.contains("quarantined"))
        #expect(try rig.peer().open(spools.blue.hello()).committed.sequence.value == 10)
    }

    @Test("A tenant made on a full disk waits, and serves its workstation once there is room")
    func made() throws {
        let room = NoRoom()
        let rig = try Rig(ledgerDisk: room.ledgerDisk)
        room.fill("acme")
        let reply = rig.call(.tenantCreate(name: "acme", plan: "pro", retentionDays: nil))
        #expect(reply.failure?.contains("waits to be opened") == true, "\(reply)")
        var spool = Spool(token: try rig.enroll("acme"))
        room.free("acme")
        #expect(eventually(seconds: 15) { rig.log.text.contains("it waits no longer tenant=acme") })
        let peer = try rig.peer()
        try peer.open(spool.hello())
        peer.send(.batch(try spool.batch(plainEvents(1))))
        try peer.ack(through: 1)
    }

    @Test("A stop without room for its mark says so and is no failure; the next start has everything")
    func unmarkedStop() throws {
        let room = NoRoom()
        let rig = try Rig(ledgerDisk: room.ledgerDisk)
        var spool = Spool(token: try rig.enroll("acme"))
        let peer = try rig.peer()
        try peer.open(spool.hello())
        peer.send(.batch(try spool.batch(plainEvents(3))))
        try peer.ack(through: 3)
        room.fill("acme")
        rig.stop()
        #expect(rig.log.all.contains { $0.contains("warning") && $0.contains("no room to mark a clean stop") })
        #expect(!rig.log.text.contains("critical") && rig.fatal.all == [])
        room.free("acme")
        try rig.start()
        #expect(try rig.peer().open(spool.hello()).committed.sequence.value == 3)
    }

    @Test("A recovery that finds no room, wherever it is cut off, leaves the tenant waiting with all that it held")
    func everyByte() throws {
        let rig = try CoreRig()
        let spool = CoreSpool(rig.tenants[0])
        try rig.claim(spool)
        rig.take(try spool.batch(20))
        #expect(rig.commit().committed(spool.connection) == 20)
        let disk = rig.disks[0]
        let before = disk.snapshot()
        var waits = 0
        for bytes in stride(from: 0, through: 2_000, by: 50) {
            disk.restore(before)
            disk.fill(after: bytes)
            guard let problem = rig.openOnce(rig.tenants[0], on: disk) else { continue }
            waits += 1
            guard case .waiting? = rig.board[rig.tenants[0].id] else {
                Issue.record("after \(bytes) bytes: \(problem)")
                continue
            }
            rig.take(.claim(spool.request()))
            let news = rig.core.takeNews().told(spool.connection)
            #expect(news == [.claimFailed(.storage, reconnectMs: Limits.storageRetry.wholeMilliseconds)])
            disk.fill(after: .max)
            // The same core tries again.
            #expect(rig.core.open(rig.tenants[0], disk: disk, viewsThrough: 0, now: rig.now) == nil)
            #expect(try rig.claim(spool).committed.sequence.value == 20)
        }
        #expect(waits > 5)
    }

    @Test("A failed sync at a start is damage to be looked at, not a want of room")
    func failedSync() throws {
        let rig = try CoreRig()
        let spool = CoreSpool(rig.tenants[0])
        try rig.claim(spool)
        rig.take(try spool.batch(20))
        rig.commit()
        rig.disks[0].kill()
        rig.disks[0].failSync(after: 1)
        #expect(rig.openOnce(rig.tenants[0], on: rig.disks[0]) != nil)
        guard case .quarantined? = rig.board[rig.tenants[0].id] else {
            Issue.record("not quarantined")
            return
        }
    }

    @Test("Errors of a full or failing disk are told in words")
    func words() {
        let write = StorageError.database(file: "views.sqlite", code: 778)
        #expect("\(write)" == "views.sqlite: the disk failed or is full while writing it; SQLite code 778")
        #expect(write.condemnsDerivedFile && !write.isPassing)
        #expect("\(StorageError.database(file: "f", code: 266))".contains("while reading it"))
        #expect("\(StorageError.database(file: "f", code: 14))".contains("cannot be opened"))
        let full = StorageError.diskFull(file: "views.sqlite-shm")
        #expect(full.isPassing && !full.condemnsDerivedFile)
        #expect(StorageError.system(SystemError("open", "f", number: EMFILE)).isPassing)
        #expect(!StorageError.system(SystemError("open", "f", number: EIO)).isPassing)
        #expect(!StorageError.damaged(file: "f").isPassing)
    }
}
