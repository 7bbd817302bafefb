import TallyModel

/// How the counter decides about one request and one row: hold, send, correct or drop.
extension Counter {
    mutating func takeRequest(_ fact: RequestFact, _ file: inout FileState, nowMs: Int64) {
        if let held = file.held {
            if held.isSameRequest(as: fact) {
                file.held = file.source.lastWordCounts ? held.replaced(by: fact) : held.merged(with: fact)
                file.heldAtMs = nowMs
            } else if file.source.lastWordCounts, isCounted(fact) {
                // An earlier message, told again with the whole conversation: the held one may still be written anew.
                return skip(.duplicate, file.source)
            } else {
                // A next message: the one before will hardly grow.
                file.held = nil
                send(held, from: file.source)
            }
        }
        if file.held == nil {
            if isCounted(fact), let found = row(of: fact) {
                note(fact, at: transcriptRow(found, of: fact))
                return skip(.duplicate, file.source)
            }
            file.held = fact
            file.heldAtMs = nowMs
        }
        if let held = file.held, held.isFinal {
            file.held = nil
            send(held, from: file.source)
        }
    }

    /// Takes a call within another, of the line that was taken last. It is sent at once: a list of such calls grows at its
    /// end, and what one of them grows by all the same is a correction.
    package mutating func takeStep(_ result: LineResult, from source: SourceKind) {
        precondition(!isFull, "drain first")
        switch result {
        case .fact(.request(let fact)) where !isCounted(fact): send(fact, from: source)
        case .skipped(let reason): skip(reason, source)
        case .fact, .nothing: break
        }
    }

    mutating func takeRow(_ fact: RequestFact, _ file: inout FileState) {
        // Totals only rise, so the same session never stands at the same place twice: an archived copy, or a
        // file that was rewritten.
        if table.find(fact.key.message, { $0.request == fact.key.request }) != nil {
            return skip(.duplicate, file.source)
        }
        if file.isReplaying {
            let related = table.find(fact.key.message) { lineage.areRelated($0.request, fact.key.request) }
            if related != nil { return skip(.duplicate, file.source) }
            file.isReplaying = false
        }
        let event = fact.usage()
        guard EventRules.violation(event) == nil else { return skip(.badNumber, file.source) }
        append(
            RequestTable.Row(
                message: fact.key.message, request: fact.key.request, isSidechain: false, sent: fact.counts))
        learnProject(fact)
        if isToldByCall(fact) { return skip(.duplicate, file.source) }
        emit(event, from: file.source)
    }

    /// Makes the event of a request that is final: usage if it is new, a correction if it grew, else nothing.
    mutating func send(_ fact: RequestFact, from source: SourceKind) {
        learnProject(fact)
        guard let found = row(of: fact) else {
            let event = fact.usage()
            guard EventRules.violation(event) == nil else { return skip(.badNumber, source) }
            append(
                RequestTable.Row(
                    message: fact.key.message, request: fact.key.request, isSidechain: fact.isSidechain,
                    sent: fact.counts))
            return emit(event, from: source)
        }
        let number = transcriptRow(found, of: fact)
        note(fact, at: number)
        let sent = table.rows[number].sent
        let growth = fact.counts.growth(over: table.rows[number])
        guard !growth.isZero else { return skip(.duplicate, source) }
        let event = fact.correction(growth, prompt: sent.adding(growth).prompt)
        guard EventRules.violation(event) == nil else { return skip(.badNumber, source) }
        table.update(number) { $0.sent = sent.adding(growth) }
        changedRows.insert(number)
        emit(event, from: source)
    }

    /// Nothing is to be added for it.
    private func isCounted(_ fact: RequestFact) -> Bool {
        row(of: fact).map { fact.counts.growth(over: table.rows[$0]).isZero } ?? false
    }

