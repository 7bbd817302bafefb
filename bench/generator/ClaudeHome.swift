import TallyModel

/// The files of Claude Code: sessions, their subagents, sessions resumed and forked under new ids, and damage.
struct ClaudeHome: Sendable {
    private(set) var files: [GeneratedFile] = []
    private(set) var calls: [GeneratedCall] = []
    private(set) var canaries: [String] = []
    private var random: SeededRandom
    private let calendar: WorkCalendar
    private let sessionCallsMax: Int
    private let hasAllTraps: Bool
    private let textScale: Int
    /// Requests that a sidechain tells of under an id of its own.
    private var replayed: Set<String> = []

    init(
        random: SeededRandom, calendar: WorkCalendar, sessionCallsMax: Int, hasAllTraps: Bool, textScale: Int
    ) {
        self.random = random
        self.calendar = calendar
        self.sessionCallsMax = sessionCallsMax
        self.hasAllTraps = hasAllTraps
        self.textScale = textScale
    }

    /// Makes sessions until there are exactly `calls` events. Ends: every session makes at least one call.
    mutating func fill(calls: Int) {
        while self.calls.count < calls { addSession(callsMax: calls - self.calls.count) }
        for index in self.calls.indices {
            self.calls[index].isReplayed = self.calls[index].request.map { replayed.contains($0) } ?? false
        }
    }

    private mutating func addSession(callsMax: Int) {
        let filler = FillerText(random: &random, scale: textScale)
        canaries.append(filler.canary)
        var traits = ClaudeTraits(random: &random, filler: filler)
        if hasAllTraps, let model = Traps.model(&random) { (traits.model, traits.speed) = (model, nil) }
        let sitting = calendar.sitting(random: &random)
        var thread = ClaudeThread(
            traits: traits, random: &random, filler: filler, session: random.uuid(), timeMs: sitting.startMs,
            limitMs: sitting.limitMs)
        let wanted = random.logNormal(median: max(sessionCallsMax / 5, 5), sixteenths: 20, in: 5...sessionCallsMax)
        var budget = min(wanted, callsMax)
        let before = calls.count
        grow(&thread, budget: &budget, mayBeEmpty: false)
        finish(thread)
        guard traits.hasMessageIDs, random.chance(perMille: 250) else { return }
        // The same lines again under another session id, then lines of its own.
        let copies = random.chance(perMille: 250) ? 2 : 1
        for _ in 0..<copies {
            var rest = min(callsMax - (calls.count - before), random.number(in: 0...max(sessionCallsMax / 4, 2)))
            var copy = resumed(thread)
            grow(&copy, budget: &rest, mayBeEmpty: true)
            finish(copy)
        }
    }

    /// Makes calls until `budget` is spent or the sitting is over.
    private mutating func grow(_ thread: inout ClaudeThread, budget: inout Int, mayBeEmpty: Bool) {
        var mustCall = !mayBeEmpty
        while budget > 0, mustCall || thread.hasTime {
            mustCall = false
            thread.call()
            budget -= 1
            if random.chance(perMille: 12) { thread.addSynthetic() }
            if random.chance(perMille: 6) { thread.lines.append(ClaudeLine(raw: damage(thread))) }
            if hasAllTraps, random.chance(perMille: 30) {
                let line = wholeLine(thread)
                thread.lines.append(ClaudeLine(raw: Traps.spoiled(line, &random)))
            }
            if random.chance(perMille: 25), budget > 0 { budget -= addSubagent(of: &thread, callsMax: budget) }
        }
    }

    /// Runs a subagent, and returns how many calls it made.
    private mutating func addSubagent(of thread: inout ClaudeThread, callsMax: Int) -> Int {
        var traits = thread.traits
        traits.model = traits.helperModel
        traits.speed = nil
        let filler = FillerText(random: &random, scale: textScale)
        canaries.append(filler.canary)
        var agent = ClaudeThread(
            traits: traits, random: &random, filler: filler, session: thread.session, timeMs: thread.timeMs,
            limitMs: thread.limitMs)
        let id = random.hex(8)
        agent.agentID = id
        var ids: [String: String] = [:]
        if traits.hasAgentFiles, traits.hasMessageIDs, random.chance(perMille: 400) {
            // The subagent's file opens with the end of the main conversation, marked as its own.
            let hasIDsOfItsOwn = hasAllTraps && random.chance(perMille: 400)
            for var line in thread.lines.suffix(random.number(in: 1...6)) where line.raw == nil {
                line.isSidechain = true
                line.agentID = id
                if hasIDsOfItsOwn, let request = line.request {
                    line.request = ids[request] ?? "req_011C" + random.alphanumeric(20)
                    ids[request] = line.request
                }
                agent.lines.append(line)
            }
        }
        replayed.formUnion(ids.keys)
        var made = 0
        let wanted = min(callsMax, random.number(in: 2...max(sessionCallsMax / 8, 3)))
        while made < wanted, made == 0 || agent.hasTime {
            agent.call()
            made += 1
        }
        if traits.hasAgentFiles {
            let folder = "claude/projects/\(traits.folder)/\(thread.session.uuidText)/subagents/"
            let nested = random.chance(perMille: 200) ? "workflow/" : ""
            let path = folder + nested + "agent-\(id).jsonl"
            add(path, bytes(of: agent, opening: []))
            calls += agent.calls.map { $0.placed(at: path) }
        } else {
            thread.lines += agent.lines
            calls += agent.calls.map { $0.placed(at: path(of: thread)) }
        }
        if random.chance(perMille: 700) { thread.timeMs = max(thread.timeMs, agent.timeMs) }
        return made
    }

