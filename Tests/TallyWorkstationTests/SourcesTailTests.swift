import Foundation
import TallyIO
import TallyModel
import TestEffort
import Testing

@testable import TallyWorkstation

@Suite("Files are read as whole lines, whatever happens to them")
struct SourcesTailTests {
    @Test("Input that arrives split at every position gives the same events")
    func everySplit() throws {
        let claude = claudeLine(output: 1) + "\u{0}\u{0}broken\n" + claudeLine(output: 9, stop: "x")
        let codex = codexMeta("a") + codexRow([9, 4, 2, 1], [9, 4, 2, 1]) + codexRow([9, 4, 2, 1], [18, 8, 4, 2])
        for (name, text) in [("projects/p/a.jsonl", claude), ("sessions/a.jsonl", codex)] {
            let bytes = Array(text.utf8)
            let scratch = try Scratch()
            try scratch.write(name, bytes)
            var whole = Bench(claude: scratch.path, codex: scratch.path)
            whole.sync()
            #expect(whole.sums.usageEvents > 0)
            for position in stride(from: 1, to: bytes.count, by: bytes.count / Effort.of(bytes.count)) {
                try scratch.write(name, Array(bytes[..<position]))
                var bench = Bench(claude: scratch.path, codex: scratch.path)
                bench.sync(settling: false)
                try scratch.append(name, bytes[position...])
                bench.sync()
                #expect(bench.events == whole.events, "split at \(position)")
            }
        }
    }

    private func lines(_ path: String, known: FileCheckpoint? = nil, chunk: Int, max: Int) throws -> (
        [String?], FileCheckpoint
    ) {
        var tail = try TranscriptTail(
            try DiskFolders().open(path), path: path, lineBytesMax: max, chunkBytes: chunk
        ) { _ in known }
        var lines: [String?] = []
        var isMore = true
        while isMore {
            isMore = try tail.advance { line in
                if let line {
                    lines.append(String(decoding: line.indices.map { line[$0] }, as: UTF8.self))
                } else {
                    lines.append(nil)
                }
                return lines.count % 3 != 0
            }
        }
        return (lines, tail.sealedCheckpoint())
    }

    @Test("Lines of every length around the buffer's come out whole, and too long ones are told once")
    func lengths() throws {
        let scratch = try Scratch()
        for length in 1...70 {
            let text =
                String(repeating: "x", count: length) + "\nshort\n\n" + String(repeating: "y", count: length) + "\nlast"
            try scratch.write("a", text)
            let (lines, checkpoint) = try lines(scratch.file("a"), chunk: 8, max: 32)
            let long: String? = length > 32 ? nil : String(repeating: "x", count: length)
            let other: String? = length > 32 ? nil : String(repeating: "y", count: length)
            #expect(lines == [long, "short", other], "length \(length)")
            #expect(checkpoint.offset == UInt64(text.utf8.count - 4))
        }
    }

    @Test("A line of 100 MB is passed over in bounded memory and the next one counts")
    func hugeLine() throws {
        let scratch = try Scratch()
        try scratch.write("projects/p/a.jsonl", claudeLine(message: "a", stop: "x"))
        let block = [UInt8](repeating: UInt8(ascii: "z"), count: 10 << 20)
        for _ in 0..<10 { try scratch.append("projects/p/a.jsonl", block) }
        var bench = Bench(claude: scratch.path)
        bench.sync()
        let offset = bench.counter.files.values.first?.checkpoint.offset ?? 0
        #expect(offset > 80 << 20, "the part that is there is not read again")
        try bench.restart()
        try scratch.append("projects/p/a.jsonl", ("\n" + claudeLine(message: "b", stop: "x")).utf8)
        bench.sync()
        #expect(bench.sums.usageEvents == 2)
        #expect(bench.counter.tally(of: .claude)[.tooLong] == 1)
    }

