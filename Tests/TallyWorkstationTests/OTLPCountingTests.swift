import TallyModel
import Testing

@testable import TallyWorkstation

@Suite("A call that transcripts and telemetry tell of counts once")
struct OTLPCountingTests {
    /// A counter with transcripts and exports, whose deltas are kept as a spool keeps them.
    private struct Pair {
        var counter = Counter(eventsMax: 64)
        var events: [Event] = []
        private var log: [[UInt8]] = []
        private let decoder = OTLPDecoder(hash: TestHash())
        private var files: [String: FileState] = [:]
        private var claude = ClaudeParser(
            hash: TestHash(), projects: ProjectResolver(hash: TestHash(), files: MemoryFolders()))
        private var codex = CodexParser(
            hash: TestHash(), projects: ProjectResolver(hash: TestHash(), files: MemoryFolders()))

        mutating func export(_ records: [Export.Record], _ signal: OTLPSignal = .logs) throws {
            let batch = try decoder.decode(Export(signal: signal, records: records).request(.protobuf))
            let transcripts = counter.transcriptAgents
            counter.note(batch)
            for call in batch.calls {
                counter.take(call, transcripts: transcripts)
                drain()
            }
            drain()
        }

        mutating func read(_ source: SourceKind, _ text: String, file name: String = "a") {
            let file = FileID(device: 1, inode: UInt64(source.rawValue) << 32 | UInt64(name.utf8.first ?? 0))
            guard let session = SessionID(Bytes16(high: 1, low: file.inode)) else { return }
            var state = counter.checkOut(file, source: source, session: session)
            for line in text.split(separator: "\n") {
                let bytes = Array(line.utf8)
                let result =
                    source == .claude
                    ? claude.parse(bytes.span, &state.parser) : codex.parse(bytes.span, &state.parser)
                counter.take(result, &state, nowMs: 1_000)
                counter.checkIn(file, state)
                drain()
                state = counter.checkOut(file, source: source, session: session)
            }
            counter.settle(nowMs: 1_000, quietMs: nil)
            drain()
        }

        private mutating func drain() {
            guard counter.hasChanges else { return }
            let drained = counter.drain()
            events += drained.events
            log.append(drained.delta)
        }

        mutating func restart() throws {
            counter = Counter(eventsMax: 64)
            for delta in log { try counter.apply(delta.span) }
        }

        var sums: Sums { Sums(events) }
    }

    private static let row = codexMeta("s1") + codexRow([100, 60, 20, 5], [100, 60, 20, 5])
    private static let line = claudeLine(input: 10, output: 5, read: 7, write: 9, stop: "end_turn")
    private static let call = Export.Record.claude(input: 10, output: 5, read: 7, write: 9)

    @Test(
        "A call of Claude Code has the same tokens and cost whichever tells first, with restarts between, however often",
        arguments: [true, false])
    func claude(isTranscriptFirst: Bool) throws {
        var pair = Pair()
        for round in 0..<6 {
            if (round % 2 == 0) == isTranscriptFirst {
                pair.read(.claude, Self.line, file: round < 2 ? "a" : "copy")
            } else {
                try pair.export([Self.call])
            }
            try pair.restart()
        }
        let sums = pair.sums
        #expect(sums.usageEvents == 1)
        #expect(sums.tokens == [10, 7, 0, 0, 9, 5, 0])
        #expect(sums.reportedNanoUSD == 15_260_600)
        #expect(pair.counter.tally(of: .otlp).lines == 3)
    }

    @Test("What a streamed call grows by after telemetry is nothing, and before it a correction")
    func streaming() throws {
        var pair = Pair()
        pair.read(.claude, claudeLine(input: 10, output: 1, read: 7, write: 9))
        #expect(pair.sums.output == 1)
        try pair.export([Self.call])
        #expect(pair.sums.tokens == [10, 7, 0, 0, 9, 5, 0] && pair.sums.corrections == 1)
        pair.read(.claude, Self.line, file: "b")
        #expect(pair.sums.tokens == [10, 7, 0, 0, 9, 5, 0] && pair.events.count == 2)
    }

    @Test("A copy of the call under another request id, after telemetry told it, counts nothing")
    func sidechain() throws {
        var pair = Pair()
        try pair.export([Self.call])
        pair.read(.claude, Self.line)
        pair.read(
            .claude, claudeLine(request: "req_2", input: 10, output: 5, read: 7, write: 9, stop: "x", sidechain: true),
            file: "b")
        #expect(pair.sums.usageEvents == 1 && pair.sums.input == 10)
    }

