import TallyModel

/// What became of one record.
enum OTLPRecordResult {
    case call(CallFact)
    /// It speaks of no call, but of what its session does.
    case sign(FileSign)
    /// It speaks of no call, or of one that its agent's log events tell of.
    case nothing
    case skipped(SkipReason)
}

/// Why a record counts nothing. Outside of the reader, which has a type parameter: as a part of it, it brings Swift 6.3's
/// optimiser down.
private struct OTLPSkip: Error { let reason: SkipReason }

/// From a record's allowed attributes to a call, by what each agent means with its numbers.
///
/// | record | input includes cache | output includes reasoning | known elsewhere by |
/// |---|---|---|---|
/// | `claude_code.api_request` | no | yes | request id |
/// | `codex.sse_event`, `response.completed` | reads | yes | session and its four numbers |
/// | `gemini_cli.api_response` | reads | no, by its total | nothing |
/// | a span with `gen_ai.usage.*` | reads and writes | yes | response id |
struct OTLPCallReader<Hash: KeyedHash>: Sendable {
    private enum Speeds: String, CaseIterable { case fast, standard }
    private enum Kinds: String, CaseIterable { case completed = "response.completed" }
    private enum Sources: String, CaseIterable {
        case main, repl_main_thread, subagent, auxiliary, compact, compaction
    }
    /// Spans of one call to a model; agents and workflows sum up those of their children.
    private enum Operations: String, CaseIterable { case chat, generate_content, text_completion, embeddings }

    private static var idBytesMax: Int { 1_024 }
    let hash: Hash
    private let speeds = NameTable<Speeds>(\.rawValue)
    private let kinds = NameTable<Kinds>(\.rawValue)
    private let sources = NameTable<Sources>(\.rawValue)
    private let operations = NameTable<Operations>(\.rawValue)

    init(hash: Hash) { self.hash = hash }

    func read(_ record: OTLPRecord, _ bytes: Span<UInt8>) -> OTLPRecordResult {
        do throws(OTLPSkip) {
            guard let call = try call(record, bytes) else { return sign(record, bytes).map { .sign($0) } ?? .nothing }
            if call.fact.counts.isZero { return .skipped(.empty) }
            return .call(call)
        } catch {
            return .skipped(error.reason)
        }
    }

    private func call(_ record: OTLPRecord, _ bytes: Span<UInt8>) throws(OTLPSkip) -> CallFact? {
        switch record.event {
        case .claude: return try claude(record, bytes)
        case .codex: return try codex(record, bytes)
        case .gemini: return try gemini(record, bytes)
        case nil: return try span(record, bytes)
        default: return nil
        }
    }

    // MARK: Agents

    private func claude(_ record: OTLPRecord, _ bytes: Span<UInt8>) throws(OTLPSkip) -> CallFact {
        var counts = RequestCounts()
        counts.input = try tokens(record[.input], bytes)
        counts.output = try tokens(record[.output], bytes)
        counts.cacheRead = try tokens(record[.cacheRead], bytes)
        // It says nothing of lifetimes.
        counts.writeUnknown = try tokens(record[.cacheWrite], bytes)
        counts.reportedNanoUSD = cost(record, bytes)
        var fact = try fact(record, .claudeCode, session: record[.session], counts, bytes)
        if let name = find(speeds, record[.speed], bytes) { fact.speed = name == .fast ? .fast : .standard }
        fact.origin = origin(find(sources, record[.origin], bytes))
        guard let id = text(record[.request], bytes) else { return alone(fact, record) }
        let request = hash.word(.request, id.span)
        fact.key = RequestKey(message: request, request: request)
        return CallFact(identity: request, match: .request, fact: fact)
    }

