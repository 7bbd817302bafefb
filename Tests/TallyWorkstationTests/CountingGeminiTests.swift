import Foundation
import Synchronization
import TallyIO
import TallyModel
import Testing

@testable import TallyWorkstation

@Suite("Chats of Gemini count once, by their last word")
struct CountingGeminiTests {
    private static let chats = ".gemini/tmp/p/chats/"

    private static func tally(_ bench: Bench) -> SourceTally { bench.counter.tally(of: .gemini) }

    @Test("A document that is rewritten at every turn counts each message once, with its last word")
    func rewritten() throws {
        let scratch = try Scratch()
        var bench = Bench(gemini: scratch.path)
        let name = Self.chats + "session-1.json"
        func write(_ messages: String...) throws { try scratch.write(name, Chat.document(messages)) }
        try write(Chat.question("q"), Chat.answer("a", nil))
        bench.sync(settling: false)
        try write(Chat.question("q"), Chat.answer("a", [100, 50, 0, 0, 0, 150]))
        bench.sync(settling: false)
        #expect(bench.events.isEmpty && bench.counter.heldCount == 1)
        // It falls while it is held, before and after the messages that were counted already.
        try write(Chat.question("q"), Chat.answer("a", [100, 20, 60, 5]))
        bench.sync(settling: false)
        try write(Chat.answer("a", [100, 20, 60, 5]), Chat.answer("b", [200, 30]))
        bench.sync(settling: false)
        #expect(bench.sums.tokens == [40, 60, 0, 0, 0, 25, 5] && bench.counter.heldCount == 1)
        try write(Chat.answer("a", [100, 20, 60, 5]), Chat.answer("b", [200, 9]))
        bench.sync(settling: false)
        #expect(bench.sums.usageEvents == 1)
        bench.sync()
        #expect(bench.sums.usageEvents == 2 && bench.sums.output == 25 + 9)
        // What is sent is never taken back; what grows is added with the request's whole prompt.
        try write(Chat.answer("a", [100, 20, 60, 5]), Chat.answer("b", [150, 9]))
        bench.sync()
        #expect(bench.sums.corrections == 0 && bench.sums.input == 240)
        try write(Chat.answer("a", [100, 20, 60, 5]), Chat.answer("b", [200, 12]))
        bench.sync()
        #expect(bench.sums.corrections == 1 && bench.sums.output == 25 + 12)
        #expect(bench.events.last?.kind == .correction && bench.events.last?.contextTokens == 200)
        #expect(Self.tally(bench).filesRewritten == 0)
    }

