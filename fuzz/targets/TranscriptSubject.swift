import TallyIO
import TallyModel
import TallyWorkstation

/// Transcripts from bytes to events: lines, parsers, counter.
///
/// ```
/// | c, x, n or g: Claude, Codex, NDJSON, Gemini; d: Gemini's document | chunk u8 | a transcript |
/// ```
/// Promises: the same lines in whatever chunks they are read; a parser says the same of a line whatever it has read
/// before; numbers of facts are within their bounds; every event that comes of them keeps the rules of its kind; the
/// counter's deltas make the same counter.
class TranscriptSubject: FuzzSubject {
    private typealias Claude = ClaudeParser<FuzzHash>
    private typealias Codex = CodexParser<FuzzHash>
    private typealias Gemini = GeminiParser<FuzzHash>

    private var claude = Claude(hash: FuzzHash(), projects: TranscriptSubject.projects)
    private var codex = Codex(hash: FuzzHash(), projects: TranscriptSubject.projects)
    private var gemini = Gemini(hash: FuzzHash(), files: FuzzFolders())
    private static var projects: ProjectResolver<FuzzHash> {
        ProjectResolver(hash: FuzzHash(), files: FuzzFolders())
    }

    // MARK: Calls into the product

    func lines(_ text: [UInt8], chunkBytes: Int) throws(SystemError) -> [[UInt8]?] {
        var lines: [[UInt8]?] = []
        var tail = try TranscriptTail(MemoryTranscript(text), path: "memory", chunkBytes: chunkBytes) { _ in nil }
        while try tail.advance({ line in
            if let line { lines.append(copied(line)) } else { lines.append(nil) }
            return true
        }) {}
        return lines
    }

    func parse(_ line: [UInt8], as source: SourceKind, _ state: inout ParserState) -> [LineResult] {
        switch source {
        case .claude: [claude.parse(line.span, &state)] + claude.steps
        case .gemini: Self.parse(line, &gemini, &state)
        case .codex, .ndjson, .otlp: [codex.parse(line.span, &state)]
        }
    }

    func events(_ counter: inout Counter) -> (events: [Event], delta: [UInt8]) {
        let drained = counter.drain()
        return (drained.events, drained.delta)
    }

    // MARK: The run

    func run(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
        guard input.count > 2 else { return .refused }
        let text = Array(input[2...])
        let source: SourceKind =
            switch input[0] {
            case UInt8(ascii: "c"): .claude
            case UInt8(ascii: "x"): .codex
            case UInt8(ascii: "n"): .ndjson
            case UInt8(ascii: "g"), UInt8(ascii: "d"): .gemini
            // Of telemetry there are no lines.
            default: [SourceKind.claude, .codex, .ndjson, .gemini][Int(input[0]) % 4]
            }
        let split = try split(text, chunkBytes: 1 + Int(input[1]))
        let lines = input[0] == UInt8(ascii: "d") ? [text] : split
        var counter = Counter(eventsMax: 64)
        var events: [Event] = []
        var deltas: [[UInt8]] = []
        if source == .ndjson {
            var parser = NDJSONParser(hash: FuzzHash())
            for line in lines {
                if let result = sent(line, &parser) { counter.take(result) }
                try drain(&counter, &events, &deltas, always: counter.isFull)
            }
        } else {
            try read(lines, source, &counter, &events, &deltas)
        }
        try drain(&counter, &events, &deltas, always: true)
        for event in events {
            try expect(EventRules.violation(event) == nil, "every event of a transcript keeps the rules of its kind")
        }
        try replay(deltas, counter)
        return events.isEmpty ? .refused : .reached
    }

    private func split(_ text: [UInt8], chunkBytes: Int) throws(FuzzFinding) -> [[UInt8]] {
        let whole = text.split(separator: 0x0a, omittingEmptySubsequences: false).dropLast().filter { !$0.isEmpty }
        do throws(SystemError) {
            let lines = try self.lines(text, chunkBytes: chunkBytes)
            try found(lines.map { $0 ?? [] } == whole.map { Array($0) })
        } catch {
            throw FuzzFinding("a transcript gives its whole lines in whatever chunks it is read")
        }
        // The last line may have no end yet; a parser must stand it all the same.
        return text.split(separator: 0x0a).map { Array($0) }
    }

    private func found(_ isSame: Bool) throws(SystemError) {
        if !isSame { throw SystemError("split", number: 0) }
    }

