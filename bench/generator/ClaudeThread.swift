import TallyModel

/// One conversation of Claude Code, a main one or a subagent's: grows call by call, and knows of each call what
/// it truly used.
struct ClaudeThread: Sendable {
    var traits: ClaudeTraits
    var random: SeededRandom
    let filler: FillerText
    var session: Bytes16
    var timeMs: Int64
    let limitMs: Int64
    /// Set for a subagent.
    var agentID: String?
    var lines: [ClaudeLine] = []
    /// This thread's own calls.
    var calls: [GeneratedCall] = []
    private var parent: String?
    private var cachedTokens = 0
    private var pendingTokens = 0
    private let prices = PriceList()

    init(
        traits: ClaudeTraits, random: inout SeededRandom, filler: FillerText, session: Bytes16, timeMs: Int64,
        limitMs: Int64
    ) {
        self.traits = traits
        self.random = random.split()
        self.filler = filler
        self.session = session
        self.timeMs = timeMs
        self.limitMs = limitMs
        pendingTokens = self.random.number(in: 9_000...22_000)
    }

    /// Whether another call fits before the sitting ends; a call takes less than ten minutes.
    var hasTime: Bool { timeMs < limitMs - 900_000 }

    /// One request with everything around it in the transcript.
    mutating func call() {
        timeMs += Int64(random.logNormal(median: 4_000, sixteenths: 26, in: 200...240_000))
        addPrompt()
        let isHelper = agentID == nil && random.chance(perMille: 30)
        let model = isHelper ? traits.helperModel : traits.model
        timeMs += Int64(random.logNormal(median: 2_500, sixteenths: 16, in: 400...60_000))
        var event = usage(model: model, isHelper: isHelper)
        var blocks = contentBlocks(&event)
        // Without a message id nothing ties two lines together, so there is one line.
        if !traits.hasMessageIDs { blocks = [blocks.joined(separator: ",")] }
        let shape = ClaudeUsageText(traits: traits, model: model)
        let cost = reportedCost(&event)
        let messageID = "msg_01" + random.alphanumeric(22)
        let requestID = "req_011C" + random.alphanumeric(20)
        for (index, block) in blocks.enumerated() {
            let isLast = index == blocks.count - 1
            // Output grows from line to line; early lines sometimes hold a placeholder.
            let share = Int(event.outputTokens) * (index + 1) / (blocks.count + 1)
            let shown = isLast ? Int(event.outputTokens) : random.chance(perMille: 300) ? 1 : share
            let thinking = isLast || random.chance(perMille: 500) ? Int(event.reasoningTokens) : 0
            var body = "\"type\":\"assistant\",\"message\":{\"model\":\"\(model)\","
            if traits.hasMessageIDs { body += "\"id\":\"\(messageID)\"," }
            body += "\"type\":\"message\",\"role\":\"assistant\",\"content\":[\(block)],\"stop_reason\":"
            body += isLast ? (event.toolCalls > 0 ? "\"tool_use\"" : "\"end_turn\"") : "null"
            body += ",\"stop_sequence\":null,\"usage\":"
            let output = min(max(shown, 1), Int(event.outputTokens))
            body += shape.text(event, output: output, thinking: min(thinking, output))
            body += "}" + cost
            append(body, request: traits.hasRequestIDs ? requestID : nil)
            if isLast { break }
            timeMs += Int64(random.number(in: 150...2_500))
            if random.chance(perMille: 60) { addProgress() }
        }
        calls.append(
            GeneratedCall(
                event: event, model: model, session: session, request: traits.hasRequestIDs ? requestID : nil))
    }

    /// What this request uses, the caches carried on to the next one.
    private mutating func usage(model: String, isHelper: Bool) -> Event {
        var event = Event(
            timeMs: timeMs, session: SessionID(session) ?? GeneratedNames.anySession, agent: .claudeCode,
            model: GeneratedNames.label(model))
        event.origin = agentID != nil ? .subagent : isHelper ? .auxiliary : .main
        event.tier = Tier(name: traits.tier ?? "") ?? .unknown
        event.speed = isHelper ? .unknown : Speed(name: traits.speed ?? "") ?? .unknown
        event.region = Region(name: traits.geo ?? "") ?? .unknown
        event.outcome = .ok
        let output = random.logNormal(median: 260, sixteenths: 24, in: 3...16_000)
        event.outputTokens = UInt32(output)
        if random.chance(perMille: 450) { event.reasoningTokens = UInt32(output * random.number(in: 5...80) / 100) }
        if isHelper {
            event.inputTokens = UInt32(random.number(in: 150...3_000))
            return event
        }
        var write = pendingTokens
        var read = cachedTokens
        if read == 0, random.chance(perMille: 600) { read = 8_192 }
        if read > 0, random.chance(perMille: 15) {
            // The cache has expired: all of it is written again.
            write += read
            read = 0
        }
        event.inputTokens = UInt32(
            random.chance(perMille: 850) ? random.number(in: 1...12) : random.number(in: 13...900))
        spend(write: write, read: read, on: &event)
        cachedTokens = read + write
        pendingTokens = output + random.logNormal(median: traits.growth, sixteenths: 22, in: 20...60_000)
        if cachedTokens + pendingTokens > traits.contextMax { compact() }
        return event
    }