    /// A thread that goes on under a new id from some line of `thread`.
    private mutating func resumed(_ thread: ClaudeThread) -> ClaudeThread {
        var copy = ClaudeThread(
            traits: thread.traits, random: &random, filler: thread.filler, session: random.uuid(),
            timeMs: thread.timeMs + Int64(random.number(in: 60_000...1_800_000)), limitMs: thread.limitMs)
        let all = thread.lines.filter { $0.raw == nil }
        // A fork may begin between two lines of one message.
        let cut = random.chance(perMille: 500) ? all.count : random.number(in: 1...all.count)
        copy.lines = Array(all.prefix(cut))
        return copy
    }

    /// Writes the file of a main thread.
    private mutating func finish(_ thread: ClaudeThread) {
        calls += thread.calls.map { $0.placed(at: path(of: thread)) }
        var opening: [ClaudeLine] = []
        if random.chance(perMille: 350) {
            let text = thread.filler.text(bytes: 60, random: &random)
            opening.append(
                ClaudeLine(
                    raw: Array(
                        "{\"type\":\"summary\",\"summary\":\"\(text)\",\"leafUuid\":\"\(random.uuid().uuidText)\"}".utf8
                    )))
        }
        if random.chance(perMille: 300) {
            let snapshot =
                "{\"type\":\"file-history-snapshot\",\"messageId\":\"\(random.uuid().uuidText)\","
                + "\"snapshot\":{\"trackedFileBackups\":{\"/home/dev/\(thread.filler.canary).txt\":{}}}}"
            opening.append(ClaudeLine(raw: Array(snapshot.utf8)))
        }
        var content = bytes(of: thread, opening: opening)
        if random.chance(perMille: 120) { content += cutLine(thread) }
        add(path(of: thread), content)
        if random.chance(perMille: 60) {
            let path = folder(of: thread) + "copy-\(random.hex(6)).jsonl"
            files.append(GeneratedFile(path: path, content: .link(thread.session.uuidText + ".jsonl")))
        }
    }

    private func folder(of thread: ClaudeThread) -> String { "claude/projects/\(thread.traits.folder)/" }

    private func path(of thread: ClaudeThread) -> String {
        folder(of: thread) + thread.session.uuidText + ".jsonl"
    }

    private mutating func add(_ path: String, _ content: [UInt8]) {
        files.append(GeneratedFile(path: path, content: .bytes(content)))
    }

    private func bytes(of thread: ClaudeThread, opening: [ClaudeLine]) -> [UInt8] {
        var bytes: [UInt8] = []
        let session = thread.session.uuidText
        for line in opening + thread.lines { line.write(session: session, head: thread.traits.head, to: &bytes) }
        return bytes
    }

    /// A line that is no JSON, or not whole: nothing of it counts.
    private mutating func damage(_ thread: ClaudeThread) -> [UInt8] {
        switch random.number(in: 0...4) {
        case 0: [UInt8](repeating: 0, count: random.number(in: 1...600))
        case 1: Array("no json, \(thread.filler.canary)".utf8)
        case 2: Array("[1,2,\"\(thread.filler.canary)\"]".utf8)
        case 3: []
        default: cutLine(thread)
        }
    }

    /// A line with usage and an id of its own that breaks off before its end.
    private mutating func cutLine(_ thread: ClaudeThread) -> [UInt8] {
        let whole = wholeLine(thread)
        // Without its closing brace at least.
        return whole.dropLast(random.number(in: 2...((whole.count + 1) / 2)) - 1)
    }

    /// A line with usage and an id of its own, without its end.
    private mutating func wholeLine(_ thread: ClaudeThread) -> [UInt8] {
        let body =
            "\"type\":\"assistant\",\"message\":{\"model\":\"claude-opus-4-8\",\"id\":\"msg_01\(random.alphanumeric(22))\","
            + "\"role\":\"assistant\",\"usage\":{\"input_tokens\":66666,\"output_tokens\":6666},"
            + "\"content\":[{\"type\":\"text\",\"text\":\"\(thread.filler.canary)\"}]},\"requestId\":\"req_\(random.hex(16))\""
        var whole: [UInt8] = []
        ClaudeLine(parent: nil, uuid: random.uuid().uuidText, timeMs: thread.timeMs, body: body)
            .write(session: thread.session.uuidText, head: thread.traits.head, to: &whole)
        whole.removeLast()
        return whole
    }
}
