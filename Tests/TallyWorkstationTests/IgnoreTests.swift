import Foundation
import TallyHash
import TallyIO
import TallyModel
import Testing

@testable import TallyWorkstation

@Suite("Ignored folders")
struct IgnoreTests {
    @Test("The list is read back as it was made, for its owner alone, and each folder is known by what it leads to")
    func list() throws {
        let scratch = try Scratch()
        let home = try Home(path: scratch.file("home"))
        #expect(try home.ignoreList() == IgnoreList())
        var list = IgnoreList()
        let added = [
            try list.add("/link", leads: "/real/place"), try list.add("/a b/ü", leads: nil),
            try list.add("/plain", leads: "/plain"), try list.add("/link", leads: nil),
        ]
        #expect(added == [true, true, true, false], "once")
        try home.save(list)
        #expect(try home.folder.facts("ignore").mode == 0o600)
        #expect(try home.ignoreList() == list)
        #expect(try Home.ignoreList(at: scratch.file("home")) == list)
        #expect(list.folders.map(\.leads) == ["/real/place", nil, nil])
        let removed = [
            list.remove("/link/below", leads: "/real/place/below"), list.remove("/other", leads: "/real/place"),
            list.remove("/plain", leads: nil), list.remove("/a b/ü", leads: nil),
        ]
        #expect(removed == [false, true, true, true])
        try home.save(list)
        #expect(throws: SystemError.self) { try home.folder.facts("ignore") }
        #expect(try Home.ignoreList(at: scratch.file("none")) == IgnoreList())
    }

    @Test("The list has an end, and takes no path that has no line of its own")
    func bounds() throws {
        var list = IgnoreList()
        for path in [
            "", "relative", "/a\nfolder /b", "/a\u{7F}", "/" + String(repeating: "x", count: 4_096), "/\u{FFFD}",
        ] {
            var copy = list
            #expect(throws: WorkstationError.ignorePath) { _ = try copy.add(path, leads: nil) }
        }
        for number in 0..<Limits.ignoredFoldersMax { _ = try list.add("/\(number)", leads: nil) }
        var full = list
        #expect(throws: WorkstationError.ignoreFull) { _ = try full.add("/more", leads: nil) }
        #expect(list.encode().count <= Limits.ignoreBytesMax)
    }

    @Test(
        "A list that cannot be understood is refused: nothing may be counted that a person wanted left out",
        arguments: [
            "", "tally-ignore 2\nfolder /a\n", "tally-ignore 1\nfolder /a", "tally-ignore 1\nfolder a\n",
            "tally-ignore 1\nleads /a\n", "tally-ignore 1\nfolder /a\nleads /b\nleads /c\n", "tally-ignore 1\n\n",
            "tally-ignore 1\nfolder /a\u{0}\n",
        ])
    func damaged(text: String) throws {
        let scratch = try Scratch()
        let home = try Home(path: scratch.file("home"))
        try home.folder.writeDurably("ignore", Array(text.utf8).span)
        #expect(throws: WorkstationError.ignoreDamaged) { try home.ignoreList() }
    }

    @Test("A folder covers itself and what is below it, part by part")
    func covering() {
        let ignored = IgnoredFolders(["/a/b", "/c/./d//e/../", "relative"])
        for path in ["/a/b", "/a/b/", "/a/b/c", "//a/./b/c/..", "/c/d", "/c/d/x"] {
            #expect(ignored.cover(Array(path.utf8)), "\(path)")
        }
        for path in ["/a", "/a/bc", "/a/b/..", "/", "", "a/b", "relative", "/c"] {
            #expect(!ignored.cover(Array(path.utf8)), "\(path)")
        }
        #expect(IgnoredFolders(["/"]).cover(Array("/anything".utf8)))
        #expect(!IgnoredFolders.none.cover(Array("/".utf8)))
    }

    // MARK: Sources

    private func line(_ id: String, in folder: String?, output: Int = 5) -> String {
        let line = claudeLine(message: id, request: "r-" + id, session: "s-" + id, output: output, stop: "end_turn")
        let named = "\"cwd\":\"/nowhere/at/all\","
        return folder.map { line.replacingOccurrences(of: "/nowhere/at/all", with: $0) }
            ?? line.replacingOccurrences(of: named, with: "")
    }

    private func bench(_ scratch: Scratch, ignoring paths: [String], log: [[UInt8]] = []) throws -> Bench {
        var bench = Bench(claude: scratch.path, codex: scratch.path, gemini: scratch.path)
        for delta in log { try bench.counter.apply(delta.span) }
        bench.log = log
        bench.scan = TranscriptScan(
            hash: TestHash(),
            homes: SourceHomes(
                home: nil, claudeConfigDir: scratch.path, codexHome: scratch.path, geminiCLIHome: scratch.path),
            folders: DiskFolders(), ignored: IgnoredFolders(paths))
        bench.sync()
        return bench
    }

