import TallyModel

/// One rollout of Codex: grows call by call, and knows of each call what it truly used.
struct CodexRollout: Sendable {
    /// A call's counters and the total after it; what tells a replayed row from a new one.
    struct Row: Hashable, Sendable {
        var last: CodexCounts
        var total: CodexCounts
    }

    var random: SeededRandom
    let filler: FillerText
    let session: Bytes16
    let startMs: Int64
    var timeMs: Int64
    let limitMs: Int64
    var model: String
    var tier: String?
    private(set) var lines: [CodexLine] = []
    private(set) var calls: [GeneratedCall] = []
    /// Every row of this rollout and of those that it replays.
    private(set) var rows: Set<Row> = []
    private var total = CodexCounts()
    private var contextTokens: Int
    private var cachedTokens = 0

    init(random: inout SeededRandom, filler: FillerText, startMs: Int64, limitMs: Int64) {
        self.random = random.split()
        self.filler = filler
        self.startMs = startMs
        self.limitMs = limitMs
        timeMs = startMs
        session = self.random.uuid()
        contextTokens = self.random.number(in: 4_000...14_000)
        model = self.random.pick(CodexRollout.models)
        if self.random.chance(perMille: 60) { model = "OpenAI/Plum-Code-1" }
    }

    private static let models = ["gpt-5.3-codex", "gpt-5.3-codex", "gpt-6.1-sol", "gpt-6.1-terra"]

    var hasTime: Bool { timeMs < limitMs - 900_000 }

    /// One request with everything around it.
    mutating func call() {
        timeMs += Int64(random.logNormal(median: 9_000, sixteenths: 24, in: 600...400_000))
        if random.chance(perMille: 20) {
            model = random.pick(CodexRollout.models)
            addTurn()
        }
        addItems()
        var last = CodexCounts()
        last.input = contextTokens
        last.cached = random.chance(perMille: 930) ? min(cachedTokens, last.input) / 128 * 128 : 0
        last.output = random.logNormal(median: 300, sixteenths: 22, in: 5...20_000)
        last.reasoning = last.output * random.number(in: 0...90) / 100
        while !rows.insert(Row(last: last, total: total + last)).inserted { last.output += 1 }
        total = total + last
        addCount(last: last)
        record(last)
        if random.chance(perMille: 350) { repeatCount(last) }
        cachedTokens = last.input
        contextTokens += last.output + random.logNormal(median: 1_100, sixteenths: 26, in: 30...50_000)
        if contextTokens > (model == "gpt-5.3-codex" ? 330_000 : 240_000) { compact() }
    }

    private mutating func record(_ last: CodexCounts) {
        var event = Event(
            timeMs: timeMs, session: SessionID(session) ?? GeneratedNames.anySession, agent: .codex,
            model: GeneratedNames.label(model))
        event.tier = Tier(name: tier ?? "") ?? .unknown
        event.inputTokens = UInt32(last.input - last.cached)
        event.cacheReadTokens = UInt32(last.cached)
        event.outputTokens = UInt32(last.output)
        event.reasoningTokens = UInt32(last.reasoning)
        calls.append(GeneratedCall(event: event, model: model, session: session))
    }

    private mutating func addCount(last: CodexCounts, totalTokens: Int? = nil) {
        append(
            "event_msg",
            "{\"type\":\"token_count\",\"info\":{\"total_token_usage\":\(total.text()),\"last_token_usage\":"
                + "\(last.text(totalTokens: totalTokens)),\"model_context_window\":400000},"
                + "\"rate_limits\":{\"primary\":{\"used_percent\":\(random.number(in: 0...99)).5,\"window_minutes\":300}}}"
        )
    }

    /// The same counters again, unchanged.
    private mutating func repeatCount(_ last: CodexCounts) {
        for _ in 0..<random.number(in: 1...2) {
            timeMs += Int64(random.number(in: 40...3_000))
            addCount(last: last)
        }
    }

    /// The context starts anew. A row says so: its classes are all zero, its total_tokens is not.
    private mutating func compact() {
        timeMs += 5_000
        append("compacted", "{\"message\":\"\(filler.text(bytes: 300, random: &random))\"}")
        contextTokens = random.number(in: 6_000...20_000)
        cachedTokens = 0
        addCount(last: CodexCounts(), totalTokens: contextTokens)
    }
}

