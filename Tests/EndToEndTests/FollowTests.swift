import Foundation
import Testing

/// `tally run` as a person leaves it running.
@Suite("Following", .serialized)
struct FollowTests {
    @Test("While tally run follows, a new line is in the report within 5 s, whether its call has ended or not")
    func visible() throws {
        let sandbox = try Sandbox()
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        // There is no transcript yet, nor a folder for one.
        let follower = sandbox.process("tally", ["run"])
        follower.standardOutput = FileHandle.nullDevice
        follower.standardError = FileHandle.nullDevice
        try follower.run()
        defer { if follower.isRunning { kill(follower.processIdentifier, SIGKILL) } }
        usleep(2_000_000)
        for (number, isEnded) in [true, true, false, false].enumerated() {
            let began = ContinuousClock.now
            try append(number: number, isEnded: isEnded, to: sandbox)
            var events = 0
            while events <= number, began.duration(to: .now) < .seconds(20) {
                usleep(100_000)
                events = try sandbox.usage().totals.events
            }
            let took = began.duration(to: .now)
            #expect(events == number + 1)
            #expect(took < .seconds(5), "line \(number) after \(took)")
        }
        follower.terminate()
        follower.waitUntilExit()
        #expect(follower.terminationStatus == 0)
        #expect(gateway.stop() == 0)
    }

    private func append(number: Int, isEnded: Bool, to sandbox: Sandbox) throws {
        let folder = sandbox.path("homes/claude/projects/-home-somebody-new")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let path = folder + "/6f1f4c8e-0f4a-4c1b-9d2e-3a5b7c9d1e2f.jsonl"
        if !FileManager.default.fileExists(atPath: path) {
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
        }
        let time = Date.now.formatted(.iso8601)
        let stop = isEnded ? "\"end_turn\"" : "null"
        let line = """
            {"type":"assistant","sessionId":"6f1f4c8e-0f4a-4c1b-9d2e-3a5b7c9d1e2f","timestamp":"\(time)",\
            "requestId":"req_\(number)","message":{"id":"msg_\(number)","model":"claude-opus-4-5","role":"assistant",\
            "stop_reason":\(stop),"usage":{"input_tokens":\(100 + number),"output_tokens":50}}}

            """
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(line.utf8))
        try file.close()
    }
}