    @Test("A session of Claude Code that moves counts where it is outside, and tells what was passed over inside")
    func claude() throws {
        let scratch = try Scratch()
        try scratch.write(
            "projects/p/a.jsonl",
            line("1", in: "/at/open", output: 1) + line("2", in: "/at/secret", output: 20)
                + line("3", in: "/at/secret/deep", output: 300) + line("4", in: nil, output: 4_000)
                + line("5", in: "/at/secretive", output: 50_000)
                + line("6", in: "/at/s\\u0065cret", output: 600_000))
        let bench = try bench(scratch, ignoring: ["/at/secret"])
        #expect(bench.sums.output == 50_001 && bench.sums.usageEvents == 2)
        #expect(bench.counter.tally(of: .claude)[.ignored] == 4)
        #expect(bench.counter.tally(of: .claude).lines == 6)
        #expect(try self.bench(scratch, ignoring: []).sums.output == 654_321)
    }

    @Test("Links lead nowhere else: a folder is ignored under its own name and under each link to it, gone or not")
    func links() throws {
        let scratch = try Scratch()
        let real = try #require(WalkFolder.resolved(scratch.path)) + "/real"
        try FileManager.default.createDirectory(atPath: real + "/sub", withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: scratch.file("link"), withDestinationPath: real)
        try scratch.write(
            "projects/p/a.jsonl",
            [real, real + "/sub", scratch.file("link"), scratch.file("link/sub"), scratch.file("link/gone/deep")]
                .enumerated().map { line("\($0)", in: $1) }.joined() + line("x", in: scratch.file("rea")))
        for form in [real, scratch.file("link")] {
            var list = IgnoreList()
            _ = try list.add(form, leads: WalkFolder.resolved(form))
            let bench = try bench(scratch, ignoring: list.folders.flatMap { [$0.path, $0.leads].compactMap { $0 } })
            #expect(bench.sums.usageEvents == 1, "\(form)")
        }
    }

    @Test("What was counted stays counted, what was passed over stays uncounted, over restarts and in both orders")
    func later() throws {
        let scratch = try Scratch()
        try scratch.write("projects/p/a.jsonl", line("1", in: "/secret"))
        let before = try bench(scratch, ignoring: [])
        #expect(before.sums.usageEvents == 1)
        try scratch.append("projects/p/a.jsonl", line("2", in: "/secret").utf8)
        let meanwhile = try bench(scratch, ignoring: ["/secret"], log: before.log)
        #expect(meanwhile.events.isEmpty && meanwhile.counter.tally(of: .claude)[.ignored] == 1)
        try scratch.append("projects/p/a.jsonl", line("3", in: "/secret").utf8)
        let after = try bench(scratch, ignoring: [], log: meanwhile.log)
        #expect(after.sums.usageEvents == 1 && after.counter.tally(of: .claude)[.ignored] == 1)
    }

    private func turn(_ folder: String) -> String {
        "{\"timestamp\":\"2026-04-10T10:00:00Z\",\"type\":\"turn_context\",\"payload\":{\"cwd\":\"\(folder)\","
            + "\"model\":\"gpt-5.2\"}}\n"
    }

    @Test("Codex counts by the turn's folder, also in a rollout that is read on after its folder was ignored")
    func codex() throws {
        let scratch = try Scratch()
        let first = codexMeta("a") + turn("/open") + codexRow([100, 0, 1, 0], [100, 0, 1, 0])
        try scratch.write(
            "sessions/a.jsonl",
            first + turn("/secret/x") + codexRow([100, 0, 2, 0], [200, 0, 3, 0]) + turn("/open")
                + codexRow([100, 0, 4, 0], [300, 0, 7, 0]))
        let moved = try bench(scratch, ignoring: ["/secret"])
        #expect(moved.sums.output == 5 && moved.counter.tally(of: .codex)[.ignored] == 1)
        // Its last word on the folder lies before what is read now.
        try scratch.append("sessions/a.jsonl", (turn("/secret") + codexRow([1, 0, 8, 0], [301, 0, 15, 0])).utf8)
        let open = try bench(scratch, ignoring: [], log: moved.log)
        #expect(open.sums.output == 8)
        try scratch.append("sessions/a.jsonl", codexRow([1, 0, 16, 0], [302, 0, 31, 0]).utf8)
        let closed = try bench(scratch, ignoring: ["/secret"], log: open.log)
        #expect(closed.events.isEmpty && closed.counter.tally(of: .codex)[.ignored] == 2)
    }

