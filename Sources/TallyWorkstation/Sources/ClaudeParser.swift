import TallyModel

/// Reads lines of Claude Code's transcripts. The last place that sees their content: what it returns holds
/// numbers, enums, a model's label and hashes.
///
/// Pulls `timestamp, uuid, isSidechain, sessionId, requestId, costUSD, isApiErrorMessage, cwd`, of
/// `message` `id, model, stop_reason, usage`, and what `ClaudeSigns.swift` names; skips all else as bytes. A line counts if it has a usage object,
/// whatever its type. `usage.iterations` (an advisor's own model) is the place where issue 6 adds facts.
package struct ClaudeParser<Hash: KeyedHash>: Sendable {
    static var idBytesMax: Int { 1_024 }

    private let hash: Hash
    private let reader = ClaudeLineReader()
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

    package mutating func parse(_ bytes: Span<UInt8>, _ state: inout ParserState) -> LineResult {
        do throws(JSONError) {
            let line = try reader.read(bytes)
            if let text = line.timestamp, let time = TimeText.milliseconds(bytes, text) { state.timeMs = time }
            if let kind = line.sign { note(kind, line, bytes, &state) }
            guard let usage = line.usage else { return .nothing }
            return fact(line, usage, bytes, state)
        } catch {
            return .skipped(SkipReason(error))
        }
    }

    /// A sign of the line's session; the folder of the first such line is the one that the agent was started in.
    private mutating func note(
        _ kind: SessionSign.Kind, _ line: ClaudeLine, _ bytes: Span<UInt8>, _ state: inout ParserState
    ) {
        state.note(kind, session: line.session.flatMap { session(of: $0, bytes) })
        if state.folder == 0, let cwd = line.cwd { state.folder = hash.folder(cwd, bytes) }
    }

    private mutating func session(of text: JSONText, _ bytes: Span<UInt8>) -> SessionID? {
        let hash = hash
        return sessions.value(of: text, bytes, bytesMax: Self.idBytesMax) { hash.sessionID($0) }
    }

    private mutating func fact(
        _ line: ClaudeLine, _ usage: ClaudeUsage, _ bytes: Span<UInt8>, _ state: ParserState
    ) -> LineResult {
        let model =
            line.model.flatMap { text in
                models.value(of: text, bytes, bytesMax: ModelName.bytesMax) { ModelName($0) }
            } ?? .none
        if model.isSynthetic && usage.counts.isZero { return .skipped(.empty) }
        guard state.timeMs >= Limits.timeMsMin else { return .skipped(.noTime) }
        let session = line.session.flatMap { self.session(of: $0, bytes) } ?? state.session
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
        fact.outcome = line.isError ? .error : line.stop == nil ? .unknown : line.isRefusal ? .refused : .ok
        return .fact(.request(fact))
    }

    /// The message's id and the request's; without the first, session and line id; without both, the whole line.
    private mutating func key(_ line: ClaudeLine, _ session: SessionID, _ bytes: Span<UInt8>) -> RequestKey {
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
