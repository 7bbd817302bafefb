import Foundation
import Testing

/// The workstation's program beside a gateway that goes, comes back, and comes back as it was.
@Suite("Workstation", .serialized)
struct WorkstationTests {
    @Test("An old copy of the gateway's folder put back is told again what it lost, once")
    func oldCopy() throws {
        let sandbox = try Sandbox()
        let files = FileManager.default
        _ = try sandbox.generate(seed: 11, calls: 400)
        var gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        #expect(try sandbox.tally("sync").status == 0)
        let port = gateway.port
        #expect(gateway.stop() == 0)
        let copy = Process()
        copy.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        copy.arguments = ["cp", "-a", sandbox.data, sandbox.path("copy")]
        try copy.run()
        copy.waitUntilExit()
        try #require(copy.terminationStatus == 0)
        gateway = try RunningGateway(sandbox, port: port)
        for round in 0..<3 {
            let sent = try sandbox.tally("send", input: calls(round * 40..<(round + 1) * 40))
            try #require(sent.status == 0, "\(sent.errors)")
        }
        let before = try sandbox.usage().totals
        #expect(before.events > 120)
        #expect(gateway.stop() == 0)
        try files.moveItem(atPath: sandbox.data, toPath: sandbox.path("newer"))
        try files.moveItem(atPath: sandbox.path("copy"), toPath: sandbox.data)
        gateway = try RunningGateway(sandbox, port: port)
        #expect(try sandbox.usage().totals.events == before.events - 120, "the copy is older")
        for _ in 0..<2 {
            let synced = try sandbox.tally("sync")
            #expect(synced.status == 0, "\(synced.errors)")
            #expect(try sandbox.usage().totals == before)
        }
        #expect(try sandbox.usage().gaps.events == 0)
        #expect(gateway.stop() == 0)
        let verified = try sandbox.tallygate("verify")
        #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
    }

    @Test("A sync with nothing to send sees that the gateway is away, and that the token was revoked")
    func contact() throws {
        let sandbox = try Sandbox()
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        let empty = try sandbox.tally("sync")
        #expect(empty.status == 0, "\(empty.errors)")
        let port = gateway.port
        #expect(gateway.stop() == 0)
        let away = try sandbox.tally("sync", "--wait", "1")
        #expect(away.status == 75)
        #expect(away.errors.contains("nothing waits to be sent, but the gateway was not heard"))
        let back = try RunningGateway(sandbox, port: port)
        #expect(
            try sandbox.tallygate("workstation", "revoke", "--tenant", "demo", "--workstation", "laptop").status == 0)
        let revoked = try sandbox.tally("sync")
        #expect(revoked.status == 75)
        #expect(revoked.errors.contains("token"), "\(revoked.errors)")
        #expect(back.stop() == 0)
    }

    @Test("While tally run works, status tells what only it knows, commands hand over, and an idle one sleeps")
    func live() throws {
        let sandbox = try Sandbox()
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        let alone = try sandbox.tally("status", "--json")
        #expect(try Status(alone.output).running == nil)
        let follower = sandbox.process("tally", ["run"])
        follower.standardOutput = FileHandle.nullDevice
        follower.standardError = FileHandle.nullDevice
        try follower.run()
        defer { if follower.isRunning { kill(follower.processIdentifier, SIGKILL) } }
        usleep(1_500_000)
        #expect(try sandbox.tally("send", input: calls(0..<25)).status == 0)
        let status = try Status(try sandbox.tally("status", "--json").output)
        let running = try #require(status.running)
        #expect(running.connection == "connected")
        #expect(running.sent == 25 && running.acknowledged == 25 && running.spooled == 25)
        #expect(status.spooled == 25 && status.waiting == 0)
        #expect(try sandbox.tally("status").output.contains("running        connected, heard "))
        let letters = try sandbox.tally("deadletters", "list")
        #expect(letters.status == 0 && letters.output == "there are no dead letters\n")
        #expect(try sandbox.tally("deadletters", "list", "--json").output == "[]\n")
        let resent = try sandbox.tally("deadletters", "resend", "--all")
        #expect(resent.status == 0 && resent.output.hasPrefix("0 events of 0 dead letters"), "\(resent.errors)")
        #expect(try sandbox.tally("deadletters", "resend", "1-7").status == 1)
        #expect(try sandbox.tally("deadletters", "resend").status != 0)
        // The search after the last scan is over.
        usleep(2_500_000)
        let before = try switches(follower.processIdentifier)
        usleep(4_000_000)
        let woken = try switches(follower.processIdentifier) - before
        #expect(woken < 12, "\(woken) times in 4 s")
        follower.terminate()
        follower.waitUntilExit()
        #expect(follower.terminationStatus == 0)
        #expect(gateway.stop() == 0)
    }

    /// One call a line, of today.
    private func calls(_ numbers: Range<Int>) -> String {
        let now = Int(Date.now.timeIntervalSince1970 * 1_000)
        return numbers.map { number in
            """
            {"id":"call-\(number)","time_ms":\(now - number),"session":"6f1f4c8e-0f4a-4c1b-9d2e-3a5b7c9d1e2f",\
            "agent":"other","model":"claude-opus-4-5","input_tokens":\(100 + number),"output_tokens":7}

            """
        }.joined()
    }

    /// How often all threads of a process gave up their processor of their own will.
    private func switches(_ process: Int32) throws -> Int {
        let folder = "/proc/\(process)/task"
        return try FileManager.default.contentsOfDirectory(atPath: folder).reduce(0) { sum, thread in
            let text = (try? String(contentsOfFile: "\(folder)/\(thread)/status", encoding: .utf8)) ?? ""
            let line = text.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches:") }
            return sum + (line.flatMap { Int($0.split(separator: "\t").last ?? "") } ?? 0)
        }
    }
}

/// What `tally status --json` prints, as far as it is looked at here.
private struct Status: Decodable {
    struct Running: Decodable {
        let connection: String
        let sent: Int
        let spooled: Int
        let acknowledged: Int
    }

    let running: Running?
    let spooled: Int
    let waiting: Int

    init(_ json: String) throws {
        self = try JSONDecoder().decode(Status.self, from: Data(json.utf8))
    }
}
