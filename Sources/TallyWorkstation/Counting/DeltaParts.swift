import TallyModel

/// The bytes of the counter's values within a delta. Each `put` has the `get` that reads it beside it.
extension DeltaWriter {
    mutating func put(_ counts: RequestCounts) {
        for value in [
            counts.input, counts.cacheRead, counts.write5m, counts.write1h, counts.writeUnknown, counts.output,
            counts.reasoning,
        ] { number(UInt64(value)) }
        number(UInt64(counts.webSearches))
        number(counts.reportedNanoUSD)
    }

    mutating func put(_ row: RequestTable.Row) {
        word(row.message)
        word(row.request)
        byte((row.isSidechain ? 1 : 0) | (row.isCall ? 2 : 0))
        put(row.sent)
    }

    mutating func put(_ session: SessionID) {
        word(session.value.high)
        word(session.value.low)
    }

    mutating func put(_ project: ProjectID?) {
        word(project?.value.high ?? 0)
        word(project?.value.low ?? 0)
    }

    mutating func put(_ fact: RequestFact) {
        word(fact.key.message)
        word(fact.key.request)
        number(UInt64(max(fact.timeMs, 0)))
        put(fact.session)
        put(fact.project)
        for raw in [
            fact.agent.rawValue, fact.origin.rawValue, fact.speed.rawValue, fact.tier.rawValue, fact.region.rawValue,
            fact.outcome.rawValue, fact.isFinal ? 1 : 0,
        ] { byte(raw) }
        text(fact.model.text)
        put(fact.counts)
    }

    mutating func put(_ state: ParserState) {
        number(UInt64(max(state.timeMs, 0)))
        put(state.session)
        // The sign is new in bits that were 0 and that earlier programs pass over.
        let sign = state.sign.kind.rawValue << 3
        byte((state.isNamed ? 1 : 0) | (state.isSubagent ? 2 : 0) | (state.isMain ? 4 : 0) | sign)
        put(state.project)
        text(state.model?.text ?? "")
        byte(state.tier.rawValue)
        let totals = state.totals ?? CodexTotals()
        for value in [totals.input, totals.cached, totals.output, totals.reasoning] { number(value) }
    }

    mutating func put(_ state: FileState) {
        byte(state.source.rawValue)
        byte((state.checkpoint.isSkipping ? 1 : 0) | (state.isReplaying ? 2 : 0) | (state.held != nil ? 4 : 0))
        number(state.checkpoint.offset)
        number(UInt64(state.checkpoint.headBytes))
        word(state.checkpoint.headHash)
        number(UInt64(state.checkpoint.tailBytes))
        word(state.checkpoint.tailHash)
        put(state.parser)
        if let held = state.held { put(held) }
    }
}

extension DeltaReader {
    mutating func counts(_ bytes: Span<UInt8>) throws(CounterError) -> RequestCounts {
        var counts = RequestCounts()
        counts.input = try number(bytes, as: UInt32.self)
        counts.cacheRead = try number(bytes, as: UInt32.self)
        counts.write5m = try number(bytes, as: UInt32.self)
        counts.write1h = try number(bytes, as: UInt32.self)
        counts.writeUnknown = try number(bytes, as: UInt32.self)
        counts.output = try number(bytes, as: UInt32.self)
        counts.reasoning = try number(bytes, as: UInt32.self)
        counts.webSearches = try number(bytes, as: UInt16.self)
        counts.reportedNanoUSD = try number(bytes)
        return counts
    }

    mutating func row(_ bytes: Span<UInt8>) throws(CounterError) -> RequestTable.Row {
        let message = try word(bytes)
        let request = try word(bytes)
        let flags = try byte(bytes)
        guard flags <= 3 else { throw .corrupt(at: position) }
        return RequestTable.Row(
            message: message, request: request, isSidechain: flags & 1 != 0, isCall: flags & 2 != 0,
            sent: try counts(bytes))
    }

    mutating func session(_ bytes: Span<UInt8>) throws(CounterError) -> SessionID {
        let high = try word(bytes)
        guard let session = SessionID(Bytes16(high: high, low: try word(bytes))) else { throw .corrupt(at: position) }
        return session
    }

    mutating func project(_ bytes: Span<UInt8>) throws(CounterError) -> ProjectID? {
        let high = try word(bytes)
        return ProjectID(Bytes16(high: high, low: try word(bytes)))
    }

    mutating func fact(_ bytes: Span<UInt8>) throws(CounterError) -> RequestFact {
        let message = try word(bytes)
        let key = RequestKey(message: message, request: try word(bytes))
        let timeMs = try number(bytes, as: Int64.self)
        let session = try session(bytes)
        let project = try project(bytes)
        var fact = RequestFact(
            key: key, timeMs: timeMs, session: session, project: project, agent: try word(bytes, of: Agent.self),
            model: .unlisted, counts: RequestCounts())
        fact.origin = try word(bytes, of: Origin.self)
        fact.speed = try word(bytes, of: Speed.self)
        fact.tier = try word(bytes, of: Tier.self)
        fact.region = try word(bytes, of: Region.self)
        fact.outcome = try word(bytes, of: Outcome.self)
        fact.isFinal = try byte(bytes) == 1
        guard let model = Label(try text(bytes, bytesMax: Limits.labelBytesMax)) else { throw .corrupt(at: position) }
        fact.model = model
        fact.counts = try counts(bytes)
        return fact
    }

    mutating func parser(_ bytes: Span<UInt8>) throws(CounterError) -> ParserState {
        let timeMs = try number(bytes, as: Int64.self)
        var state = ParserState(session: try session(bytes))
        state.timeMs = timeMs
        let flags = try byte(bytes)
        state.isNamed = flags & 1 != 0
        state.isSubagent = flags & 2 != 0
        state.isMain = flags & 4 != 0
        let sign = SessionSign.Kind(rawValue: flags >> 3 & 7)
        guard let sign, sign.rawValue <= SessionSign.Kind.storedMax else { throw .corrupt(at: position) }
        // Its own time is not kept, and is not later than that of the file's latest line.
        if sign != .none { state.sign = SessionSign(sign, timeMs: timeMs) }
        state.project = try project(bytes)
        state.model = Label(try text(bytes, bytesMax: Limits.labelBytesMax))
        state.tier = try word(bytes, of: Tier.self)
        var totals = CodexTotals()
        totals.input = try number(bytes)
        totals.cached = try number(bytes)
        totals.output = try number(bytes)
        totals.reasoning = try number(bytes)
        state.totals = totals.isZero ? nil : totals
        return state
    }

    mutating func file(_ bytes: Span<UInt8>) throws(CounterError) -> FileState {
        let source = try word(bytes, of: SourceKind.self)
        let flags = try byte(bytes)
        var checkpoint = FileCheckpoint()
        checkpoint.isSkipping = flags & 1 != 0
        checkpoint.offset = try number(bytes)
        checkpoint.headBytes = try number(bytes, as: UInt16.self)
        checkpoint.headHash = try word(bytes)
        checkpoint.tailBytes = try number(bytes, as: UInt16.self)
        checkpoint.tailHash = try word(bytes)
        let parser = try parser(bytes)
        var state = FileState(source: source, session: parser.session)
        state.checkpoint = checkpoint
        state.parser = parser
        state.isReplaying = flags & 2 != 0
        if flags & 4 != 0 { state.held = try fact(bytes) }
        return state
    }
}
