import Foundation
import Testing

/// `tally run --otlp` as agents and SDKs on the machine meet it.
@Suite("Telemetry", .serialized)
struct TelemetryTests {
    private static let secret = "CANARY-7f3a9c-CANARY"

    /// A real `tally run --otlp` on a free port.
    private final class Receiver {
        let process: Process
        let log: String

        init(_ sandbox: Sandbox) throws {
            process = sandbox.process("tally", ["run", "--otlp", "127.0.0.1:0"])
            log = sandbox.path("receiver-\(UUID().uuidString).log")
            _ = FileManager.default.createFile(atPath: log, contents: nil)
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
            process.standardOutput = handle
            process.standardError = handle
            try process.run()
        }

        var text: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

        /// Where it listens, once its engine is at work.
        func url() throws -> String {
            for _ in 0..<600 {
                let lines = text.split(separator: "\n")
                if lines.contains(where: { $0.hasPrefix("tally: following") }),
                    let line = lines.first(where: { $0.contains("taking telemetry at ") })
                {
                    return String(line.split(separator: " ").last ?? "")
                }
                usleep(50_000)
            }
            throw CocoaError(.fileReadUnknown)
        }

        func stop() -> Int32 {
            process.terminate()
            process.waitUntilExit()
            return process.terminationStatus
        }

        deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
    }

    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("otlp/sender.py").path

    private func send(_ sandbox: Sandbox, _ arguments: [String], python: String = "/usr/bin/env") throws -> [String] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = (python == "/usr/bin/env" ? ["python3"] : []) + [Self.script] + arguments
        let file = sandbox.path("sender-\(UUID().uuidString).out")
        _ = FileManager.default.createFile(atPath: file, contents: nil)
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: file))
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    /// Waits until the gateway has so many events.
    private func usage(_ sandbox: Sandbox, events: Int) throws -> Report {
        for _ in 0..<100 {
            let report = try sandbox.usage()
            if report.totals.events >= events { return report }
            usleep(100_000)
        }
        return try sandbox.usage()
    }

    @Test("What agents export is in the report once, in whatever form and however often; their words are nowhere")
    func byHand() throws {
        let sandbox = try Sandbox()
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        let receiver = try Receiver(sandbox)
        let answers = try send(sandbox, [try receiver.url()])
        try #require(answers.count == 11, "\(answers)")
        #expect(answers[0] == "200 application/x-protobuf ")
        #expect(answers[1] == "200 application/json 7b7d")
        // One of the two calls has a number that is none.
        #expect(answers[2].hasPrefix("200 application/json 7b227061727469616c53756363657373"))
        #expect(answers[3].hasPrefix("200 application/x-protobuf 0a"))
        #expect(answers[4] == "200 application/x-protobuf ")
        #expect(answers[5].hasPrefix("400 application/x-protobuf"))
        #expect(answers[6...].map { String($0.prefix(3)) } == ["413", "403", "403", "415", "404"])
        let totals = try usage(sandbox, events: 3).totals
        #expect(totals.events == 3)
        #expect(totals.input == 10 + 10 + 60 && totals.cacheRead == 2 * 17_536 + 40)
        #expect(totals.cacheWriteUnknown == 2 * 6_646 && totals.output == 41 + 41 + 9 && totals.reasoning == 4)
        #expect(totals.reported == 2 * 15_260_600)
        let status = try sandbox.tally("status")
        #expect(status.output.contains("otlp: 8 records read, 3 calls counted; skipped: bad_number 2, duplicate 3"))
        #expect(receiver.stop() == 0)
        #expect(gateway.stop() == 0)
        try nowhere(sandbox)
        #expect(!receiver.text.contains(Self.secret) && !status.output.contains(Self.secret))
    }

    /// No file of the sandbox holds the secret.
    private func nowhere(_ sandbox: Sandbox) throws {
        let secret = Data(Self.secret.utf8)
        var files = 0
        for case let file as URL in FileManager.default.enumerator(
            at: sandbox.root, includingPropertiesForKeys: nil) ?? .init()
        {
            guard let bytes = try? Data(contentsOf: file) else { continue }
            files += 1
            #expect(bytes.range(of: secret) == nil, "\(file.lastPathComponent)")
        }
        #expect(files > 5)
    }

    @Test("The real SDK's spans count, each response once", .enabled(if: TelemetryTests.sdk != nil))
    func bySDK() throws {
        let sandbox = try Sandbox()
        let gateway = try RunningGateway(sandbox)
        try sandbox.enroll()
        let receiver = try Receiver(sandbox)
        #expect(try send(sandbox, [try receiver.url(), "--sdk"], python: Self.sdk ?? "") == ["sent"])
        let totals = try usage(sandbox, events: 2).totals
        #expect(totals.events == 2 && totals.input == 200 && totals.cacheRead == 1_800 && totals.output == 14)
        #expect(receiver.stop() == 0)
        #expect(gateway.stop() == 0)
        try nowhere(sandbox)
    }

    /// A Python that has the SDK (TALLY_OTEL_PYTHON, or the one on the path); nil where there is none.
    private static let sdk: String? = {
        let environment = ProcessInfo.processInfo.environment
        let folders = (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/python3" }
        let python = environment["TALLY_OTEL_PYTHON"] ?? folders.first { FileManager.default.fileExists(atPath: $0) }
        guard let python else { return nil }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = ["-c", "import opentelemetry.exporter.otlp.proto.http, opentelemetry.sdk"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        process.waitUntilExit()
        return process.terminationStatus == 0 ? python : nil
    }()

    @Test(
        "An address that others can reach is refused",
        arguments: ["0.0.0.0:4318", "192.0.2.1:4318", "host.example:1", "4318"])
    func loopbackOnly(address: String) throws {
        let sandbox = try Sandbox()
        let outcome = try sandbox.tally("run", "--otlp", address)
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("loopback"))
    }
}