    @Test("A fork that works elsewhere does not count the rows that it copies out of an ignored folder")
    func forks() throws {
        let scratch = try Scratch()
        let rows = codexRow([100, 40, 9, 3], [100, 40, 9, 3]) + codexRow([50, 0, 5, 0], [150, 40, 14, 3])
        try scratch.write("sessions/p.jsonl", codexMeta("p") + turn("/secret") + rows)
        try scratch.write(
            "sessions/c.jsonl",
            codexMeta("c", parent: "p") + turn("/open") + rows + codexRow([7, 0, 1, 0], [157, 40, 15, 3]))
        let bench = try bench(scratch, ignoring: ["/secret"])
        #expect(bench.sums.output == 1 && bench.sums.usageEvents == 1)
        let again = try self.bench(scratch, ignoring: ["/secret"], log: bench.log)
        #expect(again.events.isEmpty)
    }

    @Test(
        "Gemini CLI's folder is known by its hash, in the path or the chat, or by what is noted beside it; none below it"
    )
    func gemini() throws {
        let digest = SHA256.hash(Array("/secret".utf8)).hexText
        func chat(_ name: String, hash: String = Chat.folderHash) -> String {
            Chat.lines([Chat.head().replacingOccurrences(of: Chat.folderHash, with: hash), Chat.answer(name)])
        }
        let scratch = try Scratch()
        try scratch.write(".gemini/tmp/\(digest)/chats/session-a.jsonl", chat("a"))
        try scratch.write(".gemini/tmp/one/chats/session-b.jsonl", chat("b", hash: digest))
        try scratch.write(".gemini/tmp/two/.project_root", "/secret/below")
        try scratch.write(".gemini/tmp/two/chats/session-c.json", Chat.document([Chat.answer("c")]))
        try scratch.write(
            ".gemini/tmp/three/chats/session-d.jsonl", chat("d", hash: SHA256.hash(Array("/secret/x".utf8)).hexText))
        let bench = try bench(scratch, ignoring: ["/secret"])
        #expect(bench.sums.usageEvents == 1, "a folder below is a hash like any other")
        #expect(bench.counter.tally(of: .gemini)[.ignored] == 3)
        // The head, which names the folder, was read by a program that is gone.
        try scratch.append(".gemini/tmp/one/chats/session-b.jsonl", Chat.lines([Chat.answer("b2")]).utf8)
        let again = try self.bench(scratch, ignoring: ["/secret"], log: bench.log)
        #expect(again.events.isEmpty)
        #expect(try self.bench(scratch, ignoring: []).sums.usageEvents == 5)
    }

    @Test("A transcript below an ignored folder is not opened, whatever it says, under its name or by a link")
    func transcripts() throws {
        let scratch = try Scratch()
        try scratch.write("projects/p/a.jsonl", line("a", in: "/open"))
        try scratch.write("projects/q/b.jsonl", line("b", in: "/open"))
        try scratch.write("elsewhere/c.jsonl", line("c", in: "/open"))
        try FileManager.default.createSymbolicLink(
            atPath: scratch.file("projects/r"), withDestinationPath: scratch.file("elsewhere"))
        let bench = try bench(scratch, ignoring: [scratch.file("projects/q"), scratch.file("elsewhere")])
        #expect(bench.sums.usageEvents == 1 && bench.counter.files.count == 1)
        #expect(bench.counter.tally(of: .claude).lines == 1, "nothing of it is read")
    }

    @Test("Telemetry of a session that a transcript showed in an ignored folder is passed over, other telemetry counts")
    func telemetry() throws {
        let scratch = try Scratch()
        let decoder = OTLPDecoder(hash: TestHash())
        let record = Export.Record.claude(input: 10, output: 5)
        for folder in ["/secret", "/open"] {
            try scratch.write("projects/p/a.jsonl", line("1", in: folder).replacingOccurrences(of: "s-1", with: "s1"))
            var bench = try bench(scratch, ignoring: ["/secret"])
            let batch = try decoder.decode(Export(signal: .logs, records: [record]).request(.protobuf))
            let call = try #require(batch.calls.first)
            bench.counter.take(call, transcripts: [.claudeCode])
            bench.drain()
            #expect(bench.counter.tally(of: .otlp)[.ignored] == (folder == "/secret" ? 1 : 0))
            #expect(bench.events.isEmpty == (folder == "/secret"))
        }
    }
}