    private func read(
        _ lines: [[UInt8]], _ source: SourceKind, _ counter: inout Counter, _ events: inout [Event],
        _ deltas: inout [[UInt8]]
    ) throws(FuzzFinding) {
        let id = FileID(device: 1, inode: 2)
        guard let session = SessionID(Bytes16(high: 1, low: 1)) else { return }
        var file = counter.checkOut(id, source: source, session: session)
        for (index, line) in lines.enumerated() {
            var state = file.parser
            let results = parse(line, as: source, &file.parser)
            try compare(results, line, source, &state, file.parser)
            for (number, result) in results.enumerated() {
                if case .fact(let fact) = result { try check(fact) }
                // Behind the line's own, calls within its call.
                if source == .claude, number > 0 {
                    counter.takeStep(result, from: source)
                } else {
                    counter.take(result, &file, nowMs: Int64(index))
                }
                if counter.isFull {
                    counter.checkIn(id, file)
                    try drain(&counter, &events, &deltas, always: true)
                }
            }
        }
        counter.checkIn(id, file)
        try drain(&counter, &events, &deltas, always: true)
        counter.settle(nowMs: 1 << 40, quietMs: nil)
    }

    /// What a parser without a past makes of the same line.
    private func compare(
        _ results: [LineResult], _ line: [UInt8], _ source: SourceKind, _ state: inout ParserState,
        _ after: ParserState
    ) throws(FuzzFinding) {
        let fresh: [LineResult]
        switch source {
        case .claude:
            var parser = Claude(hash: FuzzHash(), projects: Self.projects)
            fresh = [parser.parse(line.span, &state)] + parser.steps
        case .gemini:
            var parser = Gemini(hash: FuzzHash(), files: FuzzFolders())
            fresh = Self.parse(line, &parser, &state)
        case .codex, .ndjson, .otlp:
            var parser = Codex(hash: FuzzHash(), projects: Self.projects)
            fresh = [parser.parse(line.span, &state)]
        }
        try expect(state == after, "what a parser remembers of a file is in its state")
        try expect(
            fresh.map { Told($0) } == results.map { Told($0) },
            "a parser says the same of a line whatever it has read before")
    }

    /// All that a record says. A value of a list takes two bytes at least, which bounds them.
    private static func parse(
        _ bytes: [UInt8], _ parser: inout Gemini, _ state: inout ParserState
    ) -> [LineResult] {
        var results: [LineResult] = []
        var record = parser.begin(bytes.span, &state)
        while results.count <= bytes.count, let result = parser.next(&record, bytes.span, &state) {
            results.append(result)
        }
        return results
    }

    private func check(_ fact: Fact) throws(FuzzFinding) {
        switch fact {
        case .request(let request), .row(let request), .ignoredRow(let request):
            let counts = request.counts
            for count in [counts.input, counts.cacheRead, counts.write5m, counts.write1h, counts.output] {
                try expect(count <= Limits.tokensMax, "a number of tokens is within its bound")
            }
            try expect(counts.reasoning <= counts.output, "reasoning is part of the output")
            try expect(
                (Limits.timeMsMin...Limits.timeMsMax).contains(request.timeMs), "a fact has a time of the schema")
        case .lineage(let session, let ancestor):
            try expect(session != 0 && ancestor != 0, "a lineage is of sessions")
        case .ignored: throw FuzzFinding("nothing is ignored here")
        case .sent(let event, _): try expect(EventRules.violation(event) == nil, "what is sent keeps the rules")
        }
    }

    private func sent(_ line: [UInt8], _ parser: inout NDJSONParser<FuzzHash>) -> LineResult? {
        do throws(NDJSONError) { return try parser.parse(line.span) } catch { return nil }
    }

    private func drain(
        _ counter: inout Counter, _ events: inout [Event], _ deltas: inout [[UInt8]], always: Bool
    ) throws(FuzzFinding) {
        guard always else { return }
        let drained = self.events(&counter)
        events += drained.events
        deltas.append(drained.delta)
    }

    private func replay(_ deltas: [[UInt8]], _ counter: Counter) throws(FuzzFinding) {
        var again = Counter(eventsMax: 64)
        do throws(CounterError) {
            for delta in deltas { try again.apply(delta.span) }
        } catch {
            throw FuzzFinding("a delta of a counter can be applied: \(error)")
        }
        try expect(Set(again.files.keys) == Set(counter.files.keys), "deltas make the same files")
        try expect(again.heldKeys == counter.heldKeys, "deltas make the same held requests")
    }
}

/// A line's result as something that can be compared.
private struct Told: Hashable {
    private var request: RequestFact?
    private var event: Event?
    private var words: [UInt64] = []
    private var skip: SkipReason?

    init(_ result: LineResult) {
        switch result {
        case .fact(.request(let fact)): (request, words) = (fact, [1])
        case .fact(.row(let fact)): (request, words) = (fact, [2])
        case .fact(.lineage(let session, let ancestor)): words = [3, session, ancestor]
        case .fact(.ignoredRow(let fact)): (request, words) = (fact, [6])
        case .fact(.ignored(let session)): words = [7, session.lineageWord]
        case .fact(.sent(let sent, let id)): (event, words) = (sent, [4, id ?? 0])
        case .nothing: words = [5]
        case .skipped(let reason): skip = reason
        }
    }
}

private func copied(_ line: Span<UInt8>) -> [UInt8] {
    var copy: [UInt8] = []
    copy.append(copying: line)
    return copy
}
