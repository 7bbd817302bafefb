import Foundation
import Testing

/// Chats of Gemini CLI with the real programs.
@Suite("A chat of Gemini CLI, to the report", .serialized)
struct GeminiTests {
    private static let answer = "26522e6d-0b73-434e-a65d-bb783dab2738"

    @Test("A chat that is written whole at every turn is followed, counted once, priced, and told in status")
    func document() throws {
        let sandbox = try Sandbox()
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        let follower = sandbox.process("tally", ["run"])
        follower.standardOutput = FileHandle.nullDevice
        follower.standardError = FileHandle.nullDevice
        try follower.run()
        defer { if follower.isRunning { kill(follower.processIdentifier, SIGKILL) } }
        let first = message(Self.answer, "\"input\":15327,\"output\":23,\"cached\":11000,\"thoughts\":0,\"tool\":7")
        try write([first], to: sandbox)
        let whole = message(
            Self.answer, "\"input\":15327,\"output\":23,\"cached\":11000,\"thoughts\":919,\"tool\":7,\"total\":16276")
        try write([whole], to: sandbox)
        try write([whole, message("b", "\"input\":100,\"output\":10,\"total\":110")], to: sandbox)
        let began = ContinuousClock.now
        var totals = try sandbox.usage().totals
        while totals.output != 23 + 919 + 10, began.duration(to: .now) < .seconds(60) {
            usleep(200_000)
            totals = try sandbox.usage().totals
        }
        #expect(totals.input == 15_327 - 11_000 + 7 + 100 && totals.cacheRead == 11_000)
        #expect(totals.output == 23 + 919 + 10 && totals.reasoning == 919)
        // At $2, $12 and $0.20 a million: 4,434 · 2 + 952 · 12 + 11,000 · 0.2 micro-USD.
        #expect(totals.cost == 22_492_000 && totals.unpriced == 0)
        let status = try sandbox.tally("status")
        let line = status.output.split(separator: "\n").first { $0.hasPrefix("gemini_cli: ") }
        #expect(line?.contains("2 calls counted") == true, "\(status.output)")
        follower.terminate()
        follower.waitUntilExit()
        #expect(follower.terminationStatus == 0)
        let again = try sandbox.tally("sync")
        #expect(again.status == 0, "\(again.errors)")
        #expect(try sandbox.usage().totals == totals, "a second reading counts nothing twice")
        #expect(gateway.stop() == 0)
    }

    private func message(_ id: String, _ tokens: String) -> String {
        "{\"id\":\"\(id)\",\"timestamp\":\"\(Date.now.formatted(.iso8601))\",\"type\":\"gemini\",\"content\":\"so\","
            + "\"tokens\":{\(tokens)},\"model\":\"gemini-3.1-pro\"}"
    }

    private func write(_ messages: [String], to sandbox: Sandbox) throws {
        let folder = sandbox.path("homes/gemini/.gemini/tmp/0a1b/chats")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let text =
            "{\"sessionId\":\"3bacc8a0-24d6-4415-9b2e-a2635c02e54c\",\"projectHash\":\"0a1b\",\"messages\":["
            + messages.joined(separator: ",") + "]}"
        // In place, as the agent does it: a reader may meet half of it.
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/session-2026-11-20T10-00-3bacc8a0.json"))
        usleep(300_000)
    }
}