    private func codex(_ record: OTLPRecord, _ bytes: Span<UInt8>) throws(OTLPSkip) -> CallFact? {
        guard find(kinds, record[.eventKind], bytes) == .completed else { return nil }
        // A completed response without numbers is one that could not be read.
        guard record[.inputCount] != nil || record[.outputCount] != nil else { return nil }
        var totals = CodexTotals()
        totals.input = UInt64(try tokens(record[.inputCount], bytes))
        totals.cached = UInt64(try tokens(record[.cachedCount], bytes))
        totals.output = UInt64(try tokens(record[.outputCount], bytes))
        totals.reasoning = UInt64(try tokens(record[.reasoningCount], bytes))
        guard let counts = totals.counts() else { throw OTLPSkip(reason: .badNumber) }
        let fact = try fact(record, .codex, session: record[.conversation], counts, bytes)
        var call = alone(fact, record)
        call.match = .numbers
        call.fact.key = RequestKey(message: call.identity, request: fact.session.lineageWord)
        return call
    }

    private func gemini(_ record: OTLPRecord, _ bytes: Span<UInt8>) throws(OTLPSkip) -> CallFact {
        let input = UInt64(try tokens(record[.inputCount], bytes))
        let output = UInt64(try tokens(record[.outputCount], bytes))
        let cached = try tokens(record[.cachedContentCount], bytes)
        let thoughts = try tokens(record[.thoughtsCount], bytes)
        let tool = UInt64(try tokens(record[.toolCount], bytes))
        let total = UInt64(try tokens(record[.totalCount], bytes))
        // What its tools put into the prompt stands beside the input. Thoughts do too, unless the total says otherwise.
        let isWithin = total != 0 && total == input + output + tool && UInt64(thoughts) <= output
        let outputs = isWithin ? output : output + UInt64(thoughts)
        guard UInt64(cached) <= input, input + tool <= UInt64(Limits.tokensMax), outputs <= UInt64(Limits.tokensMax)
        else { throw OTLPSkip(reason: .badNumber) }
        var counts = RequestCounts()
        counts.input = UInt32(input - UInt64(cached) + tool)
        counts.cacheRead = cached
        counts.output = UInt32(outputs)
        counts.reasoning = thoughts
        return alone(try fact(record, .geminiCLI, session: record[.session], counts, bytes), record)
    }

    private func span(_ record: OTLPRecord, _ bytes: Span<UInt8>) throws(OTLPSkip) -> CallFact? {
        guard !record.isAgents, record[.genInput] != nil || record[.genOutput] != nil else { return nil }
        if record[.genOperation] != nil, find(operations, record[.genOperation], bytes) == nil { return nil }
        let total = UInt64(try tokens(record[.genInput], bytes))
        var counts = RequestCounts()
        counts.cacheRead = try tokens(record[.genCacheRead], bytes)
        counts.writeUnknown = try tokens(record[.genCacheWrite], bytes)
        counts.output = try tokens(record[.genOutput], bytes)
        counts.reasoning = min(try tokens(record[.genReasoning], bytes), counts.output)
        let cache = UInt64(counts.cacheRead) + UInt64(counts.writeUnknown)
        // Parts that are more than the whole are no parts of it: that SDK gives the input without its cache.
        counts.input = UInt32(cache <= total ? total - cache : total)
        let session = record[.genConversation] ?? record[.session]
        var fact = try fact(record, .other, session: session, counts, bytes)
        if session == nil, let trace = record.trace { fact.session = hash.sessionID(trace.bytes.span) }
        let model = label(record[.genResponseModel], bytes) ?? label(record[.genRequestModel], bytes)
        fact.model = model ?? .unlisted
        guard let id = text(record[.genResponse], bytes) else { return alone(fact, record) }
        let message = hash.word(.message, id.span)
        fact.key = RequestKey(message: message, request: 0)
        return CallFact(identity: message, match: .message, fact: fact)
    }

    // MARK: Parts

    private func fact(
        _ record: OTLPRecord, _ agent: Agent, session value: OTLPValue?, _ counts: RequestCounts,
        _ bytes: Span<UInt8>
    ) throws(OTLPSkip) -> RequestFact {
        guard let timeMs = timeMs(record, bytes) else { throw OTLPSkip(reason: .noTime) }
        let session = text(value, bytes).map { hash.sessionID($0.span) } ?? hash.nameless(agent)
        var fact = RequestFact(
            key: RequestKey(message: 0, request: 0), timeMs: timeMs, session: session, agent: agent,
            model: label(record[.model], bytes) ?? .unlisted, counts: counts)
        fact.isFinal = true
        fact.outcome = .ok
        if let duration = record[.duration].flatMap({ OTLPNumber.rounded($0, bytes) }),
            duration <= UInt64(Limits.durationMsMax)
        {
            fact.durationMs = UInt32(duration)
        }
        return fact
    }

