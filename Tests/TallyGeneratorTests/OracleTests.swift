import Foundation
import TallyGenerator
import TallyModel
import Testing

/// The truth by construction against the independent count in Python.
@Suite("The generator and the oracle")
struct OracleTests {
    static let oracle = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "oracle/oracle.py").path
    static let python = ["/usr/bin/python3", "/usr/local/bin/python3"].first(
        where: FileManager.default.isExecutableFile)

    struct Report: Decodable, Equatable {
        struct Row: Decodable, Equatable {
            var key: String?
            var events: Int64
            var input_tokens: Int64
            var cache_read_tokens: Int64
            var cache_write_5m_tokens: Int64
            var cache_write_1h_tokens: Int64
            var cache_write_unknown_tokens: Int64
            var output_tokens: Int64
            var reasoning_tokens: Int64
            var web_searches: Int64
            var cost_nano_usd: Int64
            var reported_cost_nano_usd: Int64
            var unpriced_events: Int64
            var first_ms: Int64
            var last_ms: Int64
        }
        var rows: [Row]
        var days: [Row]?
        var totals: Row
    }

    @Test(
        "The oracle counts every generated home as the generator made it, to the token and the nano-dollar",
        .enabled(if: python != nil, "python3 is not installed: the oracle cannot run"),
        arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func agreement(seed: UInt64) throws { try agree(GeneratorTests.home(seed: seed, calls: 250), seed) }

    @Test(
        "So it does where every trap is set",
        .enabled(if: python != nil, "python3 is not installed: the oracle cannot run"), arguments: [1, 2] as [UInt64])
    func traps(seed: UInt64) throws { try agree(GeneratorTests.home(seed: seed, calls: 250, hasAllTraps: true), seed) }

    private func agree(_ home: GeneratedHome, _ seed: UInt64) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tallygen-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try write(home, to: folder)
        let truth = try JSONDecoder().decode(Report.self, from: Data(home.truth.json(seed: seed)))
        let models = try count(folder, by: "model")
        #expect(models.rows == truth.rows, "seed \(seed)")
        #expect(models.totals == truth.totals, "seed \(seed)")
        #expect(try count(folder, by: "day").rows == truth.days, "seed \(seed)")
        #expect(truth.totals.events == 250)
    }

    private func write(_ home: GeneratedHome, to folder: URL) throws {
        for file in home.files {
            let url = folder.appending(path: file.path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            switch file.content {
            case .bytes(let bytes): try Data(bytes).write(to: url)
            case .link(let target):
                try FileManager.default.createSymbolicLink(atPath: url.path, withDestinationPath: target)
            }
        }
    }

    private func count(_ folder: URL, by dimension: String) throws -> Report {
        let process = Process()
        process.executableURL = URL(filePath: try #require(Self.python))
        process.arguments = [
            Self.oracle, "--claude", folder.appending(path: "claude").path, "--codex",
            folder.appending(path: "codex").path, "--gemini", folder.appending(path: "gemini").path, "--by", dimension,
            "--json",
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return try JSONDecoder().decode(Report.self, from: data)
    }
}
