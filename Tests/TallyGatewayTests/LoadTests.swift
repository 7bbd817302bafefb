import Foundation
import TallyGateway
import TallyModel
import TallyStorage
import TallyWire
import Testing

/// Many tenants, many connections, and reports while the numbers grow.
@Suite("Gateway under load")
struct LoadTests {
    @Test("A report shows everything that was acknowledged before it was asked for, however the views race behind")
    func reportsWhileGrowing() throws {
        let rig = try Rig()
        let token = try rig.enroll()
        var acknowledged = 0
        for _ in 0..<6 {
            // New streams are bound while the views move.
            var spool = Spool(token: token)
            let peer = try rig.peer()
            try peer.open(spool.hello())
            for step in 1...8 {
                peer.send(.batch(try spool.batch(plainEvents(20 * step))))
                try peer.ack(through: spool.last)
                acknowledged += 20 * step
                #expect(try rig.usage(by: ["model"]).totals.events == acknowledged)
                usleep(15_000)
            }
        }
        #expect(try rig.done(.verify(tenant: nil)).contains("clean"))
    }

    @Test("Twelve tenants that write at once share barriers, and each has its own numbers")
    func manyTenants() throws {
        let rig = try Rig()
        let names = (0..<12).map { "tenant-\($0)" }
        let tokens = try names.map { try rig.enroll($0, "one") }
        let peers = try names.map { _ in try rig.peer() }
        for index in names.indices { peers[index].send(.hello(Spool(token: tokens[index]).hello())) }
        for peer in peers { _ = try peer.welcome() }
        for index in names.indices {
            peers[index].cut()
        }
        let again = try names.map { _ in try rig.peer() }
        for index in names.indices {
            var spool = Spool(token: tokens[index])
            try again[index].open(spool.hello())
            for _ in 0..<20 { again[index].send(.batch(try spool.batch(plainEvents(index + 1)))) }
        }
        for index in names.indices { try again[index].ack(through: UInt64(20 * (index + 1))) }
        for index in names.indices {
            #expect(try rig.usage(names[index]).totals.events == 20 * (index + 1))
        }
        #expect(try rig.done(.verify(tenant: nil)).split(separator: "\n").allSatisfy { $0.hasSuffix("clean") })
        rig.stop()
        try rig.start()
        for index in names.indices {
            #expect(try rig.usage(names[index]).totals.events == 20 * (index + 1))
        }
        #expect(rig.metrics.value(.tenants) == 12)
    }

    @Test("Connections that vanish at any moment of their beginning leave nothing behind")
    func vanishing() throws {
        let rig = try Rig()
        let token = try rig.enroll()
        var spool = Spool(token: token)
        for round in 0..<40 {
            let peer = try rig.peer()
            if round % 4 > 0 { peer.send(.hello(spool.hello())) }
            if round % 4 > 1 { peer.send(.ping(opaque: 1)) }
            if round % 4 > 2 { _ = try peer.frame() }
            peer.cut()
        }
        // The queue that owns the streams hears of an end behind the connection's.
        #expect(eventually { rig.metrics.value(.connections) == 0 && rig.metrics.value(.streams) == 0 })
        let peer = try rig.peer()
        try peer.open(spool.hello())
        peer.send(.batch(try spool.batch(plainEvents(3))))
        try peer.ack(through: 3)
        #expect(rig.metrics.value(.streams) == 1)
        #expect(rig.metrics.value(.connections) == 1)
        #expect(try rig.usage().totals.events == 3)
    }

    @Test("A first start has no tenants and says so, and every command has an answer")
    func firstStart() throws {
        let rig = try Rig()
        #expect(try rig.done(.tenantList).contains("no tenants yet"))
        #expect(try rig.done(.tenantList, .json).contains(#""tenants":[]"#))
        #expect(rig.call(.verify(tenant: nil)).exitCode == 0)
        let unknown = rig.call(.workstationList(tenant: "acme"))
        #expect(unknown.exitCode == 1 && unknown.failure?.contains("no tenant acme") == true)
        try rig.done(.tenantCreate(name: "acme", plan: "free", retentionDays: nil))
        #expect(rig.call(.tenantCreate(name: "acme", plan: "pro", retentionDays: nil)).exitCode == 1)
        for name in ["", "UPPER", "-x", String(repeating: "a", count: 64), "a/b", "."] {
            #expect(rig.call(.tenantCreate(name: name, plan: "pro", retentionDays: nil)).exitCode == 1, "\(name)")
        }
        #expect(rig.call(.tenantCreate(name: "b", plan: "pro", retentionDays: 5)).exitCode == 1)
        #expect(rig.call(.tenantCreate(name: "c", plan: "gold", retentionDays: nil)).exitCode == 1)
        try rig.done(.tenantCreate(name: "d", plan: "custom", retentionDays: 5))
        #expect(try rig.done(.tenantShow(name: "d")).contains("5 days"))
    }

    @Test("Commands that come at once, while the gateway stops and starts, all get an answer")
    func commandsWhileRestarting() async throws {
        let rig = try Rig()
        _ = try rig.enroll()
        let failures = await withTaskGroup(of: [String].self) { group in
            for _ in 0..<3 {
                group.addTask {
                    await offPool { (0..<6).compactMap { _ in rig.call(.tenantList).failure } }
                }
            }
            group.addTask {
                await offPool {
                    rig.stop()
                    // A command may have the folder for a moment.
                    let isUp = eventually { (try? rig.start()) != nil }
                    return isUp ? [] : ["it did not start again"]
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(failures == [])
    }
}

/// Runs what blocks on a thread of its own.
private func offPool<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread { continuation.resume(returning: body()) }
    }
}
