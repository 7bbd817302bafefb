package import TallyModel

/// How the counter takes calls that telemetry tells of, so that a call which a transcript tells too counts once,
/// whichever comes first, and a record that is sent again counts nothing.
///
/// - Claude Code: both name the request's id. What comes second adds what the first did not have: telemetry knows the
///   cost, a transcript the cache's lifetimes (which the numbers sent cannot be moved to any more).
/// - Codex: session and numbers are the same in both. In one session, of calls with the same four numbers as many count
///   as the source that saw more of them saw.
/// - Spans: a response's id is the message's id of a transcript.
/// - What nothing ties to a transcript (Gemini CLI; Claude Code behind a gateway that gives no request ids) counts only
///   where no transcript of that agent is read here: they are whole, telemetry is what came while somebody listened.
extension Counter {
    /// Agents of which transcripts were read here.
    package var transcriptAgents: Set<Agent> {
        Set(SourceKind.allCases.filter { files.count(of: $0) > 0 }.compactMap(\.agent))
    }

    /// Takes one call. Precondition: not full.
    package mutating func take(_ call: CallFact, transcripts: Set<Agent>) {
        precondition(!isFull, "drain first")
        var fact = call.fact
        if ignoredSessions.contains(fact.session) { return skip(.ignored, .otlp) }
        fact.project = projects[fact.session]
        switch call.match {
        case .message: send(fact, from: .otlp)
        case .request:
            if let number = table.find(request: fact.key.request) { return grow(number, fact) }
            add(fact, isCounted: true)
        case .numbers:
            if table.find(call.identity, { _ in true }) != nil { return skip(.duplicate, .otlp) }
            let told = table.told(fact.counts, session: fact.key.request)
            add(fact, isCounted: told.calls >= told.rows)
        case .nothing:
            if table.find(call.identity, { _ in true }) != nil { return skip(.duplicate, .otlp) }
            if transcripts.contains(fact.agent) { return skip(.inTranscripts, .otlp) }
            add(fact, isCounted: true)
        }
    }

    /// Notes records that were read and what was skipped of them.
    package mutating func note(_ batch: OTLPBatch) {
        areTalliesChanged = true
        tallies[Int(SourceKind.otlp.rawValue)].lines &+= batch.records
        for reason in SkipReason.allCases {
            tallies[Int(SourceKind.otlp.rawValue)][reason] &+= batch.skips[Int(reason.rawValue)]
        }
    }

    private mutating func add(_ fact: RequestFact, isCounted: Bool) {
        let event = fact.usage()
        guard EventRules.violation(event) == nil else { return skip(.badNumber, .otlp) }
        append(
            RequestTable.Row(
                message: fact.key.message, request: fact.key.request, isSidechain: false, isCall: true,
                sent: fact.counts))
        if isCounted { emit(event, from: .otlp) } else { skip(.duplicate, .otlp) }
    }

    /// A transcript, or an earlier record, has told of this request.
    private mutating func grow(_ number: Int, _ fact: RequestFact) {
        let row = table.rows[number]
        let growth = fact.counts.growth(over: row)
        guard !row.isCall, !growth.isZero else { return skip(.duplicate, .otlp) }
        let event = fact.correction(growth, prompt: row.sent.adding(growth).prompt)
        guard EventRules.violation(event) == nil else { return skip(.badNumber, .otlp) }
        table.update(number) { $0.sent = row.sent.adding(growth) }
        changedRows.insert(number)
        emit(event, from: .otlp)
    }

    // MARK: The other side

    /// Telemetry told of as many calls like this row, in its session, as transcripts have by now.
    mutating func isToldByCall(_ fact: RequestFact) -> Bool {
        guard table.hasCall(fact.key.request) else { return false }
        let told = table.told(fact.counts, session: fact.key.request)
        return told.rows <= told.calls
    }

    /// The row that a transcript's lines of this request go on with. A call's row has no message id: its lines get a row
    /// of their own, which begins with what was sent of the call.
    mutating func transcriptRow(_ number: Int, of fact: RequestFact) -> Int {
        let row = table.rows[number]
        guard row.isCall, row.message != fact.key.message else { return number }
        append(
            RequestTable.Row(
                message: fact.key.message, request: fact.key.request, isSidechain: fact.isSidechain, sent: row.sent))
        return table.rows.count - 1
    }

    mutating func learnProject(_ fact: RequestFact) {
        guard let project = fact.project, projects[fact.session] != project else { return }
        if projects.count >= Limits.projectSessionsMax { projects.removeAll(keepingCapacity: true) }
        projects[fact.session] = project
    }
}
