import TallyModel

/// One session of `SessionStates`: what it does, what was told of it, and whether its process was seen.
struct WatchedSession: Sendable {
    let session: SessionID
    let agent: Agent
    var file: FileID?
    var folder: UInt64 = 0

    /// What it does since when; nil until something was heard.
    private(set) var word: SessionStates.Word?
    private var sinceMs: Int64 = 0
    /// A turn is under way for certain: a prompt alone may have been a command to the agent, behind which nothing
    /// comes.
    private var isInTurn = false
    /// The time of the latest sign.
    private(set) var heardMs: Int64 = 0
    /// The registry says that it asks for a permission; no line of a transcript ends that.
    private var isAsking = false
    private var registryMs: Int64 = 0

    private(set) var told: SessionStates.Word?
    private var toldMs: Int64 = 0
    private var tellsAt: MonotonicInstant?

    /// How its process was seen; the strongest of them says whether it is gone.
    private enum Seen: Int { case not = 0, folder, file, registry }
    private var seen = Seen.not
    /// Since when the process that was seen is missing.
    private var missing: WorkstationInstant?

    init(session: SessionID, agent: Agent) {
        self.session = session
        self.agent = agent
    }

    /// Nothing more is expected of it.
    var isOver: Bool { word == .ended || word == .state(.crashed) }

    /// Its process is looked for often.
    var isRestless: Bool {
        if missing != nil { return true }
        switch word {
        case .state(.working), .state(.waitingPermission): return true
        default: return false
        }
    }

    // MARK: Signs

    mutating func take(_ kind: SessionSign.Kind, timeMs: Int64) {
        guard timeMs > heardMs || word == nil else { return }
        heardMs = timeMs
        if isOver {
            // Somebody goes on with it: another process, that has not been seen.
            seen = .not
            missing = nil
        }
        if isAsking, kind == .turn { return }
        isAsking = false
        apply(kind, timeMs)
    }

    private mutating func apply(_ kind: SessionSign.Kind, _ timeMs: Int64) {
        switch kind {
        case .none: return
        case .prompt:
            // One that comes while a turn is under way waits for its end.
            if word != .state(.working) { isInTurn = false }
            become(.state(.working), timeMs)
        case .turn:
            isInTurn = true
            become(.state(.working), timeMs)
        case .turnEnd:
            isInTurn = false
            // The turn that met the limit is over; the limit is not.
            if word == .state(.rateLimited) { return }
            if word != .state(.idle) { become(.state(.waitingUser), timeMs) }
        case .limited:
            isInTurn = false
            become(.state(.rateLimited), timeMs)
        case .asks:
            isInTurn = true
            become(.state(.waitingPermission), timeMs)
        }
    }

    private mutating func become(_ word: SessionStates.Word, _ timeMs: Int64) {
        guard self.word != word else { return }
        self.word = word
        sinceMs = timeMs
    }

    /// Who has waited long for a person is idle.
    mutating func rest(_ now: WorkstationInstant) {
        guard word == .state(.waitingUser), now.wallMs - sinceMs >= Limits.stateIdleMs else { return }
        become(.state(.idle), sinceMs + Limits.stateIdleMs)
    }

    // MARK: Processes

    mutating func take(_ sightings: AgentSightings, _ now: WorkstationInstant) {
        let record = sightings.records[session]
        if let record, record.isAlive || !sightings.seesProcesses { take(record, now) }
        guard sightings.seesProcesses, !isOver else { return }
        var sight = Seen.not
        if record?.isAlive == true {
            sight = .registry
        } else if let file, sightings.openFiles.contains(file) {
            sight = .file
        } else if folder != 0, record == nil, seen != .registry,
            sightings.processes.contains(AgentSightings.Process(agent: agent, folder: folder))
        {
            sight = .folder
        }
        if sight != .not {
            seen = Seen(rawValue: max(seen.rawValue, sight.rawValue)) ?? sight
            missing = nil
            return
        }
        guard seen != .not else { return }
        guard let since = missing else { return missing = now }
        guard now.monotonic.since(since.monotonic) >= Limits.lookoutMissing else { return }
        // Its record stays in the registry if it had no time to take it away.
        let wasTidy = seen == .registry && record == nil
        isAsking = false
        become(wasTidy || !isInTurn ? .ended : .state(.crashed), since.wallMs)
    }

    /// What the registry says, if that is new.
    private mutating func take(_ record: AgentSightings.Record, _ now: WorkstationInstant) {
        guard let kind = record.kind, record.timeMs > registryMs else { return }
        registryMs = record.timeMs
        isAsking = kind == .asks
        let timeMs = min(record.timeMs, now.wallMs)
        guard isAsking || timeMs >= heardMs || word == .state(.waitingPermission) else { return }
        heardMs = max(heardMs, timeMs)
        apply(kind, timeMs)
    }

    // MARK: Telling

    /// When it was so since, if that is to be told now; it counts as told.
    mutating func tell(_ now: WorkstationInstant) -> Int64? {
        guard let word, word != told else { return nil }
        if let tellsAt, tellsAt > now.monotonic { return nil }
        toldMs = max(min(sinceMs, now.wallMs), toldMs + 1)
        told = word
        tellsAt = now.monotonic + Limits.stateInterval
        return toldMs
    }

    func due(_ now: WorkstationInstant) -> MonotonicInstant? {
        guard let word else { return nil }
        if word != told { return max(tellsAt ?? now.monotonic, now.monotonic) }
        guard word == .state(.waitingUser) else { return nil }
        return now.monotonic + .milliseconds(max(0, sinceMs + Limits.stateIdleMs - now.wallMs))
    }
}
