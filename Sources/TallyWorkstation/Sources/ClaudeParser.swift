import TallyModel

/// Reads lines of Claude Code's transcripts. The last place that sees their content: what it returns holds
/// numbers, enums, a model's label and hashes.
///
/// Pulls `timestamp, uuid, isSidechain, sessionId, requestId, costUSD, isApiErrorMessage, cwd` and of
/// `message` `id, model, stop_reason, usage`; skips all else as bytes. A line counts if it has a usage object,
/// whatever its type. `usage.iterations` (an advisor's own model) is the place where issue 6 adds facts.
package struct ClaudeParser<Hash: KeyedHash>: Sendable {
    private enum LineKey: String, CaseIterable {
        case timestamp, uuid, isSidechain, sessionId, requestId, costUSD, isApiErrorMessage, cwd, message
    }
    private enum MessageKey: String, CaseIterable { case id, model, stop_reason, usage }

    static var idBytesMax: Int { 1_024 }

    private let hash: Hash
    private let lineKeys = NameTable<LineKey>(\.rawValue)
    private let messageKeys = NameTable<MessageKey>(\.rawValue)
    private let usageReader = ClaudeUsageReader()
    private var sessions = TextMemory<SessionID>()
    private var models = TextMemory<ModelName>()
    // A streamed message repeats its ids, and a keyed hash is what a line costs most.
    private var messages = TextMemory<UInt64>()
    private var requests = TextMemory<UInt64>()
    private var projects: ProjectResolver<Hash>

    package init(hash: Hash, projects: ProjectResolver<Hash>) {
        self.hash = hash
        self.projects = projects
    }

    /// What a line holds, as ranges of its bytes.
    private struct Line {
        var timestamp: JSONText?
        var uuid: JSONText?
        var session: JSONText?
        var request: JSONText?
        var cwd: JSONText?
        var isSidechain: Bool?
        var isError = false
        var costNanoUSD: UInt64 = 0
        var message: JSONText?
        var model: JSONText?
        var stop: JSONText?
        var usage: ClaudeUsage?
    }

    package mutating func parse(_ bytes: Span<UInt8>, _ state: inout ParserState) -> LineResult {
        do throws(JSONError) {
            let line = try read(bytes)
            if let text = line.timestamp, let time = TimeText.milliseconds(bytes, text) { state.timeMs = time }
            guard let usage = line.usage else { return .nothing }
            return fact(line, usage, bytes, state)
        } catch {
            return .skipped(SkipReason(error))
        }
    }

    private func read(_ bytes: Span<UInt8>) throws(JSONError) -> Line {
        var line = Line()
        var cursor = JSONCursor()
        let open = UInt8(ascii: "{")
        var isOver = try cursor.enter(open, bytes)
        while !isOver {
            switch lineKeys.find(try cursor.key(bytes), bytes) {
            case .timestamp: line.timestamp = try cursor.optionalText(bytes)
            case .uuid: line.uuid = try cursor.optionalText(bytes)
            case .sessionId: line.session = try cursor.optionalText(bytes)
            case .requestId: line.request = try cursor.optionalText(bytes)
            case .cwd: line.cwd = try cursor.optionalText(bytes)
            case .isSidechain: line.isSidechain = try cursor.optionalBool(bytes)
            case .isApiErrorMessage: line.isError = try cursor.optionalBool(bytes) ?? false
            case .costUSD: line.costNanoUSD = try readCost(&cursor, bytes)
            case .message: try readMessage(&line, &cursor, bytes)
            case nil: try cursor.skip(bytes)
            }
            isOver = try !cursor.next(open, bytes)
        }
        try cursor.finish(bytes)
        return line
    }

    private func readCost(_ cursor: inout JSONCursor, _ bytes: Span<UInt8>) throws(JSONError) -> UInt64 {
        let first = try cursor.peek(bytes)
        guard first == UInt8(ascii: "-") || (first >= 0x30 && first <= 0x39) else {
            try cursor.skip(bytes)
            return 0
        }
        guard let cost = try cursor.decimal(bytes).scaled(places: 9) else { return 0 }
        return cost <= Limits.reportedCostNanoUSDMax ? cost : 0
    }

    private func readMessage(_ line: inout Line, _ cursor: inout JSONCursor, _ bytes: Span<UInt8>) throws(JSONError) {
        guard try cursor.isObject(bytes) else { return }
        let open = UInt8(ascii: "{")
        var isOver = try cursor.enter(open, bytes)
        while !isOver {
            switch messageKeys.find(try cursor.key(bytes), bytes) {
            case .id: line.message = try cursor.optionalText(bytes)
            case .model: line.model = try cursor.optionalText(bytes)
            case .stop_reason: line.stop = try cursor.optionalText(bytes)
            case .usage: line.usage = try usageReader.read(&cursor, bytes)
            case nil: try cursor.skip(bytes)
            }
            isOver = try !cursor.next(open, bytes)
        }
    }

    private mutating func fact(
        _ line: Line, _ usage: ClaudeUsage, _ bytes: Span<UInt8>, _ state: ParserState
    ) -> LineResult {
        let model =
            line.model.flatMap { text in
                models.value(of: text, bytes, bytesMax: ModelName.bytesMax) { ModelName($0) }
            } ?? .none
        if model.isSynthetic && usage.counts.isZero { return .skipped(.empty) }
        guard state.timeMs >= Limits.timeMsMin else { return .skipped(.noTime) }
        var session = state.session
        if let text = line.session {
            let hash = hash
            session = sessions.value(of: text, bytes, bytesMax: Self.idBytesMax) { hash.sessionID($0) } ?? session
        }
        var fact = RequestFact(
            key: key(line, session, bytes), timeMs: state.timeMs, session: session, agent: .claudeCode,
            model: model.label, counts: usage.counts)
        if let cwd = line.cwd { fact.project = projects.project(of: cwd, bytes) }
        fact.counts.reportedNanoUSD = line.costNanoUSD
        fact.origin = line.isSidechain.map { $0 ? .subagent : .main } ?? (state.isSubagent ? .subagent : .unknown)
        fact.speed = usage.speed
        fact.tier = usage.tier
        fact.region = usage.region
        fact.isFinal = line.stop != nil || line.isError
        fact.outcome = outcome(line, bytes)
        return .fact(.request(fact))
    }

    private func outcome(_ line: Line, _ bytes: Span<UInt8>) -> Outcome {
        if line.isError { return .error }
        guard let stop = line.stop else { return .unknown }
        return stop.equals("refusal", bytes) ? .refused : .ok
    }

    /// The message's id and the request's; without the first, session and line id; without both, the whole line.
    private mutating func key(_ line: Line, _ session: SessionID, _ bytes: Span<UInt8>) -> RequestKey {
        let hash = hash
        var request: UInt64?
        if let text = line.request {
            request = requests.value(of: text, bytes, bytesMax: Self.idBytesMax) { hash.word(.request, $0) }
        }
        if let text = line.message,
            let message = messages.value(
                of: text, bytes, bytesMax: Self.idBytesMax, make: { hash.word(.message, $0) })
        {
            return RequestKey(message: message, request: request ?? 0)
        }
        if let text = line.uuid, text.count > 0, let id = text.copied(bytes, bytesMax: Self.idBytesMax) {
            let both = session.value.bytes + id
            return RequestKey(message: hash.word(.line, both.span), request: 0)
        }
        return RequestKey(message: hash.word(.line, bytes), request: 0)
    }
}
