import TallyModel

/// The files of Gemini CLI: chats as documents and as lines, some in both formats, subagents' own, and damage.
struct GeminiHome: Sendable {
    private(set) var files: [GeneratedFile] = []
    private(set) var calls: [GeneratedCall] = []
    private(set) var canaries: [String] = []
    private var random: SeededRandom
    private let calendar: WorkCalendar
    private let sessionCallsMax: Int
    private let hasAllTraps: Bool
    private var folders: [(name: String, hash: String)] = []

    init(random: SeededRandom, calendar: WorkCalendar, sessionCallsMax: Int, hasAllTraps: Bool) {
        self.random = random
        self.calendar = calendar
        self.sessionCallsMax = sessionCallsMax
        self.hasAllTraps = hasAllTraps
        // Folders are named by the hash of a path in older versions, by its last part in newer ones.
        for name in [nil, nil, "alpha", "hotel-tools"] as [String?] {
            let hash = self.random.hex(64)
            folders.append((name.map { $0 + "-" + hash.prefix(8) } ?? hash, hash))
        }
    }

    /// Makes chats until there are exactly `calls` events. Ends: every chat makes at least one call.
    mutating func fill(calls: Int) {
        if calls > 0 { addNeighbours() }
        while self.calls.count < calls { addChat(callsMax: calls - self.calls.count) }
    }

    private mutating func addChat(callsMax: Int) {
        let folder = random.pick(folders)
        let sitting = calendar.sitting(random: &random)
        let wanted = random.logNormal(median: max(sessionCallsMax / 5, 5), sixteenths: 20, in: 5...sessionCallsMax)
        let isOld = random.chance(perMille: 350)
        var chat = chat(folder.hash, sitting.startMs, sitting.limitMs, kind: isOld ? nil : "main")
        grow(&chat, calls: min(wanted, callsMax))
        let path = "gemini/.gemini/tmp/\(folder.name)/chats/"
        let stamp = UTCText(timeMs: chat.startMs).fileStamp.dropLast(3)
        finish(chat, path + "session-\(stamp)-\(chat.session.uuidText.prefix(8))", isOld: isOld)
        let left = callsMax - chat.calls.count
        guard !isOld, left > 0, random.chance(perMille: 250) else { return }
        var agent = self.chat(folder.hash, chat.startMs + 1_000, chat.limitMs, kind: "subagent")
        grow(&agent, calls: min(left, random.number(in: 1...max(sessionCallsMax / 8, 2))))
        finish(agent, path + "\(chat.session.uuidText)/\(agent.session.uuidText)", isOld: false)
    }

    private mutating func chat(_ hash: String, _ startMs: Int64, _ limitMs: Int64, kind: String?) -> GeminiChat {
        let filler = FillerText(random: &random)
        canaries.append(filler.canary)
        var chat = GeminiChat(
            random: &random, filler: filler, startMs: startMs, limitMs: limitMs, folderHash: hash, kind: kind)
        if hasAllTraps { chat.setTraps() }
        return chat
    }

    private mutating func grow(_ chat: inout GeminiChat, calls: Int) {
        var made = 0
        while made < calls, made == 0 || chat.hasTime {
            chat.call()
            made += 1
        }
    }

    private mutating func finish(_ chat: GeminiChat, _ path: String, isOld: Bool) {
        var chat = chat
        calls += chat.calls.map { $0.placed(at: path + (isOld ? ".json" : ".jsonl")) }
        if isOld {
            let document = add(path + ".json", chat.document(messages: chat.messages.count))
            if random.chance(perMille: 150) {
                // Cut off while it was written: what is whole in it counts, and is counted already.
                add(path + "-cut.json", Array(document.dropLast(random.number(in: 1...(document.count - 1)))))
            }
            if random.chance(perMille: 100) {
                files.append(
                    GeneratedFile(path: path + "-again.json", content: .link(name(of: path) + ".json")))
            }
        } else {
            var (content, tentative) = chat.jsonLines()
            if random.chance(perMille: 120) { content += chat.cutLine() }
            files.append(
                GeneratedFile(
                    path: path + ".jsonl", content: .bytes(content), growth: .lines(tentative: tentative)))
            if random.chance(perMille: 200) {
                // Begun in the older format; when it was resumed, its messages were copied to the newer one.
                add(path + ".json", chat.document(messages: random.number(in: 1...chat.messages.count)))
            }
        }
    }

    /// What lies beside the chats and is none.
    private mutating func addNeighbours() {
        let filler = FillerText(random: &random)
        canaries.append(filler.canary)
        let decoy =
            "[{\"id\":\"\(random.uuid().uuidText)\",\"type\":\"gemini\",\"timestamp\":\"2026-11-01T10:00:00.000Z\","
            + "\"model\":\"gemini-3.1-pro\",\"content\":\"\(filler.canary)\",\"tokens\":{\"input\":999999,\"output\":9}}]"
        for folder in folders {
            let path = "gemini/.gemini/tmp/\(folder.name)/"
            add(path + "logs.json", Array(decoy.utf8))
            add(path + "checkpoint-\(random.hex(4)).json", Array("{\"messages\":\(decoy)}".utf8))
            if folder.name != folder.hash { add(path + ".project_root", Array("/home/dev/\(folder.name)".utf8)) }
        }
        add("gemini/.gemini/tmp/\(folders[0].name)/chats/session-zeros.json", [UInt8](repeating: 0, count: 64))
    }

    /// Adds a document as it was written last, and returns what stands there then.
    @discardableResult
    private mutating func add(_ path: String, _ document: GeneratedDocument) -> [UInt8] {
        let bytes = document.bytes(after: document.versions)
        files.append(GeneratedFile(path: path, content: .bytes(bytes), growth: .document(document)))
        return bytes
    }

    private mutating func add(_ path: String, _ content: [UInt8]) {
        files.append(GeneratedFile(path: path, content: .bytes(content)))
    }

    private func name(of path: String) -> String { path.split(separator: "/").last.map { String($0) } ?? path }
}
