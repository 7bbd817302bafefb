import Foundation
import Testing

/// `tally ignore` as a person uses it, beside a running `tally run` and without one.
@Suite("Ignoring folders", .serialized)
struct IgnoreTests {
    @Test(
        "A running tally, the next sync and the report leave out an ignored folder, over restarts; its name stays here")
    func ignores() throws {
        let sandbox = try Sandbox()
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        let name = "CANARYNAMEzebra"
        let secret = sandbox.path(name)
        try append(0..<1, in: secret, to: sandbox)
        try append(10..<12, in: "/open", to: sandbox)
        #expect(try sandbox.tally("sync").status == 0)
        var follower = try sandbox.follow()
        defer { if follower.isRunning { kill(follower.processIdentifier, SIGKILL) } }
        let ignored = try sandbox.tally("ignore", secret)
        #expect(
            ignored.status == 0 && ignored.output.contains("what was counted before stays counted"), "\(ignored.errors)"
        )
        #expect(try sandbox.tally("ignore", "--list").output.contains(secret))
        #expect(try sandbox.tally("ignore", secret).output.hasPrefix("ignored already"))
        // The engine starts anew.
        usleep(2_000_000)
        try append(1..<3, in: secret + "/below", to: sandbox)
        try append(12..<13, in: "/open", to: sandbox)
        try wait(for: 4, sandbox)
        follower.terminate()
        follower.waitUntilExit()
        // Without a running tally, and with one that was started anew.
        try append(3..<5, in: secret, to: sandbox)
        try append(13..<14, in: "/open", to: sandbox)
        #expect(try sandbox.tally("sync").output.contains("ignored 2"))
        follower = try sandbox.follow()
        try append(5..<6, in: secret, to: sandbox)
        try append(14..<15, in: "/open", to: sandbox)
        try wait(for: 6, sandbox)
        let status = try sandbox.tally("status")
        #expect(
            status.output.contains("ignored        1 folders") && status.output.contains("ignored 5"),
            "\(status.output)")
        #expect(try sandbox.tally("status", "--json").output.contains("\"ignored_folders\":1"))
        let report = try sandbox.tally("report", "--by", "project")
        #expect(report.output.contains("6 calls in ignored folders are left out") && !report.output.contains(name))
        // Nothing that was passed over comes back.
        #expect(try sandbox.tally("ignore", "--remove", secret).status == 0)
        #expect(try sandbox.tally("ignore", "--remove", secret).status == 1)
        usleep(2_000_000)
        try append(6..<7, in: secret, to: sandbox)
        try wait(for: 7, sandbox)
        #expect(try sandbox.tally("sync").status == 0)
        #expect(try sandbox.usage().totals.events == 7)
        follower.terminate()
        follower.waitUntilExit()
        #expect(gateway.stop() == 0)
        for folder in [sandbox.home, sandbox.data] { try search(name, below: folder) }
    }

    @Test("A list that is damaged stops all reading, and says what to do; a bad path or no path is refused")
    func refuses() throws {
        let sandbox = try Sandbox()
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        try append(0..<1, in: "/secret", to: sandbox)
        #expect(try sandbox.tally("ignore").status != 0)
        #expect(try sandbox.tally("ignore", "--list", "/x").status != 0)
        #expect(try sandbox.tally("ignore", "/a\nb").status == 1)
        try "tally-ignore 1\nfolder".write(toFile: sandbox.home + "/ignore", atomically: true, encoding: .utf8)
        for command in ["sync", "run", "report"] {
            let refused = try sandbox.tally(command)
            #expect(refused.status == 1 && refused.errors.contains("nothing is read"), "\(command): \(refused.errors)")
        }
        #expect(try sandbox.usage().totals.events == 0)
        #expect(gateway.stop() == 0)
    }

    private func search(_ name: String, below folder: String) throws {
        let walk = FileManager.default.enumerator(
            at: URL(fileURLWithPath: folder), includingPropertiesForKeys: [.isRegularFileKey])
        var searched = 0
        for url in walk?.compactMap({ $0 as? URL }) ?? []
        where (try? url.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile == true {
            searched += 1
            #expect(try Data(contentsOf: url).range(of: Data(name.utf8)) == nil, "\(url.path)")
        }
        #expect(searched > 1)
    }

    /// Waits until the gateway's report has so many events, and sees that no more come.
    private func wait(for events: Int, _ sandbox: Sandbox) throws {
        var seen = 0
        for _ in 0..<150 where seen < events {
            usleep(200_000)
            seen = try sandbox.usage().totals.events
        }
        usleep(1_500_000)
        #expect(try sandbox.usage().totals.events == events)
    }

    private func append(_ numbers: Range<Int>, in folder: String, to sandbox: Sandbox) throws {
        let path = sandbox.path("homes/claude/projects/one/6f1f4c8e-0f4a-4c1b-9d2e-3a5b7c9d1e2f.jsonl")
        if !FileManager.default.fileExists(atPath: path) {
            try FileManager.default.createDirectory(
                atPath: sandbox.path("homes/claude/projects/one"), withIntermediateDirectories: true)
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
        }
        let time = Date.now.formatted(.iso8601)
        let lines = numbers.map { number in
            """
            {"type":"assistant","sessionId":"6f1f4c8e-0f4a-4c1b-9d2e-3a5b7c9d1e2f","timestamp":"\(time)",\
            "cwd":"\(folder)","requestId":"req_\(number)","message":{"id":"msg_\(number)","model":"claude-opus-4-5",\
            "stop_reason":"end_turn","usage":{"input_tokens":\(100 + number),"output_tokens":50}}}

            """
        }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(lines.joined().utf8))
        try file.close()
    }
}
