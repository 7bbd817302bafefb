import Foundation
import Testing

/// Public transcripts and the independent oracle: what the product counts is what other hands count.
@Suite(
    "Public transcripts", .serialized, .enabled(if: Fixtures.arePresent, "../shared/data is not beside this checkout"))
struct FixtureTests {
    @Test(
        "Per model, tokens and money equal the independent oracle's",
        arguments: [
            "codexbar/archived-fork-33ce-3869", "codexbar/harness-smoke", "ccusage", "claudit", "claude-code-log",
        ])
    func oracle(name: String) throws {
        let sandbox = try Sandbox()
        try Fixtures.lay(name, in: sandbox)
        let report = try sync(sandbox)
        let truth = try Fixtures.oracle(sandbox)
        #expect(report.rows == truth.models)
        #expect(report.totals == truth.totals)
    }

    @Test("A fork that replays its parent counts its own calls once: 155 events, input 15,253,283")
    func fork() throws {
        let sandbox = try Sandbox()
        try Fixtures.lay("codexbar/archived-fork-33ce-3869", in: sandbox)
        let totals = try sync(sandbox).totals
        #expect(totals.events == 155)
        #expect(totals.input + totals.cacheRead == 15_253_283)
        #expect(totals.cacheRead == 13_549_696)
        #expect(totals.output == 55_895)
        #expect(totals.reasoning == 25_017)
    }

    @Test("The smallest fork counts input 15 and output 2")
    func smoke() throws {
        let sandbox = try Sandbox()
        try Fixtures.lay("codexbar/harness-smoke", in: sandbox)
        let totals = try sync(sandbox).totals
        #expect(totals.input + totals.cacheRead == 15)
        #expect(totals.output == 2)
    }

    private func sync(_ sandbox: Sandbox) throws -> Report {
        let gateway = try RunningGateway(sandbox)
        // The transcripts are older than the plans keep events.
        let created = try sandbox.tallygate(
            "tenant", "create", "demo", "--plan", "custom", "--retention-days", "36500")
        try #require(created.status == 0, "\(created.errors)")
        try sandbox.enroll()
        let synced = try sandbox.tally("sync")
        try #require(synced.status == 0, "\(synced.errors)")
        let report = try sandbox.usage()
        #expect(gateway.stop() == 0)
        return report
    }
}

enum Fixtures {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let transcripts = root.deletingLastPathComponent().appendingPathComponent("shared/data/transcripts")

    static var arePresent: Bool { FileManager.default.fileExists(atPath: transcripts.path) }

    /// Copies one fixture into the sandbox's homes. Times that lie in 2030 are moved back by four years.
    static func lay(_ name: String, in sandbox: Sandbox) throws {
        let source = transcripts.appendingPathComponent(name)
        let files = FileManager.default.enumerator(at: source, includingPropertiesForKeys: nil)
        for case let file as URL in files ?? FileManager.DirectoryEnumerator() where file.pathExtension == "jsonl" {
            let parts = Array(file.pathComponents.dropFirst(source.pathComponents.count))
            let target: String
            if let place = parts.firstIndex(where: { $0 == "sessions" || $0 == "archived_sessions" }) {
                target = "homes/codex/" + parts[place...].joined(separator: "/")
            } else if let place = parts.firstIndex(of: "projects") {
                target = "homes/claude/" + parts[place...].joined(separator: "/")
            } else {
                target = "homes/claude/projects/fixture/" + parts.joined(separator: "/")
            }
            let url = sandbox.root.appendingPathComponent(target)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            var data = try Data(contentsOf: file)
            if let text = String(data: data, encoding: .utf8) {
                data = Data(text.replacingOccurrences(of: "\"2030-", with: "\"2026-").utf8)
            }
            try data.write(to: url)
        }
    }

    /// The oracle's figures for the sandbox's homes.
    static func oracle(_ sandbox: Sandbox) throws -> Truth {
        for folder in ["homes/claude", "homes/codex"] {
            try FileManager.default.createDirectory(
                atPath: sandbox.path(folder), withIntermediateDirectories: true)
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", root.appendingPathComponent("Tests/oracle/oracle.py").path, "--json", "--claude",
            sandbox.path("homes/claude"), "--codex", sandbox.path("homes/codex"),
        ]
        let output = sandbox.path("oracle.json")
        _ = FileManager.default.createFile(atPath: output, contents: nil)
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return try Truth(output)
    }
}