    @Test("A line without a message id is known to telemetry by its request id", arguments: [true, false])
    func nameless(isTranscriptFirst: Bool) throws {
        var pair = Pair()
        if !isTranscriptFirst { try pair.export([Self.call]) }
        for file in ["a", "copy"] {
            pair.read(
                .claude, claudeLine(message: nil, input: 10, output: 5, read: 7, write: 9, stop: "end_turn"), file: file
            )
        }
        try pair.export([Self.call])
        #expect(pair.sums.usageEvents == 1 && pair.sums.tokens == [10, 7, 0, 0, 9, 5, 0])
    }

    @Test("Other calls are others: each request id, each message, each session's numbers count")
    func others() throws {
        var pair = Pair()
        pair.read(.claude, Self.line)
        try pair.export([.claude(request: "req_2"), .claude(request: "req_3")])
        pair.read(.claude, claudeLine(message: "msg_9", request: "req_9", stop: "x"), file: "b")
        #expect(pair.sums.usageEvents == 4)
        pair.read(.codex, Self.row)
        try pair.export([.codex([100, 60, 20, 5], session: "s2"), .codex([100, 60, 20, 6])])
        #expect(pair.sums.usageEvents == 7)
    }

    @Test("A call without a request id counts where no transcript of the agent is read, and once")
    func unmatched() throws {
        var pair = Pair()
        try pair.export([.claude(request: nil), .claude(request: nil, nanos: 1_775_815_202_000_000_000)])
        try pair.export([.claude(request: nil)])
        #expect(pair.sums.usageEvents == 2 && pair.counter.tally(of: .otlp)[.duplicate] == 1)
        pair.read(.claude, Self.line)
        try pair.export([.claude(request: nil, nanos: 1_775_815_203_000_000_000)])
        #expect(pair.counter.tally(of: .otlp)[.inTranscripts] == 1)
        #expect(pair.sums.usageEvents == 3)
    }

    @Test(
        "Of Codex's calls with equal numbers in a session as many count as the one that saw more of them saw",
        arguments: 0..<60 as Range<UInt64>)
    func codex(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        var pair = Pair()
        var (total, rows, exported) = ([0, 0, 0, 0], 0, 0)
        let last = [100, 60, 20, 5]
        pair.read(.codex, codexMeta("s1"))
        for step in 0..<12 {
            switch random.next() % 4 {
            case 0:
                total = zip(total, last).map { $0 + $1 }
                pair.read(.codex, codexRow(last, total))
                rows += 1
            case 1, 2:
                let record = Export.Record.codex(
                    [100, 60, 20, 5], nanos: 1_775_815_201_000_000_000 + UInt64(step) * 1_000_000)
                try pair.export([record])
                if random.next() % 2 == 0 { try pair.export([record, record]) }
                exported += 1
            default: try pair.restart()
            }
        }
        #expect(pair.sums.usageEvents == max(rows, exported), "seed \(seed)")
    }

    @Test("A response's id is a message's id: a span of a call that a transcript tells counts nothing, and once alone")
    func spans() throws {
        func span(_ id: String) -> Export.Record {
            .span([
                ("gen_ai.usage.input_tokens", .integer(26)), ("gen_ai.usage.cache_read.input_tokens", .integer(7)),
                ("gen_ai.usage.cache_creation.input_tokens", .integer(9)),
                ("gen_ai.usage.output_tokens", .integer(5)), ("gen_ai.response.id", .text(id)),
            ])
        }
        var pair = Pair()
        pair.read(.claude, Self.line)
        try pair.export([span("msg_1")], .traces)
        #expect(pair.sums.usageEvents == 1 && pair.events.count == 1)
        try pair.export([span("resp_1")], .traces)
        try pair.restart()
        try pair.export([span("resp_1"), span("resp_1")], .traces)
        #expect(pair.sums.usageEvents == 2)
    }

    @Test("A delta of version 1, which named neither sources nor reasons, is read")
    func firstVersion() throws {
        var writer = DeltaWriter()
        writer.byte(1)
        for _ in 0..<4 { writer.number(0) }
        for number in 0..<3 * 13 { writer.number(number) }
        var counter = Counter()
        try counter.apply(writer.bytes.span)
        #expect(counter.tally(of: .codex).lines == 13 && counter.tally(of: .ndjson)[.duplicate] == 38)
        #expect(counter.tally(of: .otlp) == SourceTally())
    }
}
