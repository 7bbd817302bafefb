import Foundation
import Synchronization
import Testing

/// A folder of its own for one test, and the real programs run in it as a person would run them.
final class Sandbox: Sendable {
    let root: URL
    private let binaries: URL
    /// Added to every program's environment.
    private let environment: [String: String]

    var data: String { root.appendingPathComponent("gateway").path }
    var home: String { root.appendingPathComponent("tally").path }

    init(environment: [String: String] = [:]) throws {
        root = FileManager.default.temporaryDirectory.appendingPathComponent("tally-e2e-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        // The test runner stands beside the programs that were built with it.
        binaries = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
        self.environment = environment
    }

    deinit { try? FileManager.default.removeItem(at: root) }

    func path(_ name: String) -> String { root.appendingPathComponent(name).path }

    /// What a program printed and how it ended.
    struct Outcome: Sendable {
        let status: Int32
        let output: String
        let errors: String
    }

    func process(_ program: String, _ arguments: [String], extra: [String: String] = [:]) -> Process {
        let process = Process()
        process.executableURL = binaries.appendingPathComponent(program)
        process.arguments = arguments
        var all = [
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": path("home"),
            "TALLYGATE_DATA": data, "TALLY_HOME": home, "CLAUDE_CONFIG_DIR": path("homes/claude"),
            "CODEX_HOME": path("homes/codex"), "GEMINI_CLI_HOME": path("homes/gemini"), "SWIFT_BACKTRACE": "enable=no",
        ]
        // What .ci/swift-test says of the sanitizers holds for the programs too.
        for name in ["ASAN_OPTIONS", "TSAN_OPTIONS"] { all[name] = ProcessInfo.processInfo.environment[name] }
        all.merge(environment) { $1 }
        all.merge(extra) { $1 }
        process.environment = all
        return process
    }

    /// Runs a program to its end, with both outputs in files so that no pipe can fill.
    func run(
        _ program: String, _ arguments: [String], input: String? = nil, extra: [String: String] = [:]
    ) throws -> Outcome {
        let process = process(program, arguments, extra: extra)
        let name = UUID().uuidString
        let outputURL = root.appendingPathComponent(name + ".out")
        let errorsURL = root.appendingPathComponent(name + ".err")
        for url in [outputURL, errorsURL] { _ = FileManager.default.createFile(atPath: url.path, contents: nil) }
        process.standardOutput = try FileHandle(forWritingTo: outputURL)
        process.standardError = try FileHandle(forWritingTo: errorsURL)
        let inputURL = root.appendingPathComponent(name + ".in")
        try Data((input ?? "").utf8).write(to: inputURL)
        process.standardInput = try FileHandle(forReadingFrom: inputURL)
        try process.run()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: try String(contentsOf: outputURL, encoding: .utf8),
            errors: try String(contentsOf: errorsURL, encoding: .utf8))
    }

    func tallygate(_ arguments: String..., extra: [String: String] = [:]) throws -> Outcome {
        try run("tallygate", arguments, extra: extra)
    }

    func tally(_ arguments: String..., input: String? = nil, extra: [String: String] = [:]) throws -> Outcome {
        try run("tally", arguments, input: input, extra: extra)
    }

    /// Generated homes under `homes/`, with their truth.
    /// A `tally run`, which has had two seconds to begin.
    func follow() throws -> Process {
        let follower = process("tally", ["run"])
        follower.standardOutput = FileHandle.nullDevice
        follower.standardError = FileHandle.nullDevice
        try follower.run()
        usleep(2_000_000)
        return follower
    }

    func generate(seed: Int, calls: Int) throws -> Truth {
        let outcome = try run(
            "tallygen",
            [
                "--seed", "\(seed)", "--out", path("homes"), "--calls", "\(calls)", "--end", "2026-11-20T12:00:00Z",
            ])
        try #require(outcome.status == 0, "\(outcome.errors)")
        return try Truth(path("homes/truth.json"))
    }

    /// A tenant, and this sandbox's workstation connected to the running gateway.
    func enroll(tenant: String = "demo", workstation: String = "laptop") throws {
        _ = try tallygate("tenant", "create", tenant)
        let line = try tallygate("enroll", "--tenant", tenant, "--workstation", workstation)
        try #require(line.status == 0, "\(line.errors)")
        let words = line.output.split(separator: "\n")
        try #require(words.count == 1, "enroll prints exactly one line")
        let arguments = words[0].split(separator: " ").map(String.init)
        let connected = try run("tally", Array(arguments.dropFirst()))
        try #require(connected.status == 0, "\(connected.errors)\(connected.output)")
    }

    func usage(by: String = "model", extra: [String] = []) throws -> Report {
        let outcome = try run("tallygate", ["usage", "--tenant", "demo", "--by", by, "--json"] + extra)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return try Report(outcome.output)
    }
}

/// A real `tallygate serve` on a free port.
final class RunningGateway: Sendable {
    private let process: Mutex<ProcessBox>
    let address: String
    let log: String
    /// What it printed to standard output.
    let output: String

    private struct ProcessBox {
        let process: Process
    }

    init(
        _ sandbox: Sandbox, port: String = "0", arguments: [String] = [], extra: [String: String] = [:]
    ) throws {
        let process = sandbox.process(
            "tallygate", ["serve", "--listen", "127.0.0.1:\(port)"] + arguments, extra: extra)
        log = sandbox.path("serve-\(UUID().uuidString).log")
        output = log + ".out"
        for file in [log, output] { _ = FileManager.default.createFile(atPath: file, contents: nil) }
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
        process.standardInput = FileHandle.nullDevice
        try process.run()
        var found: String?
        for _ in 0..<600 where found == nil && process.isRunning {
            usleep(50_000)
            let text = try String(contentsOfFile: log, encoding: .utf8)
            found = text.split(separator: "\n").first { $0.hasPrefix("listening on ") }.map {
                String($0.dropFirst("listening on ".count))
            }
        }
        let text = try String(contentsOfFile: log, encoding: .utf8)
        address = try #require(found, "the gateway did not start: \(text)")
        self.process = Mutex(ProcessBox(process: process))
    }

    var processID: Int32 { process.withLock { $0.process.processIdentifier } }

    /// Where its metrics are; they must have been asked for.
    func metrics() throws -> String {
        let text = try String(contentsOfFile: log, encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("metrics on ") }
        return String(try #require(line, "the gateway serves no metrics: \(text)").dropFirst("metrics on ".count))
    }

    var port: String { String(address.split(separator: ":").last ?? "0") }

    deinit { kill() }

    /// SIGTERM; the exit code.
    func stop() -> Int32 {
        process.withLock { box in
            guard box.process.isRunning else { return box.process.terminationStatus }
            box.process.terminate()
            box.process.waitUntilExit()
            return box.process.terminationStatus
        }
    }

    /// SIGKILL: nothing is flushed, nobody is told.
    func kill() {
        process.withLock { box in
            guard box.process.isRunning else { return }
            Foundation.kill(box.process.processIdentifier, SIGKILL)
            box.process.waitUntilExit()
        }
    }
}
