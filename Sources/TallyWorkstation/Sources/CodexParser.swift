package import TallyModel

/// Reads lines of Codex rollouts. The last place that sees their content.
///
/// The payload's meaning depends on the line's `type`, which may stand behind it: a first walk notes where the
/// payload begins, a second reads it, and only for the types that matter.
package struct CodexParser<Hash: KeyedHash>: Sendable {
    private enum LineKey: String, CaseIterable { case timestamp, type, payload }
    private enum LineType: String, CaseIterable {
        case session_meta, turn_context, event_msg, thread_settings_applied, token_count
    }
    private enum PayloadKey: String, CaseIterable {
        case type, id, forked_from_id, parent_thread_id, source, cwd, model, info, service_tier
        case settings, thread_settings, subagent, thread_spawn, error, codex_error_info
        case last_token_usage, total_token_usage
    }
    /// Turns, by their older and newer names: what a rollout tells of its session. No request for an approval is written
    /// to it, nor an error that did not end the turn.
    private enum TurnWord: String, CaseIterable {
        case task_started, turn_started, task_complete, turn_complete, turn_aborted
    }
    private enum ErrorWord: String, CaseIterable { case usage_limit_exceeded }
    private enum UsageKey: String, CaseIterable {
        case input_tokens, cached_input_tokens, output_tokens, reasoning_output_tokens
    }

    /// `fast` is what Codex calls the priority tier.
    private enum TierWord: String, CaseIterable { case standard, priority, fast, flex, batch }

    private let hash: Hash
    private let lineKeys = NameTable<LineKey>(\.rawValue)
    private let lineTypes = NameTable<LineType>(\.rawValue)
    private let payloadKeys = NameTable<PayloadKey>(\.rawValue)
    private let usageKeys = NameTable<UsageKey>(\.rawValue)
    private let tierWords = NameTable<TierWord>(\.rawValue)
    private let turnWords = NameTable<TurnWord>(\.rawValue)
    private let errorWords = NameTable<ErrorWord>(\.rawValue)
    private let open = UInt8(ascii: "{")
    private var models = TextMemory<ModelName>()
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

    /// What a payload holds, as ranges of the line's bytes; nested objects that matter are read into one.
    private struct Payload {
        var type: LineType?
        var id: JSONText?
        var ancestor: JSONText?
        var cwd: JSONText?
        var model: JSONText?
        var tier: JSONText?
        var isSubagent = false
        var turn: TurnWord?
        var isLimited = false
        var last: CodexTotals?
        var total: CodexTotals?
    }

    package mutating func parse(_ bytes: Span<UInt8>, _ state: inout ParserState) -> LineResult {
        do throws(JSONError) {
            guard let (type, time, start) = try readLine(bytes) else { return .nothing }
            if let time { state.timeMs = time }
            var payload = Payload()
            var cursor = JSONCursor(at: start)
            try readPayload(&payload, &cursor, bytes, depth: 0)
            switch type {
            case .session_meta: return named(payload, bytes, &state)
            case .turn_context:
                settle(payload, bytes, &state)
                return .nothing
            case .event_msg, .thread_settings_applied, .token_count:
                switch payload.type ?? type {
                case .token_count: return row(payload, bytes, &state)
                case .thread_settings_applied: state.tier = tier(payload.tier, bytes)
                case .session_meta, .turn_context, .event_msg: note(payload, &state)
                }
                return .nothing
            }
        } catch {
            return .skipped(SkipReason(error))
        }
    }

    /// The line's type and time, and where its payload begins; nil if it is of no interest.
    private func readLine(_ bytes: Span<UInt8>) throws(JSONError) -> (LineType, Int64?, Int)? {
        var type: LineType?
        var time: JSONText?
        var payload: Int?
        var cursor = JSONCursor()
        var isOver = try cursor.enter(open, bytes)
        while !isOver {
            switch lineKeys.find(try cursor.key(bytes), bytes) {
            case .timestamp: time = try cursor.optionalText(bytes)
            case .type: type = try cursor.optionalText(bytes).flatMap { lineTypes.find($0, bytes) }
            case .payload:
                if try cursor.peek(bytes) == open { payload = cursor.position }
                try cursor.skip(bytes)
            case nil: try cursor.skip(bytes)
            }
            isOver = try !cursor.next(open, bytes)
        }
        try cursor.finish(bytes)
        guard let type, let payload else { return nil }
        return (type, time.flatMap { TimeText.milliseconds(bytes, $0) }, payload)
    }

    /// `depth` bounds the recursion: source → subagent → thread_spawn.
    private func readPayload(
        _ payload: inout Payload, _ cursor: inout JSONCursor, _ bytes: Span<UInt8>, depth: Int
    ) throws(JSONError) {
        var isOver = try cursor.enter(open, bytes)
        while !isOver {
            let key = payloadKeys.find(try cursor.key(bytes), bytes)
            switch key {
            case .type where depth == 0:
                let text = try cursor.optionalText(bytes)
                payload.type = text.flatMap { lineTypes.find($0, bytes) }
                payload.turn = text.flatMap { turnWords.find($0, bytes) }
            case .id where depth == 0: payload.id = try cursor.optionalText(bytes)
            case .cwd where depth == 0: payload.cwd = try cursor.optionalText(bytes)
            case .model: payload.model = try cursor.optionalText(bytes) ?? payload.model
            case .service_tier: payload.tier = try cursor.optionalText(bytes)
            case .forked_from_id: payload.ancestor = try cursor.optionalText(bytes) ?? payload.ancestor
            case .parent_thread_id:
                if let text = try cursor.optionalText(bytes), text.count > 0 {
                    payload.ancestor = payload.ancestor ?? text
                    payload.isSubagent = true
                }
            case .subagent where try cursor.peek(bytes) != open:
                try cursor.skip(bytes)
                payload.isSubagent = true
            case .codex_error_info:
                let word = try cursor.optionalText(bytes).flatMap { errorWords.find($0, bytes) }
                payload.isLimited = word == .usage_limit_exceeded
            case .source, .subagent, .thread_spawn, .info, .settings, .thread_settings, .error:
                if key == .subagent { payload.isSubagent = true }
                if depth < 3, try cursor.peek(bytes) == open {
                    try readPayload(&payload, &cursor, bytes, depth: depth + 1)
                } else {
                    try cursor.skip(bytes)
                }
            case .last_token_usage: payload.last = try usage(&cursor, bytes)
            case .total_token_usage: payload.total = try usage(&cursor, bytes)
            default: try cursor.skip(bytes)
            }
            isOver = try !cursor.next(open, bytes)
        }
    }

    private func usage(_ cursor: inout JSONCursor, _ bytes: Span<UInt8>) throws(JSONError) -> CodexTotals? {
        guard try cursor.isObject(bytes) else { return nil }
        var totals = CodexTotals()
        var isOver = try cursor.enter(open, bytes)
        while !isOver {
            switch usageKeys.find(try cursor.key(bytes), bytes) {
            case .input_tokens: totals.input = try count(&cursor, bytes)
            case .cached_input_tokens: totals.cached = try count(&cursor, bytes)
            case .output_tokens: totals.output = try count(&cursor, bytes)
            case .reasoning_output_tokens: totals.reasoning = try count(&cursor, bytes)
            case nil: try cursor.skip(bytes)
            }
            isOver = try !cursor.next(open, bytes)
        }
        return totals
    }

    private func count(_ cursor: inout JSONCursor, _ bytes: Span<UInt8>) throws(JSONError) -> UInt64 {
        try cursor.isNull(bytes) ? 0 : try cursor.unsigned(bytes)
    }

    /// The first session_meta names the file's session; later ones are history that a fork copied, and tell
    /// whose history it is.
    private mutating func named(_ payload: Payload, _ bytes: Span<UInt8>, _ state: inout ParserState) -> LineResult {
        let id = payload.id.flatMap { session($0, bytes) }
        if state.isNamed {
            guard let id, id != state.session else { return .nothing }
            return .fact(.lineage(session: state.session.lineageWord, ancestor: id.lineageWord))
        }
        state.isNamed = true
        if let id { state.session = id }
        state.isSubagent = payload.isSubagent
        settle(payload, bytes, &state)
        guard let parent = payload.ancestor.flatMap({ session($0, bytes) }), parent != state.session else {
            return .nothing
        }
        state.ancestor = parent
        return .fact(.lineage(session: state.session.lineageWord, ancestor: parent.lineageWord))
    }

    private mutating func settle(_ payload: Payload, _ bytes: Span<UInt8>, _ state: inout ParserState) {
        if let text = payload.model { state.model = label(text, bytes) ?? state.model }
        guard let cwd = payload.cwd else { return }
        state.project = projects.project(of: cwd, bytes) ?? state.project
        state.isIgnored = filter?.covers(cwd, bytes) ?? state.isIgnored
        if state.folder == 0 { state.folder = hash.folder(cwd, bytes) }
    }

    private func note(_ payload: Payload, _ state: inout ParserState) {
        switch payload.turn {
        case .task_started, .turn_started: state.note(.turn)
        case .task_complete, .turn_complete: state.note(payload.isLimited ? .limited : .turnEnd)
        case .turn_aborted: state.note(.turnEnd)
        case nil: break
        }
    }

    private mutating func row(_ payload: Payload, _ bytes: Span<UInt8>, _ state: inout ParserState) -> LineResult {
        let total = payload.total.flatMap { $0.isZero ? nil : $0 }
        let earlier = state.totals
        if let total { state.totals = total }
        if total != nil, total == earlier { return .skipped(.repeatedTotal) }
        // Without `last` the difference of the totals says the same; after a fall, the new total stands alone.
        let last = payload.last ?? total.map { $0.since(earlier ?? CodexTotals()) ?? $0 }
        guard let last, !last.isZero else { return last == nil ? .nothing : .skipped(.empty) }
        guard let counts = last.counts() else { return .skipped(.badNumber) }
        // A row without a total gets the sum so far, so that each row of a session has a place of its own.
        let place = total ?? (earlier ?? CodexTotals()).adding(last)
        state.totals = place
        guard state.timeMs >= Limits.timeMsMin else { return .skipped(.noTime) }
        let model = payload.model.flatMap { label($0, bytes) } ?? state.model ?? .unlisted
        var fact = RequestFact(
            key: RequestKey(message: rowWord(last, place), request: state.session.lineageWord),
            timeMs: state.timeMs, session: state.session, project: state.project, agent: .codex, model: model,
            counts: counts)
        fact.origin = state.isSubagent ? .subagent : state.isNamed ? .main : .unknown
        fact.tier = state.tier
        fact.isFinal = true
        return .fact(state.isIgnored == true ? .ignoredRow(fact) : .row(fact))
    }

    /// The row's numbers as a hash: what a copied row shares with its original, whatever its time.
    private func rowWord(_ last: CodexTotals, _ total: CodexTotals) -> UInt64 {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(64)
        for part in [last, total] {
            for value in [part.input, part.cached, part.output, part.reasoning] {
                for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
            }
        }
        return hash.word(.row, bytes.span)
    }

    private func session(_ text: JSONText, _ bytes: Span<UInt8>) -> SessionID? {
        guard let copy = text.copied(bytes, bytesMax: 1_024), !copy.isEmpty else { return nil }
        return hash.sessionID(copy.span)
    }

    private mutating func label(_ text: JSONText, _ bytes: Span<UInt8>) -> Label? {
        models.value(of: text, bytes, bytesMax: ModelName.bytesMax) { ModelName($0) }?.label
    }

    private func tier(_ text: JSONText?, _ bytes: Span<UInt8>) -> Tier {
        switch text.flatMap({ tierWords.find($0, bytes) }) {
        case .standard: .standard
        case .priority, .fast: .priority
        case .flex: .flex
        case .batch: .batch
        case nil: .unknown
        }
    }
}

extension SessionID {
    /// Eight bytes that stand for the session where only equality matters; never zero.
    package var lineageWord: UInt64 { max(value.high ^ (value.low << 1 | value.low >> 63), 1) }
}