    @Test("A file that is rewritten, truncated or replaced is read again and counts what is new in it alone")
    func rewritten() throws {
        let first = claudeLine(message: "a", stop: "x") + claudeLine(message: "b", stop: "x")
        for second in [
            claudeLine(message: "a", stop: "x"),
            claudeLine(message: "c", stop: "x") + first,
            claudeLine(message: "a", stop: "x") + claudeLine(message: "c", stop: "x")
                + claudeLine(message: "b", stop: "x"),
        ] {
            let scratch = try Scratch()
            try scratch.write("projects/p/a.jsonl", first)
            var bench = Bench(claude: scratch.path)
            bench.sync()
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: scratch.file("projects/p/a.jsonl")))
            try handle.truncate(atOffset: 0)
            try handle.write(contentsOf: Data(second.utf8))
            try handle.close()
            bench.sync()
            let messages = second.contains("\"c\"") ? 3 : 2
            #expect(bench.sums.usageEvents == messages)
            #expect(bench.counter.tally(of: .claude).filesRewritten == 1)
        }
    }

    @Test("Links to files, to folders and in loops give each file once, and closed folders are told")
    func links() throws {
        let scratch = try Scratch()
        try scratch.write("projects/p/a.jsonl", claudeLine(stop: "x"))
        try scratch.write("projects/p/s.one/subagents/deep/er/agent-1.jsonl", claudeLine(message: "sub", stop: "x"))
        try scratch.write("projects/p/notes.txt", claudeLine(message: "no", stop: "x"))
        let files = FileManager.default
        try files.createSymbolicLink(
            atPath: scratch.file("projects/loop"), withDestinationPath: scratch.file("projects"))
        try files.createSymbolicLink(
            atPath: scratch.file("projects/p/b.jsonl"), withDestinationPath: scratch.file("projects/p/a.jsonl"))
        try files.createSymbolicLink(atPath: scratch.file("projects/gone.jsonl"), withDestinationPath: "/no/such/file")
        try files.linkItem(atPath: scratch.file("projects/p/a.jsonl"), toPath: scratch.file("projects/p/c.jsonl"))
        let homes = SourceHomes(home: nil, claudeConfigDir: scratch.path, codexHome: nil)
        let found = TranscriptFinder(homes: homes, folders: DiskFolders()).find()
        #expect(found.files.count == 2)
        #expect(found.duplicates == 3)
        #expect(found.unreadableFolders == 0)
        let closed = TranscriptFinder(homes: homes, folders: ClosedFolders()).find()
        #expect(closed.unreadableFolders == 1)
        #expect(closed.unreadablePaths == [scratch.path + "/projects"])
    }

    private struct ClosedFolders: FolderSource {
        func names(in path: String, namesMax: Int) throws(SystemError) -> (names: [String], isWhole: Bool) {
            throw SystemError("opendir", path, number: 13)
        }
        func facts(_ path: String) -> WalkFacts? {
            WalkFacts(kind: .folder, device: 1, inode: 1, bytes: 0, changedMs: 0)
        }
        func open(_ path: String) throws(SystemError) -> any TranscriptFile {
            throw SystemError("open", path, number: 13)
        }
    }

    @Test("The variables replace the defaults, empty ones do not, and ~ is the home")
    func homes() {
        let plain = SourceHomes(home: "/h", claudeConfigDir: "", codexHome: "")
        #expect(plain.claude == ["/h/.claude/projects", "/h/.config/claude/projects"])
        #expect(plain.codex == ["/h/.codex/sessions", "/h/.codex/archived_sessions"])
        #expect(plain.gemini == ["/h/.gemini/tmp"])
        #expect(plain == SourceHomes(home: "/h", claudeConfigDir: nil, codexHome: nil, geminiCLIHome: ""))
        let set = SourceHomes(
            home: "/h", claudeConfigDir: "~/x/, /y ,~,", codexHome: "~/c,d", geminiCLIHome: "~/g/")
        #expect(set.claude == ["/h/x/projects", "/y/projects", "/h/projects"])
        #expect(set.codex == ["/h/c,d/sessions", "/h/c,d/archived_sessions"])
        #expect(set.gemini == ["/h/g/.gemini/tmp"])
    }
}
