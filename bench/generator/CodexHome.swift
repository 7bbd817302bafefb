import TallyModel

/// The files of Codex: rollouts, their forks and subagents that replay them, archived ones, and damage.
struct CodexHome: Sendable {
    private(set) var files: [GeneratedFile] = []
    private(set) var calls: [GeneratedCall] = []
    private(set) var canaries: [String] = []
    private var random: SeededRandom
    private let calendar: WorkCalendar
    private let sessionCallsMax: Int
    private let hasAllTraps: Bool
    private let textScale: Int

    init(
        random: SeededRandom, calendar: WorkCalendar, sessionCallsMax: Int, hasAllTraps: Bool, textScale: Int
    ) {
        self.random = random
        self.calendar = calendar
        self.sessionCallsMax = sessionCallsMax
        self.hasAllTraps = hasAllTraps
        self.textScale = textScale
    }

    /// Makes rollouts until there are exactly `calls` events. Ends: every first rollout makes at least one call.
    mutating func fill(calls: Int) {
        while self.calls.count < calls { addFamily(callsMax: calls - self.calls.count) }
    }

    /// A rollout, and perhaps its fork, and perhaps the fork's fork.
    private mutating func addFamily(callsMax: Int) {
        let project = random.pick(["alpha", "bravo", "golf", "hotel-tools"])
        let sitting = calendar.sitting(random: &random)
        let wanted = random.logNormal(median: max(sessionCallsMax / 5, 5), sixteenths: 20, in: 5...sessionCallsMax)
        var left = callsMax
        var parent = rollout(startMs: sitting.startMs, limitMs: sitting.limitMs)
        let isForked = random.chance(perMille: 350)
        // Without its head a rollout's id stands in its file's name alone; nothing can link to that.
        if isForked || !random.chance(perMille: 60) { parent.addMeta(project: project, links: "") }
        if random.chance(perMille: 120) {
            parent.tier = random.pick(["priority", "flex", "default"])
            parent.addTier()
        }
        if hasAllTraps, let model = Traps.model(&random) { parent.model = model }
        parent.addTurn()
        if random.chance(perMille: 300) { parent.addEmptyCount() }
        left -= grow(&parent, calls: min(wanted, left), mayBeEmpty: false)
        finish(parent)
        guard isForked else { return }
        for generation in 0..<random.number(in: 1...3) {
            let isSpawned = random.chance(perMille: 300)
            var child = fork(of: parent, project: project, isSpawned: isSpawned)
            let calls = min(left, random.number(in: 0...max(sessionCallsMax / 4, 2)))
            left -= grow(&child, calls: calls, mayBeEmpty: true)
            finish(child)
            // Brothers, or a chain.
            if generation == 0 || random.chance(perMille: 500) { parent = child }
        }
    }

    private mutating func rollout(startMs: Int64, limitMs: Int64) -> CodexRollout {
        let filler = FillerText(random: &random, scale: textScale)
        canaries.append(filler.canary)
        return CodexRollout(random: &random, filler: filler, startMs: startMs, limitMs: limitMs)
    }

    private mutating func fork(of parent: CodexRollout, project: String, isSpawned: Bool) -> CodexRollout {
        let startMs = parent.timeMs + Int64(random.number(in: 5_000...900_000))
        var child = rollout(startMs: startMs, limitMs: parent.limitMs)
        let id = parent.session.uuidText
        if isSpawned {
            child.addMeta(
                project: project,
                links: "\"source\":{\"subagent\":{\"thread_spawn\":{\"parent_thread_id\":\"\(id)\",\"depth\":1}}},")
        } else {
            child.addMeta(project: project, links: "\"forked_from_id\":\"\(id)\",\"source\":\"cli\",")
        }
        child.distinguish(from: parent)
        // A spawned thread may start with nothing of its parent; a fork has at least its first lines.
        let isEmpty = isSpawned && random.chance(perMille: 400)
        let cut = random.chance(perMille: 400) ? parent.lines.count : random.number(in: 1...parent.lines.count)
        if !isEmpty { child.replay(parent, lines: cut) }
        if random.chance(perMille: 400) { child.model = "gpt-6.1-terra" }
        child.addTurn()
        return child
    }

    /// Makes calls until there are `calls` or the sitting is over, and returns how many.
    private mutating func grow(_ rollout: inout CodexRollout, calls: Int, mayBeEmpty: Bool) -> Int {
        var made = 0
        while made < calls, (made == 0 && !mayBeEmpty) || rollout.hasTime {
            rollout.call()
            made += 1
            if random.chance(perMille: 6) { rollout.append(raw: damage(rollout)) }
            if hasAllTraps, random.chance(perMille: 30) {
                rollout.append(raw: Traps.spoiled(wholeLine(rollout), &random))
            }
        }
        return made
    }

    private mutating func finish(_ rollout: CodexRollout) {
        var content: [UInt8] = []
        for line in rollout.lines { line.write(to: &content) }
        if random.chance(perMille: 120) { content += cutLine(rollout) }
        let start = UTCText(timeMs: rollout.startMs)
        let name = "rollout-\(start.fileStamp)-\(rollout.session.uuidText).jsonl"
        let isArchived = random.chance(perMille: 250)
        let path = (isArchived ? "codex/archived_sessions/" : "codex/sessions/\(start.dayPath)/") + name
        calls += rollout.calls.map { $0.placed(at: path) }
        files.append(GeneratedFile(path: path, content: .bytes(content)))
        if !isArchived, random.chance(perMille: 50) {
            files.append(
                GeneratedFile(
                    path: "codex/archived_sessions/" + name, content: .link("../sessions/\(start.dayPath)/\(name)")))
        }
    }

    private mutating func damage(_ rollout: CodexRollout) -> [UInt8] {
        switch random.number(in: 0...2) {
        case 0: [UInt8](repeating: 0, count: random.number(in: 1...300))
        case 1: Array("{\"timestamp\":\"\(rollout.filler.canary)".utf8)
        default: cutLine(rollout)
        }
    }

    /// A count that breaks off before its end.
    private mutating func cutLine(_ rollout: CodexRollout) -> [UInt8] {
        wholeLine(rollout).dropLast(random.number(in: 1...150))
    }

    /// A count that nobody made.
    private func wholeLine(_ rollout: CodexRollout) -> [UInt8] {
        let counts = CodexCounts(input: 55_555, cached: 5_120, output: 5_555, reasoning: 555).text()
        let whole =
            "{\"timestamp\":\"\(UTCText(timeMs: rollout.timeMs).instant)\",\"type\":\"event_msg\",\"payload\":{\"type\":"
            + "\"token_count\",\"info\":{\"total_token_usage\":\(counts),\"last_token_usage\":\(counts)}}}"
        return Array(whole.utf8)
    }
}