// MARK: Lines that are no call

extension CodexRollout {
    mutating func append(_ type: String, _ payload: String) {
        add(timeMs: timeMs, body: "\"type\":\"\(type)\",\"payload\":\(payload)", raw: nil)
    }

    /// A line of damage; nothing of it counts.
    mutating func append(raw: [UInt8]) { add(timeMs: timeMs, body: "", raw: raw) }

    private mutating func add(timeMs: Int64, body: String, raw: [UInt8]?) {
        lines.append(CodexLine(timeMs: timeMs, body: body, raw: raw, total: total, model: model, tier: tier))
    }

    /// The head of the file; `links` are further members of the payload.
    mutating func addMeta(project: String, links: String) {
        append(
            "session_meta",
            "{\"id\":\"\(session.uuidText)\",\"timestamp\":\"\(UTCText(timeMs: startMs).instant)\",\"cwd\":\"/home/dev/\(project)\","
                + "\"originator\":\"codex_cli_rs\",\"cli_version\":\"0.\(random.number(in: 60...120)).0\",\(links)"
                + "\"model_provider\":\"openai\",\"base_instructions\":{\"text\":\"\(filler.text(bytes: 900, random: &random))\"},"
                + "\"git\":{\"branch\":\"\(filler.canary)\",\"repository_url\":\"git@example.test:\(filler.canary).git\"}}"
        )
    }

    mutating func addTurn() {
        append(
            "turn_context",
            "{\"cwd\":\"/home/dev/\(filler.canary)\",\"approval_policy\":\"on-request\",\"model\":\"\(model)\",\"effort\":\"high\","
                + "\"user_instructions\":\"\(filler.text(bytes: 200, random: &random))\"}")
    }

    mutating func addTier() {
        append(
            "event_msg",
            "{\"type\":\"thread_settings_applied\",\"thread_settings\":{\"model\":\"\(model)\",\"service_tier\":\"\(tier ?? "default")\"}}"
        )
    }

    /// Counters that say nothing yet: no info, or zeros.
    mutating func addEmptyCount() {
        guard random.chance(perMille: 500) else {
            return append("event_msg", "{\"type\":\"token_count\",\"info\":null,\"rate_limits\":null}")
        }
        let zero = CodexCounts()
        append(
            "event_msg",
            "{\"type\":\"token_count\",\"info\":{\"total_token_usage\":\(total.text()),"
                + "\"last_token_usage\":\(zero.text(totalTokens: 11_873))}}")
    }

    private mutating func addItems() {
        let text = filler.text(bytes: random.logNormal(median: 200, sixteenths: 22, in: 30...6_000), random: &random)
        if random.chance(perMille: 250) {
            append(
                "response_item",
                "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"\(text)\"}]}")
            append("event_msg", "{\"type\":\"user_message\",\"message\":\"\(text)\",\"images\":[]}")
        } else {
            let id = "call_" + random.alphanumeric(24)
            append(
                "response_item",
                "{\"type\":\"function_call\",\"name\":\"shell\",\"arguments\":\"{\\\"command\\\":[\\\"\(filler.canary)\\\"]}\","
                    + "\"call_id\":\"\(id)\"}")
            append("response_item", "{\"type\":\"function_call_output\",\"call_id\":\"\(id)\",\"output\":\"\(text)\"}")
        }
        timeMs += Int64(random.number(in: 300...20_000))
        if random.chance(perMille: 500) {
            append(
                "response_item",
                "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"\(random.alphanumeric(120))\"}")
        }
    }

    /// Opens with the first `count` lines of `parent`, at times of its own, and goes on from there.
    mutating func replay(_ parent: CodexRollout, lines count: Int) {
        for line in parent.lines.prefix(count) {
            // A burst: replayed lines follow one another within milliseconds.
            timeMs += Int64(random.number(in: 0...3))
            (total, model, tier) = (line.total, line.model, line.tier)
            add(timeMs: timeMs, body: line.body, raw: line.raw)
        }
        contextTokens = max(contextTokens, parent.contextTokens / 2)
    }

    /// From now on no row of this rollout equals one of `parent`.
    mutating func distinguish(from parent: CodexRollout) { rows.formUnion(parent.rows) }
}
