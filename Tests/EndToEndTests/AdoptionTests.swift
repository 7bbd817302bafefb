import Foundation
import Testing

/// The real programs where a workstation's home is lost, put back or copied: nothing is counted twice, nothing is lost.
@Suite("A home that is lost, put back or copied", .serialized)
struct AdoptionTests {
    /// A sync that is killed after `milliseconds`.
    private func interrupted(_ sandbox: Sandbox, afterMs milliseconds: Int) throws {
        let sync = sandbox.process("tally", ["sync"])
        sync.standardOutput = FileHandle.nullDevice
        sync.standardError = FileHandle.nullDevice
        try sync.run()
        usleep(UInt32(milliseconds * 1_000))
        kill(sync.processIdentifier, SIGKILL)
        sync.waitUntilExit()
    }

    private func enrollAgain(_ sandbox: Sandbox, as workstation: String) throws {
        let line = try sandbox.tallygate("enroll", "--tenant", "demo", "--workstation", workstation)
        try #require(line.status == 0, "\(line.errors)")
        let arguments = line.output.split(separator: "\n")[0].split(separator: " ").map(String.init)
        let connected = try sandbox.run("tally", Array(arguments.dropFirst()))
        try #require(connected.status == 0, "\(connected.errors)")
    }

    private func expectTruth(_ sandbox: Sandbox, _ truth: Truth) throws {
        let report = try sandbox.usage(by: "model")
        #expect(report.rows == truth.models)
        #expect(report.totals == truth.totals)
        let verified = try sandbox.tallygate("verify")
        #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
    }

    @Test(
        "A workstation that lost its home and is enrolled again counts nothing twice",
        arguments: [60, 150, 300, 100_000])
    func lostHome(afterMs: Int) throws {
        let sandbox = try Sandbox()
        let truth = try sandbox.generate(seed: 40 + afterMs, calls: 2_500)
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        if afterMs < 1_000 {
            try interrupted(sandbox, afterMs: afterMs)
        } else {
            #expect(try sandbox.tally("sync").status == 0)
        }
        try FileManager.default.removeItem(atPath: sandbox.home)
        try enrollAgain(sandbox, as: "laptop-again")
        let synced = try sandbox.tally("sync")
        #expect(synced.status == 0, "\(synced.errors)")
        if afterMs > 1_000 {
            #expect(synced.output.contains("the gateway has counted them before"), "\(synced.output)")
        }
        try expectTruth(sandbox, truth)
        let status = try sandbox.tally("status", "--json")
        #expect(status.output.contains("\"differing\":0"), "\(status.output)")
        #expect(gateway.stop() == 0)
    }

    @Test("A home put back from a snapshot counts what came after it once")
    func snapshot() throws {
        let sandbox = try Sandbox()
        let truth = try sandbox.generate(seed: 51, calls: 2_500)
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        try interrupted(sandbox, afterMs: 120)
        let copy = sandbox.path("snapshot")
        try FileManager.default.copyItem(atPath: sandbox.home, toPath: copy)
        #expect(try sandbox.tally("sync").status == 0)
        try FileManager.default.removeItem(atPath: sandbox.home)
        try FileManager.default.moveItem(atPath: copy, toPath: sandbox.home)
        for _ in 0..<2 {
            let synced = try sandbox.tally("sync")
            #expect(synced.status == 0, "\(synced.errors)")
        }
        try expectTruth(sandbox, truth)
        #expect(gateway.stop() == 0)
    }

    @Test("A clone of a workstation counts its own work and nothing twice")
    func clone() throws {
        let sandbox = try Sandbox()
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        let start = Int(Date().timeIntervalSince1970 * 1_000) - 3_600_000
        func line(_ id: Int, _ tokens: Int) -> String {
            "{\"kind\":\"usage\",\"id\":\"call-\(id)\",\"time_ms\":\(start + id),\"session\":\"shared\","
                + "\"agent\":\"other\",\"model\":\"claude-opus-4-8\",\"input_tokens\":\(tokens)}\n"
        }
        let common = (0..<50).map { line($0, 1_000) }.joined()
        #expect(try sandbox.tally("send", input: common).status == 0)
        let clone = ["TALLY_HOME": sandbox.path("clone")]
        try FileManager.default.copyItem(atPath: sandbox.home, toPath: sandbox.path("clone"))
        // Each goes on in the same session; the clone gets the common part again, too.
        #expect(try sandbox.tally("send", input: (100..<130).map { line($0, 10) }.joined()).status == 0)
        let own = common + (200..<240).map { line($0, 1) }.joined()
        let sent = try sandbox.tally("send", input: own, extra: clone)
        #expect(sent.status == 0, "\(sent.errors)")
        #expect(try sandbox.tally("send", input: (300..<310).map { line($0, 100) }.joined()).status == 0)
        #expect(try sandbox.usage().totals.input == 50 * 1_000 + 30 * 10 + 40 + 10 * 100)
        #expect(gateway.stop() == 0)
    }
}