    /// The row that speaks of the same request: the same ids; or the same message where one side has no request
    /// id (gateways leave it out) or is a sidechain's replay (which gets a request id of its own); or a call that
    /// telemetry told by its request id.
    private func row(of fact: RequestFact) -> Int? {
        table.find(fact.key.message) { $0.request == fact.key.request }
            ?? table.find(fact.key.message) {
                $0.request == 0 || fact.key.request == 0 || $0.isSidechain || fact.isSidechain
            } ?? table.findCall(fact.key.request)
    }

    /// Learns a request id, or that the request is the main session's own.
    private mutating func note(_ fact: RequestFact, at number: Int) {
        let row = table.rows[number]
        let learnsID = row.request == 0 && fact.key.request != 0
        let learnsMain = row.isSidechain && !fact.isSidechain
        guard learnsID || learnsMain else { return }
        table.update(number) { row in
            if fact.key.request != 0 { row.request = fact.key.request }
            row.isSidechain = row.isSidechain && fact.isSidechain
        }
        changedRows.insert(number)
    }
}

extension RequestCounts {
    /// What this line adds to what was sent of its request.
    func growth(over row: RequestTable.Row) -> RequestCounts { row.sent.merged(with: self).growth(over: row.sent) }
}

extension RequestFact {
    var isSidechain: Bool { origin == .subagent }

    func isSameRequest(as other: RequestFact) -> Bool {
        key.message == other.key.message
            && (key.request == other.key.request || key.request == 0 || other.key.request == 0 || isSidechain
                || other.isSidechain)
    }

    /// The later line of the same request: larger numbers, the earlier time, the latest word on how it ended.
    func merged(with later: RequestFact) -> RequestFact {
        var merged = isSidechain && !later.isSidechain ? later : self
        merged.key = RequestKey(message: key.message, request: key.request != 0 ? key.request : later.key.request)
        merged.timeMs = min(timeMs, later.timeMs)
        merged.counts = counts.merged(with: later.counts)
        merged.isFinal = isFinal || later.isFinal
        if later.outcome != .unknown { merged.outcome = later.outcome }
        if later.speed != .unknown { merged.speed = later.speed }
        if later.tier != .unknown { merged.tier = later.tier }
        if later.region != .unknown { merged.region = later.region }
        if merged.model == .unlisted { merged.model = later.model }
        merged.project = merged.project ?? later.project
        return merged
    }

    /// The later word on the same request, where the last one is the true one: its numbers, even if they fell.
    func replaced(by later: RequestFact) -> RequestFact {
        var replaced = merged(with: later)
        replaced.counts = later.counts
        if later.model != .unlisted { replaced.model = later.model }
        return replaced
    }

    func usage() -> Event {
        var event = event(.usage, counts)
        event.outcome = outcome
        return event
    }

    /// Prices what was added in the band of the whole prompt.
    func correction(_ growth: RequestCounts, prompt: UInt64) -> Event {
        var event = event(.correction, growth)
        // 0 would stand for "absent", and a request whose prompt nobody told is in the lowest band.
        event.contextTokens = UInt32(clamping: max(prompt, 1))
        return event
    }

    private func event(_ kind: EventKind, _ counts: RequestCounts) -> Event {
        var event = Event(kind: kind, timeMs: timeMs, session: session, agent: agent, model: model)
        event.project = project
        event.origin = origin
        event.speed = speed
        event.tier = tier
        event.region = region
        event.inputTokens = counts.input
        event.cacheReadTokens = counts.cacheRead
        event.cacheWrite5mTokens = counts.write5m
        event.cacheWrite1hTokens = counts.write1h
        event.cacheWriteUnknownTokens = counts.writeUnknown
        event.outputTokens = counts.output
        event.reasoningTokens = counts.reasoning
        event.webSearches = counts.webSearches
        if kind == .usage { event.durationMs = durationMs }
        event.reportedCostNanoUSD = counts.reportedNanoUSD == 0 ? nil : counts.reportedNanoUSD
        return event
    }
}
