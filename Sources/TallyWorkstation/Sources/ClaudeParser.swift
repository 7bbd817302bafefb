import TallyModel

/// Reads lines of Claude Code's transcripts. The last place that sees their content: what it returns holds
/// numbers, enums, a model's label and hashes.
///
/// Pulls `timestamp, uuid, isSidechain, sessionId, requestId, costUSD, isApiErrorMessage, cwd`, of `message` `id, model,
/// stop_reason, usage`, and what `ClaudeSigns.swift` names; skips all else as bytes. A line counts if it has a usage
/// object, whatever its type. Calls to other models within its message (`usage.iterations`) are told beside it, in
/// `steps`.
package struct ClaudeParser<Hash: KeyedHash>: Sendable {
    static var idBytesMax: Int { 1_024 }

    private let hash: Hash
    private let reader = ClaudeLineReader()
    private let iterationReader = ClaudeIterationReader()
    /// What the last line told beside its request: calls within it, and entries that were refused.
    package private(set) var steps: [LineResult] = []
    private var sessions = TextMemory<SessionID>()
    private var models = TextMemory<ModelName>()
    // A streamed message repeats its ids, and a keyed hash is what a line costs most.
    private var messages = TextMemory<UInt64>()
    private var requests = TextMemory<UInt64>()
    private var projects: ProjectResolver<Hash>
    private var filter: FolderFilter?

    package init(hash: Hash, projects: ProjectResolver<Hash>) {
        self.hash = hash
        self.projects = projects
    }

    init(hash: Hash, projects: ProjectResolver<Hash>, filter: FolderFilter) {
        self.init(hash: hash, projects: projects)
        self.filter = filter.isIdle ? nil : filter
    }

    package mutating func parse(_ bytes: Span<UInt8>, _ state: inout ParserState) -> LineResult {
        if !steps.isEmpty { steps.removeAll(keepingCapacity: true) }
        do throws(JSONError) {
            let line = try reader.read(bytes)
            if let text = line.timestamp, let time = TimeText.milliseconds(bytes, text) { state.timeMs = time }
            // A line that names no folder was written where the one before it was.
            if let isIgnored = line.cwd.flatMap({ filter?.covers($0, bytes) }) { state.isIgnored = isIgnored }
            if let kind = line.sign { note(kind, line, bytes, &state) }
            guard let usage = line.usage else { return .nothing }
            return fact(line, usage, bytes, &state)
        } catch {
            return .skipped(SkipReason(error))
        }
    }

    private func isIgnored(_ state: ParserState) -> Bool { filter != nil && state.isIgnored == true }

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
        _ line: ClaudeLine, _ usage: ClaudeUsage, _ bytes: Span<UInt8>, _ state: inout ParserState
    ) -> LineResult {
        let model =
            line.model.flatMap { text in
                models.value(of: text, bytes, bytesMax: ModelName.bytesMax) { ModelName($0) }
            } ?? .none
        if model.isSynthetic && usage.counts.isZero { return .skipped(.empty) }
        guard state.timeMs >= Limits.timeMsMin else { return .skipped(.noTime) }
        let session = line.session.flatMap { self.session(of: $0, bytes) } ?? state.session
        if isIgnored(state) { return .fact(.ignored(session: session)) }
        var fact = RequestFact(
            key: key(line, session, bytes), timeMs: state.timeMs, session: session, agent: .claudeCode,
            model: model.label, counts: usage.counts)
        if let cwd = line.cwd { fact.project = projects.project(of: cwd, bytes) }
        fact.counts.reportedNanoUSD = line.costNanoUSD
        fact.origin = line.isSidechain.map { $0 ? .subagent : .main } ?? (state.isSubagent ? .subagent : .unknown)
        fact.speed = usage.speed
        fact.tier = usage.tier
        fact.region = usage.region
        if let place = usage.iterations { noteSteps(at: place, line.model, of: &fact, bytes) }
        fact.isFinal = line.stop != nil || line.isError
        fact.outcome = line.isError ? .error : line.stop == nil ? .unknown : line.isRefusal ? .refused : .ok
        return .fact(.request(fact))
    }

    /// Telemetry knows a call by its request's id, and a step is none of its: so a step's key has no request.
    private mutating func noteSteps(
        at place: Int, _ model: JSONText?, of fact: inout RequestFact, _ bytes: Span<UInt8>
    ) {
        let found = iterationReader.read(at: place, model: model, bytes)
        if let own = found.own {
            let reported = fact.counts.reportedNanoUSD
            fact.counts = fact.counts.merged(with: own)
            fact.counts.reportedNanoUSD = reported
        }
        for step in found.steps {
            var name: [UInt8] = [UInt8(step.place)]
            for shift in stride(from: 0, to: 64, by: 8) {
                name.append(UInt8(truncatingIfNeeded: fact.key.message >> shift))
            }
            var call = RequestFact(
                key: RequestKey(message: hash.word(.iteration, name.span), request: 0), timeMs: fact.timeMs,
                session: fact.session, project: fact.project, agent: fact.agent, model: fact.model,
                counts: step.usage.counts)
            let isCompaction = step.kind == .compaction
            if let text = step.model {
                let label = text.copied(bytes, bytesMax: ModelName.bytesMax).map { ModelName($0.span).label }
                call.model = label ?? .unlisted
            } else if !isCompaction {
                call.model = .unlisted
            }
            call.origin = isCompaction ? .compaction : .auxiliary
            // Tier and region are the whole request's, the speed is a model's.
            call.speed = step.usage.speed == .unknown && isCompaction ? fact.speed : step.usage.speed
            call.tier = step.usage.tier == .unknown ? fact.tier : step.usage.tier
            call.region = step.usage.region == .unknown ? fact.region : step.usage.region
            steps.append(.fact(.request(call)))
        }
        for _ in 0..<found.refused { steps.append(.skipped(.badNumber)) }
    }

    /// The message's id and the request's, by which telemetry knows it; without the first, session and line id; without
    /// both, the whole line.
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
            return RequestKey(message: hash.word(.line, both.span), request: request ?? 0)
        }
        return RequestKey(message: hash.word(.line, bytes), request: request ?? 0)
    }
}
