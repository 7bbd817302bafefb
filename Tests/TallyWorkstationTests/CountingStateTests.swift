import Foundation
import TallyModel
import Testing

@testable import TallyWorkstation

@Suite("The counter survives whatever happens to the process and the files")
struct CountingStateTests {
    /// A home of both agents with streaming, resumes, sidechains and forks; `parts` are appended in turn.
    private static func parts(seed: UInt64) -> [[(file: String, text: String)]] {
        var random = SplitMix(state: seed)
        var total = [0, 0, 0, 0]
        var rows = ""
        return (0..<12).map { round in
            var claude = ""
            for message in 0..<Int(1 + random.next() % 6) {
                let id = "m\(round)-\(message)"
                let steps = 1 + Int(random.next() % 4)
                for step in 1...steps {
                    claude += claudeLine(
                        message: id, request: random.next() % 3 == 0 ? nil : "r" + id, input: 10 + message,
                        output: step * 7, read: round * 100, write: message,
                        stop: step == steps && random.next() % 2 == 0 ? "end_turn" : nil)
                }
            }
            let last = [Int(20 + random.next() % 100), 10, 1 + Int(random.next() % 9), 1]
            total = zip(total, last).map { $0 + $1 }
            let row = codexRow(last, total)
            rows += row
            var texts = [
                (file: "projects/p/a.jsonl", text: claude), (file: "projects/p/b.jsonl", text: claude),
                (file: "sessions/p.jsonl", text: (round == 0 ? codexMeta("p") : "") + row),
            ]
            if round % 4 == 3 {
                texts.append((file: "sessions/c\(round).jsonl", text: codexMeta("c\(round)", parent: "p") + rows))
            }
            return texts
        }
    }

    private static func bench(_ scratch: Scratch) -> Bench {
        Bench(claude: scratch.path, codex: scratch.path, eventsMax: 8)
    }

    private static func append(_ text: String, to name: String, _ scratch: Scratch) throws {
        if FileManager.default.fileExists(atPath: scratch.file(name)) {
            try scratch.append(name, text.utf8)
        } else {
            try scratch.write(name, text)
        }
    }

    @Test("Restarting from the log at any drain counts nothing twice and misses nothing", arguments: [1, 2, 3])
    func restarts(seed: UInt64) throws {
        print("seed \(seed)")
        let whole = try Scratch()
        for part in Self.parts(seed: seed) {
            for (file, text) in part { try Self.append(text, to: file, whole) }
        }
        var once = Self.bench(whole)
        once.sync()

        let grown = try Scratch()
        var often = Self.bench(grown)
        var random = SplitMix(state: seed &* 77)
        for part in Self.parts(seed: seed) {
            for (file, text) in part { try Self.append(text, to: file, grown) }
            often.scan.begin(often.counter)
            var isDone = false
            while !isDone {
                if case .done = often.scan.advance(&often.counter, nowMs: 1_000) { isDone = true }
                // The process dies before or after it has written what it counted.
                if random.next() % 3 != 0 || often.counter.isFull { often.drain() }
                if random.next() % 2 == 0 {
                    try often.restart()
                    often.scan.begin(often.counter)
                    isDone = false
                }
            }
        }
        often.sync()
        #expect(often.sums.tokens == once.sums.tokens)
        #expect(often.events.allSatisfy { EventRules.violation($0) == nil })
        #expect(often.sums.usageEvents == once.sums.usageEvents)
    }

    @Test("A snapshot rebuilds the counter, and the next scan counts nothing")
    func snapshot() throws {
        let scratch = try Scratch()
        for part in Self.parts(seed: 9) {
            for (file, text) in part { try Self.append(text, to: file, scratch) }
        }
        var bench = Self.bench(scratch)
        bench.sync(settling: false)
        var cursor = SnapshotCursor()
        var chunks: [[UInt8]] = []
        while let chunk = bench.counter.snapshotChunk(&cursor) { chunks.append(chunk) }
        var copy = bench
        copy.log = chunks
        try copy.restart()
        #expect(copy.counter.heldCount == bench.counter.heldCount)
        #expect(copy.counter.tallies == bench.counter.tallies)
        #expect(Array(copy.counter.table.rows) == Array(bench.counter.table.rows))
        copy.sync()
        bench.sync()
        #expect(copy.sums == bench.sums)
    }

    @Test("A damaged delta is refused and never traps")
    func damaged() throws {
        let scratch = try Scratch()
        for part in Self.parts(seed: 4).prefix(3) {
            for (file, text) in part { try Self.append(text, to: file, scratch) }
        }
        var bench = Self.bench(scratch)
        bench.sync(settling: false)
        let delta = try #require(bench.log.first)
        for length in 0..<delta.count {
            var counter = Counter()
            #expect(throws: CounterError.self) { try counter.apply(Array(delta.prefix(length)).span) }
        }
        for position in delta.indices {
            for flip in [UInt8(0xFF), 0x80, 0x01] {
                var broken = delta
                broken[position] ^= flip
                var counter = Counter()
                try? counter.apply(broken.span)
            }
        }
        var counter = Counter()
        let newer = Counter.version + 1
        #expect(throws: CounterError.newerVersion(newer)) { try counter.apply([newer].span) }
    }

    @Test("A drain never gives more events than asked for, and a full delta stays below half a log record")
    func bounds() throws {
        let scratch = try Scratch()
        let lines = (0..<1_000).map { claudeLine(message: "m\($0)", request: "r\($0)", stop: "x") }
        try scratch.write("projects/p/a.jsonl", lines.joined())
        var bench = Bench(claude: scratch.path, eventsMax: 16)
        bench.scan.begin(bench.counter)
        var isDone = false
        while !isDone {
            if case .done = bench.scan.advance(&bench.counter, nowMs: 0) { isDone = true }
            let before = bench.events.count
            bench.drain()
            #expect(bench.events.count - before <= 16)
        }
        #expect(bench.events.count == 1_000)
        #expect(bench.log.allSatisfy { $0.count < Limits.recordBytesMax / 2 })
    }

    @Test("A forgotten file's held request is sent, and its delta removes the file")
    func forgotten() throws {
        let scratch = try Scratch()
        try scratch.write("projects/p/a.jsonl", claudeLine(output: 6))
        var bench = Bench(claude: scratch.path)
        bench.sync(settling: false)
        let file = try #require(bench.counter.files.keys.first)
        try FileManager.default.moveItem(atPath: scratch.file("projects/p"), toPath: scratch.file("aside"))
        bench.sync(settling: false)
        #expect(bench.sums.output == 6)
        #expect(bench.counter.files[file] == nil)
        try FileManager.default.moveItem(atPath: scratch.file("aside"), toPath: scratch.file("projects/p"))
        try bench.restart()
        #expect(bench.counter.files.isEmpty)
        bench.sync()
        #expect(bench.sums.usageEvents == 1)
    }
}

/// SplitMix64: small, seeded, good enough to mix tests.
struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