    private mutating func spend(write: Int, read: Int, on event: inout Event) {
        event.cacheReadTokens = UInt32(read)
        switch traits.cache {
        case .fiveMinutes: event.cacheWrite5mTokens = UInt32(write)
        case .oneHour: event.cacheWrite1hTokens = UInt32(write)
        case .unsplit: event.cacheWriteUnknownTokens = UInt32(write)
        case .mixed:
            let long = write * random.number(in: 0...100) / 100
            event.cacheWrite1hTokens = UInt32(long)
            event.cacheWrite5mTokens = UInt32(write - long)
        case .none:
            event.cacheReadTokens = 0
            event.inputTokens += UInt32(write + read)
        }
    }

    /// The content blocks, one line each, and what they say of the event.
    private mutating func contentBlocks(_ event: inout Event) -> [String] {
        var blocks: [String] = []
        if event.reasoningTokens > 0 {
            let text = filler.text(
                bytes: random.logNormal(median: 150, sixteenths: 16, in: 40...3_000), random: &random)
            blocks.append(
                "{\"type\":\"thinking\",\"thinking\":\"\(text)\",\"signature\":\"\(random.alphanumeric(40))\"}")
        }
        if blocks.isEmpty || random.chance(perMille: 600) {
            let text = filler.text(
                bytes: random.logNormal(median: 180, sixteenths: 20, in: 30...6_000), random: &random)
            blocks.append("{\"type\":\"text\",\"text\":\"\(text)\"}")
        }
        let tools = random.chance(perMille: 700) ? random.number(in: 1...(random.chance(perMille: 100) ? 4 : 1)) : 0
        for _ in 0..<tools {
            let name = random.pick(["Read", "Bash", "Edit", "Grep", "mcp__plum__search"])
            let command = filler.text(bytes: random.number(in: 20...160), random: &random)
            blocks.append(
                "{\"type\":\"tool_use\",\"id\":\"toolu_01\(random.alphanumeric(22))\",\"name\":\"\(name)\","
                    + "\"input\":{\"command\":\"\(command)\",\"usage\":{\"input_tokens\":77777}}}")
        }
        event.toolCalls = UInt16(tools)
        if traits.model.hasPrefix("claude"), random.chance(perMille: 15) {
            event.webSearches = UInt16(random.number(in: 1...4))
        }
        return blocks
    }

    private mutating func reportedCost(_ event: inout Event) -> String {
        guard traits.reportsCost else { return "" }
        let nano = UInt64(clamping: prices.cost(of: event)?.nanoUSDRounded ?? 1_250_000)
        event.reportedCostNanoUSD = nano
        let fraction = String(nano % 1_000_000_000)
        let zeros = String(repeating: "0", count: 9 - fraction.utf8.count)
        return
            ",\"costUSD\":\(nano / 1_000_000_000).\(zeros)\(fraction),\"durationMs\":\(random.number(in: 900...40_000))"
    }
}

// MARK: Lines that are no call

extension ClaudeThread {
    mutating func append(_ body: String, request: String? = nil) {
        let uuid = random.uuid().uuidText
        var line = ClaudeLine(parent: parent, uuid: uuid, timeMs: timeMs, body: body)
        line.request = request
        line.isSidechain = agentID != nil
        line.agentID = agentID
        parent = uuid
        lines.append(line)
    }

    /// What the person said or a tool answered; now and then a very long line.
    private mutating func addPrompt() {
        let isLong = random.chance(perMille: 8)
        let size =
            isLong ? random.number(in: 20_000...90_000) : random.logNormal(median: 260, sixteenths: 24, in: 30...9_000)
        let text = filler.text(bytes: size, random: &random)
        guard parent != nil, random.chance(perMille: 750) else {
            append("\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":\"\(text)\"}")
            return
        }
        append(
            "\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":[{\"tool_use_id\":\"toolu_01\(random.alphanumeric(22))\","
                + "\"type\":\"tool_result\",\"content\":\"\(text)\"}]},\"toolUseResult\":{\"stdout\":\"\(filler.canary)\","
                + "\"totalTokens\":54321,\"usage\":{\"input_tokens\":54321,\"output_tokens\":4321}}")
    }

    private mutating func addProgress() {
        append("\"type\":\"progress\",\"data\":{\"type\":\"hook_progress\",\"hookName\":\"\(filler.canary)\"}")
    }

    private mutating func compact() {
        append(
            "\"type\":\"system\",\"subtype\":\"compact_boundary\",\"content\":\"\(filler.canary)\",\"isMeta\":false,"
                + "\"compactMetadata\":{\"trigger\":\"auto\",\"preTokens\":\(cachedTokens)}")
        cachedTokens = 0
        pendingTokens = random.number(in: 12_000...30_000)
    }

    /// An answer that the program made up itself: no event, with or without zeros for usage.
    mutating func addSynthetic() {
        timeMs += Int64(random.number(in: 100...4_000))
        var body = "\"type\":\"assistant\",\"message\":{\"id\":\"\(random.uuid().uuidText)\",\"model\":\"<synthetic>\","
        body += "\"role\":\"assistant\",\"type\":\"message\",\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"\","
        if random.chance(perMille: 500) {
            body += "\"usage\":{\"input_tokens\":0,\"output_tokens\":0,\"cache_creation_input_tokens\":0,"
            body +=
                "\"cache_read_input_tokens\":0,\"server_tool_use\":{\"web_search_requests\":0},\"service_tier\":null},"
        }
        body += "\"content\":[{\"type\":\"text\",\"text\":\"API Error: \(filler.canary)\"}]},\"isApiErrorMessage\":true"
        append(body)
    }
}