    @Test("A document of the same length is read again when it was changed, and not otherwise")
    func sameLength() throws {
        let scratch = try Scratch()
        var bench = Bench(gemini: scratch.path)
        let name = Self.chats + "session-1.json"
        func write(_ output: Int, at seconds: Double) throws {
            try scratch.write(name, Chat.document([Chat.answer("a", [100, output])]))
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: seconds)], ofItemAtPath: scratch.file(name))
        }
        try write(20, at: 1_775_900_000)
        bench.sync()
        let lines = Self.tally(bench).lines
        bench.sync()
        #expect(Self.tally(bench).lines == lines)
        try write(30, at: 1_775_900_001)
        bench.sync()
        #expect(bench.sums.output == 30 && bench.sums.corrections == 1)
    }

    @Test("Lines told again, lists told again, a rewind and a chat copied to its new format add nothing")
    func lines() throws {
        let scratch = try Scratch()
        try scratch.write(Self.chats + "session-2-old.json", Chat.document([Chat.answer("a", [100, 10])]))
        let copied =
            "{\"$set\":{\"messages\":[\(Chat.question("q")),\(Chat.answer("a", [100, 10])),\(Chat.answer("c"))]}}"
        try scratch.write(
            Self.chats + "session-2-old.jsonl",
            Chat.lines([
                Chat.head(), Chat.answer("a", [100, 10]), Chat.answer("b", nil), Chat.answer("b", [200, 30]),
                Chat.answer("b", [200, 25]), "{\"$set\":{\"lastUpdated\":\"x\"}}", "{\"$rewindTo\":\"a\"}", copied,
                copied,
                Chat.answer("b", [200, 25]),
            ]))
        let deep = Self.chats + "3bacc8a0-24d6-4415-9b2e-a2635c02e54c/6f9619ff-8b86-d011-b42d-00c04fc964ff.jsonl"
        try scratch.write(deep, Chat.lines([Chat.head(kind: "subagent"), Chat.answer("d", [1, 1])]))
        var bench = Bench(gemini: scratch.path)
        bench.sync()
        #expect(bench.sums.usageEvents == 4 && bench.sums.corrections == 0)
        #expect(bench.sums.input == 100 + 200 + 900 + 1 && bench.sums.output == 10 + 25 + 20 + 1)
        #expect(bench.events.filter { $0.origin == .subagent }.count == 1)
    }

    @Test("Half-written, broken, empty and overlong documents are skipped, told, and stop nobody")
    func damage() throws {
        let scratch = try Scratch()
        let whole = Chat.document([Chat.answer("a", [100, 10]), Chat.answer("b", [200, 20])])
        let name = Self.chats + "session-1.json"
        try scratch.write(name, Array(whole.utf8.dropLast(60)))
        try scratch.write(Self.chats + "empty.json", "")
        try scratch.write(Self.chats + "zeros.json", [UInt8](repeating: 0, count: 100))
        try scratch.write(Self.chats + "list.json", "[1,2]")
        try scratch.write(
            Self.chats + "long.json", Chat.document([Chat.answer("c")]) + String(repeating: " ", count: 16 << 20))
        try scratch.write(
            Self.chats + "broken.jsonl", Chat.lines(["\0\0\0", Chat.answer("d", [7, 1])]) + Chat.answer("cut"))
        var bench = Bench(gemini: scratch.path)
        bench.sync()
        #expect(bench.sums.usageEvents == 2 && bench.sums.input == 107)
        #expect(Self.tally(bench)[.malformed] == 4 && Self.tally(bench)[.tooLong] == 1)
        let lines = Self.tally(bench).lines
        bench.sync()
        #expect(Self.tally(bench).lines == lines, "what is damaged is read again when it has changed, and not before")
        try scratch.write(name, whole)
        bench.sync()
        #expect(bench.sums.usageEvents == 3 && bench.sums.input == 307)
    }

    @Test("A document that changes while it is read is left for the next search")
    func unsettled() throws {
        struct Growing: TranscriptFile {
            let text: [UInt8]
            let reads = Counted()
            func facts() throws(SystemError) -> WalkFacts {
                let changed = Int64(reads.count.withLock { $0 })
                return WalkFacts(kind: .file, device: 1, inode: 2, bytes: UInt64(text.count), changedMs: changed)
            }
            func read(
                into buffer: inout [UInt8], at start: Int, room: Int, offset: UInt64
            ) throws(SystemError) -> Int {
                reads.count.withLock { $0 += 1 }
                buffer.replaceSubrange(start..<start + 1, with: [text[Int(offset)]])
                return 1
            }
        }
        let text = Array(Chat.document([Chat.answer("a")]).utf8)
        guard case .unsettled = try TranscriptDocument(Growing(text: text), path: "p").content else {
            Issue.record("halves of two writings were taken for one")
            return
        }
        guard case .tooLong = try TranscriptDocument(Growing(text: text), path: "p", bytesMax: 20).content else {
            Issue.record("more was read than may be held")
            return
        }
    }

    @Test("Only chats are read, each once whatever its names")
    func files() throws {
        let scratch = try Scratch()
        try scratch.write(Self.chats + "session-1.json", Chat.document([Chat.answer("a", [100, 10])]))
        for beside in ["logs.json", "checkpoint-x.json", "tool-outputs/session-1.json", "chats.json", "../x.jsonl"] {
            try scratch.write(".gemini/tmp/p/" + beside, Chat.document([Chat.answer(beside)]))
        }
        try scratch.write(Self.chats + "session-1.json.tmp-7", Chat.document([Chat.answer("tmp")]))
        let files = FileManager.default
        try files.createSymbolicLink(
            atPath: scratch.file(Self.chats + "again.json"), withDestinationPath: "session-1.json")
        try files.createSymbolicLink(atPath: scratch.file(".gemini/tmp/q"), withDestinationPath: "p")
        var bench = Bench(gemini: scratch.path)
        bench.sync()
        #expect(bench.sums.usageEvents == 1 && bench.sums.input == 100)
        #expect(bench.scan.problems.duplicateFiles == 2)
    }

    @Test("A chat in a noted folder has the project that the other agents have there; else one of its own")
    func projects() throws {
        let scratch = try Scratch()
        let repository = scratch.file("repo")
        try scratch.write("repo/.git/config", "[remote \"origin\"]\n\turl = https://h.x/y.git\n")
        try scratch.write("projects/p/a.jsonl", claudeLine(stop: "x").replacing("/nowhere/at/all", with: repository))
        try scratch.write(Self.chats + "session-1.json", Chat.document([Chat.answer("a")]))
        try scratch.write(".gemini/tmp/p/.project_root", repository + "\n")
        try scratch.write(".gemini/tmp/q/chats/session-1.jsonl", Chat.lines([Chat.head(), Chat.answer("b")]))
        var bench = Bench(claude: scratch.path, gemini: scratch.path)
        bench.sync()
        let projects = Dictionary(grouping: bench.events) { $0.project }
        #expect(projects.count == 2 && projects[nil] == nil)
        #expect(projects.values.map(\.count).sorted() == [1, 2])
        #expect(projects[TestHash().projectID(Array(Chat.folderHash.utf8).span)]?.count == 1)
    }

    @Test("A document and a line with more messages than a batch holds are counted in pieces, over restarts too")
    func pieces() throws {
        let scratch = try Scratch()
        let answers = (0..<60).map { Chat.answer("m\($0)", [100 + $0, 1]) }
        try scratch.write(Self.chats + "session-1.json", Chat.document(answers))
        let others = (0..<60).map { Chat.answer("n\($0)", [100 + $0, 1]) }
        let list = "{\"$set\":{\"messages\":[\(others.joined(separator: ","))]}}"
        try scratch.write(
            Self.chats + "session-2.jsonl", Chat.lines([Chat.head(), list, Chat.answer("last", [5, 5])]))
        var bench = Bench(gemini: scratch.path, eventsMax: 8)
        var steps = 0
        bench.scan.begin(bench.counter)
        while case let progress = bench.scan.advance(&bench.counter, nowMs: 1_000), steps < 1_000 {
            steps += 1
            bench.drain()
            if case .done = progress { break }
            try bench.restart()
            bench.scan.begin(bench.counter)
        }
        bench.sync()
        #expect(steps > 10 && steps < 1_000)
        #expect(bench.sums.usageEvents == 121 && bench.sums.corrections == 0)
        #expect(bench.sums.input == 2 * (60 * 100 + 59 * 30) + 5)
    }

    @Test("The state that a program without Gemini wrote is read, and what a newer one will write is named so")
    func olderState() throws {
        let scratch = try Scratch()
        try scratch.write("projects/p/a.jsonl", claudeLine(stop: "x"))
        var bench = Bench(claude: scratch.path)
        bench.sync()
        let tally = bench.counter.tally(of: .claude)
        // Version 1 had three sources and eight reasons, and did not say so.
        let width = 5 + SkipReason.allCases.count
        let old = try bench.log.map { delta in
            let tallies = Array(delta.suffix(width * SourceKind.allCases.count))
            let head = Array(delta.dropLast(tallies.count))
            try #require(tallies.allSatisfy { $0 < 128 }, "one byte a number")
            try #require(head.suffix(2) == [UInt8(SourceKind.allCases.count), UInt8(SkipReason.allCases.count)])
            let older = (0..<3).flatMap { tallies[$0 * width..<$0 * width + 5 + 8] }
            return [1] + head.dropFirst().dropLast(2) + older
        }
        bench.log = old
        try bench.restart()
        #expect(bench.counter.tally(of: .claude) == tally)
        bench.sync()
        #expect(bench.sums.usageEvents == 1)
        var counter = Counter()
        let newer = Counter.version + 1
        #expect(throws: CounterError.newerVersion(newer)) { try counter.apply([newer].span) }
        for length in old[0].indices {
            var cut = Counter()
            let bytes = Array(old[0].prefix(length))
            #expect(throws: CounterError.self, "\(length) of \(old[0].count)") { try cut.apply(bytes.span) }
        }
    }
}

/// How often a file was read.
private final class Counted: Sendable { let count = Mutex(0) }
