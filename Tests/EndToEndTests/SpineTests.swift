import Foundation
import Testing

/// The whole way with the real programs: transcripts, spool, TLS, gateway, ledger, views, report.
@Suite("From a transcript to the report", .serialized)
struct SpineTests {
    @Test(
        "A workstation's transcripts become the tenant's report, to the token and the nano-USD, once",
        arguments: [1, 2])
    func truth(seed: Int) throws {
        let sandbox = try Sandbox()
        let truth = try sandbox.generate(seed: seed, calls: 1_500)
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        let first = try sandbox.tally("sync")
        #expect(first.status == 0, "\(first.errors)")
        let models = try sandbox.usage(by: "model")
        #expect(models.rows == truth.models)
        #expect(models.totals == truth.totals)
        #expect(try sandbox.usage(by: "day").rows == truth.days)
        let second = try sandbox.tally("sync")
        #expect(second.status == 0, "\(second.errors)")
        #expect(try sandbox.usage(by: "model").totals == truth.totals, "a second sync counts nothing twice")
        #expect(gateway.stop() == 0, "SIGTERM drains and exits with 0")
        #expect(try sandbox.usage(by: "model").rows == truth.models, "without a gateway the report is the same")
        let verified = try sandbox.tallygate("verify")
        #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
    }

    @Test("What was acknowledged is shown though the views are held back, gateway running, stopped or killed")
    func viewsHeldBack() throws {
        let sandbox = try Sandbox()
        let truth = try sandbox.generate(seed: 3, calls: 600)
        let delayed = ["TALLYGATE_FAULT_VIEWS_DELAY_MS": "60000"]
        let gateway = try RunningGateway(sandbox, extra: delayed)
        try sandbox.enroll()
        let synced = try sandbox.tally("sync")
        #expect(synced.status == 0, "\(synced.errors)")
        #expect(try sandbox.usage().totals == truth.totals)
        gateway.kill()
        #expect(try sandbox.usage().totals == truth.totals, "after a kill the ledger says the same")
    }

    @Test("A gateway killed while it receives loses nothing and counts nothing twice")
    func killedWhileReceiving() throws {
        let sandbox = try Sandbox()
        let truth = try sandbox.generate(seed: 4, calls: 3_000)
        let first = try RunningGateway(sandbox)
        try sandbox.enroll()
        let port = first.port
        let sync = sandbox.process("tally", ["sync", "--wait", "60"])
        sync.standardOutput = FileHandle.nullDevice
        sync.standardError = FileHandle.nullDevice
        try sync.run()
        var gateway = first
        for _ in 0..<3 where sync.isRunning {
            usleep(150_000)
            gateway.kill()
            gateway = try RunningGateway(sandbox, port: port)
        }
        sync.waitUntilExit()
        #expect(sync.terminationStatus == 0)
        #expect(try sandbox.usage().rows == truth.models)
        #expect(gateway.stop() == 0)
    }

    @Test("A workstation killed at any moment goes on where its spool stands")
    func workstationKilled() throws {
        let sandbox = try Sandbox()
        let truth = try sandbox.generate(seed: 5, calls: 3_000)
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        for delay in [20_000, 60_000, 120_000, 250_000] {
            let sync = sandbox.process("tally", ["sync"])
            sync.standardOutput = FileHandle.nullDevice
            sync.standardError = FileHandle.nullDevice
            try sync.run()
            usleep(UInt32(delay))
            kill(sync.processIdentifier, SIGKILL)
            sync.waitUntilExit()
        }
        let last = try sandbox.tally("sync")
        #expect(last.status == 0, "\(last.errors)")
        #expect(try sandbox.usage().rows == truth.models)
        #expect(gateway.stop() == 0)
    }

    @Test("With the gateway away sync ends with 75 and everything spooled; the next one delivers it")
    func gatewayAway() throws {
        let sandbox = try Sandbox()
        let truth = try sandbox.generate(seed: 6, calls: 300)
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        let port = gateway.port
        gateway.kill()
        let away = try sandbox.tally("sync", "--wait", "2")
        #expect(away.status == 75, "\(away.errors)")
        #expect((away.output + away.errors).contains("spooled"))
        let back = try RunningGateway(sandbox, port: port)
        #expect(try sandbox.tally("sync").status == 0)
        #expect(try sandbox.usage().totals == truth.totals)
        #expect(back.stop() == 0)
    }

    @Test("No canary of any transcript is found in any file of workstation or gateway")
    func canaries() throws {
        let sandbox = try Sandbox()
        _ = try sandbox.generate(seed: 7, calls: 600)
        let gateway = try RunningGateway(sandbox, extra: ["TALLYGATE_LOG_LEVEL": "debug"])
        try sandbox.enroll()
        #expect(try sandbox.tally("sync").status == 0)
        #expect(gateway.stop() == 0)
        let canary = Data("CANARY-".utf8)
        let planted = try files(below: sandbox.path("homes")).filter {
            try Data(contentsOf: $0).range(of: canary) != nil
        }
        #expect(!planted.isEmpty, "the transcripts hold canaries, or this test could not fail")
        var searched = 0
        for folder in [sandbox.data, sandbox.home] {
            for file in try files(below: folder) {
                searched += 1
                #expect(try Data(contentsOf: file).range(of: canary) == nil, "\(file.lastPathComponent)")
            }
        }
        #expect(searched > 5)
        #expect(try Data(contentsOf: URL(fileURLWithPath: gateway.log)).range(of: canary) == nil)
    }

    private func files(below folder: String) throws -> [URL] {
        let walk = FileManager.default.enumerator(
            at: URL(fileURLWithPath: folder), includingPropertiesForKeys: [.isRegularFileKey])
        return (walk?.compactMap { $0 as? URL } ?? []).filter {
            (try? $0.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile == true
        }
    }
}