    /// A call that is known by its record alone: who, when, and all numbers.
    private func alone(_ fact: RequestFact, _ record: OTLPRecord) -> CallFact {
        let counts = fact.counts
        var words = [fact.session.value.high, fact.session.value.low, UInt64(bitPattern: fact.timeMs)]
        words += [record.timeNanos, record.trace?.high ?? 0, record.trace?.low ?? 0, record.span]
        words += [counts.input, counts.cacheRead, counts.writeUnknown, counts.output, counts.reasoning].map {
            UInt64($0)
        }
        words += [counts.reportedNanoUSD, UInt64(fact.durationMs ?? 0), UInt64(fact.agent.rawValue)]
        var bytes: [UInt8] = []
        bytes.reserveCapacity(words.count * 8)
        for word in words {
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        let identity = hash.word(.call, bytes.span)
        var fact = fact
        fact.key = RequestKey(message: identity, request: 0)
        return CallFact(identity: identity, match: .nothing, fact: fact)
    }

    private func tokens(_ value: OTLPValue?, _ bytes: Span<UInt8>) throws(OTLPSkip) -> UInt32 {
        guard let value else { return 0 }
        guard let number = OTLPNumber.whole(value, bytes), number <= UInt64(Limits.tokensMax) else {
            throw OTLPSkip(reason: .badNumber)
        }
        return UInt32(number)
    }

    /// Micro-USD are rounded already, so they serve where dollars are not given.
    private func cost(_ record: OTLPRecord, _ bytes: Span<UInt8>) -> UInt64 {
        var cost = record[.cost].flatMap { OTLPNumber.nanoUSD($0, bytes) }
        if cost == nil, let micros = record[.costMicros].flatMap({ OTLPNumber.whole($0, bytes) }) {
            let (product, isOver) = micros.multipliedReportingOverflow(by: 1_000)
            cost = isOver ? nil : product
        }
        return cost.flatMap { $0 <= Limits.reportedCostNanoUSDMax ? $0 : nil } ?? 0
    }

    func timeMs(_ record: OTLPRecord, _ bytes: Span<UInt8>) -> Int64? {
        let range = Limits.timeMsMin...Limits.timeMsMax
        func milliseconds(_ nanos: UInt64) -> Int64? {
            let value = Int64(nanos / 1_000_000)
            return range.contains(value) ? value : nil
        }
        if record.timeNanos != 0 { return milliseconds(record.timeNanos) }
        if case .text(let text)? = record[.eventTime], let time = TimeText.milliseconds(bytes, text.text) {
            return time
        }
        return record.observedNanos == 0 ? nil : milliseconds(record.observedNanos)
    }

    func text(_ value: OTLPValue?, _ bytes: Span<UInt8>) -> [UInt8]? {
        guard case .text(let text)? = value else { return nil }
        return text.copied(bytes, bytesMax: Self.idBytesMax)
    }

    private func label(_ value: OTLPValue?, _ bytes: Span<UInt8>) -> Label? {
        guard case .text(let text)? = value, let copy = text.copied(bytes, bytesMax: ModelName.bytesMax) else {
            return nil
        }
        return ModelName(copy.span).label
    }

    private func find<Name>(_ table: NameTable<Name>, _ value: OTLPValue?, _ bytes: Span<UInt8>) -> Name? {
        guard case .text(let text)? = value else { return nil }
        return table.find(text.text, bytes)
    }

    private func origin(_ source: Sources?) -> Origin {
        switch source {
        case .main, .repl_main_thread: .main
        case .subagent: .subagent
        case .auxiliary: .auxiliary
        case .compact, .compaction: .compaction
        case nil: .unknown
        }
    }
}
