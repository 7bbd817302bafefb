import Foundation
import Testing

/// Sessions as their owner sees them, through both real programs.
@Suite("Sessions, end to end", .serialized)
struct SessionStateTests {
    private struct Reply: Decodable {
        struct Line: Decodable {
            let session: String
            let agent: String
            let workstation: String
            let model: String?
            let state: String
        }
        let sessions: [Line]
    }

    private static let id = "7d0a3c52-1b2f-4c7e-8a9d-2f4e6b8c0d13"

    #if os(Linux)
    @Test("An agent that works is shown as working, and as crashed when its process is killed in a turn")
    func crash() throws {
        let sandbox = try Sandbox()
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        let rollout = try prepare(sandbox)
        let agent = try start(sandbox, holding: rollout)
        defer { if agent.isRunning { kill(agent.processIdentifier, SIGKILL) } }
        let follower = try sandbox.follow()
        defer { if follower.isRunning { kill(follower.processIdentifier, SIGKILL) } }

        try append(
            #""type":"session_meta","payload":{"id":"\#(Self.id)","cwd":"\#(sandbox.path("work"))"}"#, to: rollout)
        try append(#""type":"turn_context","payload":{"model":"gpt-5.2"}"#, to: rollout)
        try append(#""type":"event_msg","payload":{"type":"task_started","turn_id":"1"}"#, to: rollout)
        try append(
            #""type":"event_msg","payload":{"type":"token_count","info":{"last_token_usage":{"input_tokens":10,"#
                + #""output_tokens":5},"total_token_usage":{"input_tokens":10,"output_tokens":5}}}"#, to: rollout)
        let working = try #require(try wait(sandbox, for: "working", seconds: 60))
        #expect(working.session == Self.id && working.agent == "codex" && working.workstation == "laptop")
        // It must have been seen before it can be missed.
        usleep(5_000_000)
        #expect(try wait(sandbox, for: "working", seconds: 1)?.model == "gpt-5.2")
        kill(agent.processIdentifier, SIGKILL)
        agent.waitUntilExit()
        #expect(try wait(sandbox, for: "crashed", seconds: 60)?.session == Self.id)
        #expect(try sandbox.tallygate("sessions", "--tenant", "demo", "--state", "crashed").output.contains(Self.id))

        // Somebody goes on with it and leaves at the prompt.
        let next = try start(sandbox, holding: rollout)
        defer { if next.isRunning { kill(next.processIdentifier, SIGKILL) } }
        try append(#""type":"event_msg","payload":{"type":"task_started","turn_id":"2"}"#, to: rollout)
        #expect(try wait(sandbox, for: "working", seconds: 60) != nil)
        usleep(5_000_000)
        try append(#""type":"event_msg","payload":{"type":"task_complete","turn_id":"2"}"#, to: rollout)
        #expect(try wait(sandbox, for: "waiting_user", seconds: 60) != nil)
        // No state is a call.
        #expect(try sandbox.usage().totals.events == 1)
        follower.terminate()
        follower.waitUntilExit()
        #expect(follower.terminationStatus == 0)
        #expect(gateway.stop() == 0)
        #expect(try sandbox.tallygate("verify").status == 0)
    }

    private func prepare(_ sandbox: Sandbox) throws -> String {
        let folder = sandbox.path("homes/codex/sessions/2026/11/29")
        for path in [folder, sandbox.path("bin"), sandbox.path("work")] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
        let script = "#!/bin/sh\nexec 3>>\"$1\"\nread line\n"
        try Data(script.utf8).write(to: URL(fileURLWithPath: sandbox.path("bin/codex")))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: sandbox.path("bin/codex"))
        let rollout = folder + "/rollout-2026-11-29T10-00-00-\(Self.id).jsonl"
        #expect(FileManager.default.createFile(atPath: rollout, contents: nil))
        return rollout
    }

    /// Something that is named as the agent and holds the rollout open as it does.
    private func start(_ sandbox: Sandbox, holding rollout: String) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: sandbox.path("bin/codex"))
        process.arguments = [rollout]
        process.currentDirectoryURL = URL(fileURLWithPath: sandbox.path("work"))
        process.standardInput = Pipe()
        try process.run()
        return process
    }

    private func append(_ rest: String, to path: String) throws {
        let time = Date.now.formatted(.iso8601)
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data("{\"timestamp\":\"\(time)\",\(rest)}\n".utf8))
        try file.close()
    }

    private func wait(_ sandbox: Sandbox, for state: String, seconds: Int) throws -> Reply.Line? {
        let began = ContinuousClock.now
        while began.duration(to: .now) < .seconds(seconds) {
            let outcome = try sandbox.tallygate("sessions", "--tenant", "demo", "--json", "--state", state)
            try #require(outcome.status == 0, "\(outcome.errors)")
            let found = try JSONDecoder().decode(Reply.self, from: Data(outcome.output.utf8)).sessions
            if let line = found.first(where: { $0.session == Self.id }) { return line }
            usleep(300_000)
        }
        return nil
    }
    #endif
}
