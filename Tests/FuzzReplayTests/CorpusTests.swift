import Foundation
import TallyFuzzTargets
import Testing

/// The corpus and the regressions of every fuzzer, run through the targets without a fuzzer.
@Suite("What the fuzzers have found stays true")
struct CorpusTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let folder = root.appending(path: "fuzz")
    private static let python = ["/usr/bin/python3", "/usr/local/bin/python3", "/opt/homebrew/bin/python3"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    private static func inputs(of target: String) -> [String] {
        FuzzCorpus.files(["corpus", "regressions"].map { folder.appending(path: "\($0)/\(target)").path })
    }

    @Test(
        "Every input keeps its target's promises, and some input goes all the way",
        arguments: FuzzTarget.all.map(\.name))
    func replay(name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        let files = Self.inputs(of: name)
        let tally = Self.replay(files, with: target.make(true))
        for finding in tally.findings { Issue.record("\(finding)") }
        #expect(tally.reached > 0, "of \(files.count) inputs none reaches: \(target.success)")
        #expect(tally.reached < files.count, "a corpus holds what is refused too")
    }

    @Test("A corpus that never goes all the way, and one of nothing, fail")
    func unreached() throws {
        let target = try #require(FuzzTarget.named("frame"))
        let bad = FileManager.default.temporaryDirectory.appending(path: "tally-\(UUID().uuidString)")
        try Data([0, 1, 2, 3]).write(to: bad)
        defer { try? FileManager.default.removeItem(at: bad) }
        #expect(Self.replay([bad.path], with: target.make(true)).reached == 0)
        #expect(Self.replay([], with: target.make(true)).reached == 0)
    }

    private static func replay(_ files: [String], with subject: any FuzzSubject) -> (reached: Int, findings: [String]) {
        var reached = 0
        var findings: [String] = []
        for file in files {
            do {
                if try subject.run(try FuzzCorpus.bytes(file)) == .reached { reached += 1 }
            } catch {
                findings.append("\(file): \(error)")
            }
        }
        return (reached, findings)
    }

    @Test("The corpora are small, and every target has one")
    func sizes() throws {
        var bytes = 0
        for target in FuzzTarget.all {
            let files = Self.inputs(of: target.name)
            #expect(files.count > 2, "\(target.name)")
            for file in files {
                let size = try FuzzCorpus.bytes(file).count
                #expect(size <= max(target.inputBytesMax, 9_000), "\(file)")
                bytes += size
            }
        }
        #expect(bytes < 1_500_000)
    }

    @Test(
        "The reference says the same of every body of the corpus",
        .enabled(if: python != nil, "python3 is not installed, so there is nothing to compare with"))
    func verdicts() throws {
        let lines = try Self.inputs(of: "batch").map { BatchVerdict.line(try FuzzCorpus.bytes($0), name: $0) }
        let (status, output) = try compare(lines)
        #expect(status == 0, "\(output.prefix(4_000))")
        // One that says another row must be found.
        let refused = lines.filter { $0.contains(#""run":"#) }
        let wrong = refused.prefix(20).map { $0.replacingOccurrences(of: #""run":"#, with: #""run":9"#) }
        #expect(try compare(wrong).status == 1)
    }

    private func compare(_ lines: [String]) throws -> (status: Int32, output: String) {
        let file = FileManager.default.temporaryDirectory.appending(path: "tally-\(UUID().uuidString).jsonl")
        try Data(lines.joined(separator: "\n").utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(filePath: try #require(Self.python))
        process.arguments = [Self.folder.appending(path: "verdicts.py").path, file.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
