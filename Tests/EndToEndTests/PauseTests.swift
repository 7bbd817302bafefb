import Foundation
import Testing

/// `tally pause` and `tally resume` as a person uses them, beside a running `tally run` and without one.
@Suite("Pausing", .serialized)
struct PauseTests {
    @Test("While a pause holds nothing is read or sent, over restarts; afterwards everything is counted, once")
    func holds() throws {
        let sandbox = try Sandbox()
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        try append(0..<3, to: sandbox)
        #expect(try sandbox.tally("sync").status == 0)
        var follower = try sandbox.follow()
        defer { if follower.isRunning { kill(follower.processIdentifier, SIGKILL) } }
        let paused = try sandbox.tally("pause")
        #expect(paused.status == 0 && paused.output.contains("paused until tally resume"), "\(paused.errors)")
        // The three calls, and what the session did meanwhile.
        let before = try counts(sandbox)
        #expect(before.acknowledged >= 3)
        try append(3..<7, to: sandbox)
        for _ in 0..<2 {
            usleep(4_000_000)
            #expect(try sandbox.usage().totals.events == 3)
            #expect(try counts(sandbox) == before, "nothing is read either")
            let status = try sandbox.tally("status")
            #expect(
                status.output.contains("running        paused") && status.output.contains("paused         paused until")
            )
            let sync = try sandbox.tally("sync")
            #expect(sync.status == 75 && sync.errors.contains("tally resume ends it"), "\(sync.errors)")
            #expect(try sandbox.tally("send", input: "{}").status == 75)
            // A program that is started anew keeps still too.
            follower.terminate()
            follower.waitUntilExit()
            #expect(follower.terminationStatus == 0)
            follower = try sandbox.follow()
        }
        let resumed = try sandbox.tally("resume")
        #expect(resumed.status == 0 && resumed.output.hasPrefix("resumed"))
        try wait(for: 7, sandbox)
        #expect(try sandbox.tally("sync").status == 0)
        #expect(try sandbox.usage().totals.events == 7)
        #expect(try sandbox.tally("resume").output == "not paused\n")
        follower.terminate()
        follower.waitUntilExit()
        #expect(gateway.stop() == 0)
    }

    @Test("A pause for a time turns commands away and ends by itself under a running tally")
    func ends() throws {
        let sandbox = try Sandbox()
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        try append(0..<2, to: sandbox)
        #expect(try sandbox.tally("pause", "--for", "never").status != 0)
        #expect(try sandbox.tally("pause", "--for", "1h").output.contains("paused until 2"))
        #expect(try sandbox.tally("sync").status == 75)
        #expect(try sandbox.tally("status", "--json").output.contains("\"paused\":{\"until_ms\":"))
        let follower = try sandbox.follow()
        defer { if follower.isRunning { kill(follower.processIdentifier, SIGKILL) } }
        #expect(try sandbox.tally("pause", "--for", "6s").status == 0)
        usleep(1_000_000)
        #expect(try sandbox.usage().totals.events == 0)
        try wait(for: 2, sandbox)
        #expect(try sandbox.tally("status", "--json").output.contains("\"paused\":null"))
        follower.terminate()
        follower.waitUntilExit()
        #expect(gateway.stop() == 0)
    }

    /// Waits until the gateway's report has so many events.
    private func wait(for events: Int, _ sandbox: Sandbox) throws {
        var seen = 0
        for _ in 0..<150 where seen < events {
            usleep(200_000)
            seen = try sandbox.usage().totals.events
        }
        #expect(seen == events)
    }

    private struct Counts: Decodable, Equatable { let spooled, acknowledged: Int }

    private func counts(_ sandbox: Sandbox) throws -> Counts {
        try JSONDecoder().decode(Counts.self, from: Data(try sandbox.tally("status", "--json").output.utf8))
    }

    private func append(_ numbers: Range<Int>, to sandbox: Sandbox) throws {
        let folder = sandbox.path("homes/claude/projects/one")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let path = folder + "/6f1f4c8e-0f4a-4c1b-9d2e-3a5b7c9d1e2f.jsonl"
        if !FileManager.default.fileExists(atPath: path) {
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
        }
        let time = Date.now.formatted(.iso8601)
        let lines = numbers.map { number in
            """
            {"type":"assistant","sessionId":"6f1f4c8e-0f4a-4c1b-9d2e-3a5b7c9d1e2f","timestamp":"\(time)",\
            "requestId":"req_\(number)","message":{"id":"msg_\(number)","model":"claude-opus-4-5","role":"assistant",\
            "stop_reason":"end_turn","usage":{"input_tokens":\(100 + number),"output_tokens":50}}}

            """
        }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(lines.joined().utf8))
        try file.close()
    }
}
