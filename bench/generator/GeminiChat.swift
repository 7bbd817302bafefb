import TallyModel

/// One chat of Gemini CLI: grows answer by answer, and knows of each what it truly used.
struct GeminiChat: Sendable {
    var random: SeededRandom
    let filler: FillerText
    let session: Bytes16
    let startMs: Int64
    private(set) var timeMs: Int64
    let limitMs: Int64
    let folderHash: String
    let kind: String?
    private(set) var calls: [GeneratedCall] = []
    /// What a `.jsonl` holds behind its head: a message stands there as often as it was written.
    private(set) var lines: [[UInt8]] = []
    /// What a `.json` holds: each message once, as it was written last.
    private(set) var messages: [String] = []
    /// Every word on every message, in order: a `.json` is written anew for each.
    private var writes: [GeneratedDocument.Write] = []
    /// Lines after which another word on the same message follows at once, and may be of smaller numbers.
    private var tentativeLines: [Int] = []
    private var hasAllTraps = false
    private var hasIDs = true
    private var model: String?
    private var contextTokens: Int
    private var cachedTokens = 0

    private static let models = ["gemini-3.1-pro", "gemini-3.1-pro", "gemini-2.5-pro", "gemini-2.5-flash"]
    /// The published list has no rate for what it reads from a cache, so it does not here.
    private static let uncached = "gemini-3.8-flash"
    /// Messages that a list told again holds at most.
    private static let listMax = 8

    init(
        random: inout SeededRandom, filler: FillerText, startMs: Int64, limitMs: Int64, folderHash: String,
        kind: String?
    ) {
        self.random = random.split()
        self.filler = filler
        self.startMs = startMs
        self.limitMs = limitMs
        self.folderHash = folderHash
        self.kind = kind
        timeMs = startMs
        session = self.random.uuid()
        contextTokens = self.random.number(in: 5_000...16_000)
        model = self.random.pick(GeminiChat.models)
        if self.random.chance(perMille: 120) { model = "Gemini-2.5-Pro" }
        if self.random.chance(perMille: 80) { model = "acme/gemini-of-our-own" }
    }

    /// Sets what no agent does of itself, and what only some versions did: see `GeneratorOptions.hasAllTraps`.
    mutating func setTraps() {
        hasAllTraps = true
        model = Traps.model(&random) ?? model
        hasIDs = !random.chance(perMille: 150)
    }

    var hasTime: Bool { timeMs < limitMs - 900_000 }

    /// One request with everything around it.
    mutating func call() {
        timeMs += Int64(random.logNormal(median: 12_000, sixteenths: 24, in: 600...400_000))
        if random.chance(perMille: 500) { addQuestion() }
        let isHelper = random.chance(perMille: 120)
        let name = isHelper ? GeminiChat.uncached : random.chance(perMille: 15) ? nil : model
        var counts = GeminiCounts()
        counts.input = isHelper ? random.number(in: 300...9_000) : contextTokens
        counts.cached = isHelper || random.chance(perMille: 200) ? 0 : min(cachedTokens, counts.input) * 9 / 10
        counts.output = random.logNormal(median: 250, sixteenths: 22, in: 5...20_000)
        counts.thoughts =
            random.chance(perMille: 700) ? random.logNormal(median: 300, sixteenths: 24, in: 1...9_000) : 0
        if random.chance(perMille: 100) { counts.tool = random.number(in: 1...4_000) }
        if random.chance(perMille: 60) { counts.form = .untold }
        if counts.thoughts > 0, random.chance(perMille: 60) { counts.form = .thoughtsWithin }
        add(counts, name)
        guard !isHelper else { return }
        cachedTokens = counts.input
        contextTokens += counts.output + random.logNormal(median: 1_500, sixteenths: 26, in: 30...60_000)
        if contextTokens > 320_000 { compress() }
    }

    private mutating func add(_ counts: GeminiCounts, _ name: String?) {
        let id = random.uuid().uuidText
        let text = filler.text(bytes: random.logNormal(median: 160, sixteenths: 22, in: 30...5_000), random: &random)
        func message(_ tokens: String, tools: String = "") -> String {
            (hasIDs ? "{\"id\":\"\(id)\"," : "{")
                + "\"timestamp\":\"\(UTCText(timeMs: timeMs).instant)\",\"type\":\"gemini\",\"content\":\"\(text)\","
                + "\"thoughts\":[{\"subject\":\"\(filler.canary)\",\"description\":\"\(filler.canary)\"}],"
                + "\"tokens\":\(tokens)" + (name.map { ",\"model\":\"\($0)\"" } ?? "") + tools + "}"
        }
        let place = messages.count
        append(message("null"), at: place)
        if hasAllTraps, random.chance(perMille: 400) {
            // A word while it streams: nothing of it is more than the true one.
            append(message(counts.earlier(&random).text()), at: place)
        }
        if random.chance(perMille: 150) {
            // A first word that was too large: the last one is the true one.
            var more = counts
            more.output += random.number(in: 1...900)
            append(message(more.text()), at: place, isTentative: true)
        } else if hasAllTraps, random.chance(perMille: 250) {
            append(message(counts.mistaken(&random).text()), at: place, isTentative: true)
        }
        append(message(counts.text()), at: place)
        if random.chance(perMille: 500) {
            let last = message(
                counts.text(),
                tools: ",\"toolCalls\":[{\"id\":\"\(random.hex(12))\",\"name\":\"read_file\",\"args\":{\"path\":"
                    + "\"\(filler.canary)\",\"tokens\":{\"input\":777777}},\"status\":\"success\"}]")
            append(last, at: place)
        }
        calls.append(
            GeneratedCall(
                event: counts.event(timeMs: timeMs, session: session, model: name), model: name, session: session))
        append("{\"$set\":{\"lastUpdated\":\"\(UTCText(timeMs: timeMs).instant)\"}}")
        if random.chance(perMille: 40) { append("{\"$rewindTo\":\"\(id)\"}") }
        if random.chance(perMille: 60) {
            append("{\"$set\":{\"messages\":[\(messages.suffix(GeminiChat.listMax).joined(separator: ","))]}}")
        }
        if random.chance(perMille: 25) { addEmpty() }
        if random.chance(perMille: 20) { lines.append(damage()) }
    }

    private mutating func addQuestion() {
        let text = filler.text(bytes: random.logNormal(median: 120, sixteenths: 22, in: 30...3_000), random: &random)
        let question =
            "{\"id\":\"\(random.uuid().uuidText)\",\"timestamp\":\"\(UTCText(timeMs: timeMs).instant)\",\"type\":\"user\","
            + "\"content\":[{\"text\":\"\(text)\"}]}"
        append(question, at: messages.count)
    }

    /// An answer that came to nothing: zeros, or no tokens at all.
    private mutating func addEmpty() {
        let tokens = random.chance(perMille: 500) ? "null" : GeminiCounts().text()
        let empty =
            "{\"id\":\"\(random.uuid().uuidText)\",\"timestamp\":\"\(UTCText(timeMs: timeMs).instant)\",\"type\":\"gemini\","
            + "\"content\":\"\",\"tokens\":\(tokens),\"model\":\"gemini-3.1-pro\"}"
        append(empty, at: messages.count)
    }

    /// The history becomes a summary, which is told as a list of messages.
    private mutating func compress() {
        contextTokens = random.number(in: 6_000...20_000)
        cachedTokens = 0
        append("{\"$set\":{\"messages\":[\(messages.suffix(1).joined())],\"summary\":\"\(filler.canary)\"}}")
    }

    private mutating func append(_ line: String) { lines.append(Array(line.utf8)) }

    /// A word on the message at a place of the list, which may be its end.
    private mutating func append(_ message: String, at place: Int, isTentative: Bool = false) {
        if isTentative { tentativeLines.append(lines.count) }
        append(message)
        writes.append(GeneratedDocument.Write(place: place, text: message, isTentative: isTentative))
        if place == messages.count { messages.append(message) } else { messages[place] = message }
    }

    private mutating func damage() -> [UInt8] {
        random.chance(perMille: 500) ? [UInt8](repeating: 0, count: random.number(in: 1...300)) : cutLine()
    }

    /// A message with tokens that breaks off before its end.
    mutating func cutLine() -> [UInt8] {
        let whole =
            "{\"id\":\"\(random.uuid().uuidText)\",\"timestamp\":\"\(UTCText(timeMs: timeMs).instant)\",\"type\":\"gemini\","
            + "\"tokens\":{\"input\":66666,\"output\":6666},\"content\":\"\(filler.canary)\",\"model\":\"gemini-3.1-pro\"}"
        return Array(whole.utf8.dropLast(random.number(in: 1...120)))
    }

    // MARK: Files

    private var head: String {
        let start = UTCText(timeMs: startMs).instant
        return "\"sessionId\":\"\(session.uuidText)\",\"projectHash\":\"\(folderHash)\",\"startTime\":\"\(start)\","
            + "\"lastUpdated\":\"\(start)\"" + (kind.map { ",\"kind\":\"\($0)\"" } ?? "")
            + ",\"directories\":[\"/home/dev/\(filler.canary)\"]"
    }

    /// The newer format, and where a reader who came to its end would have met a word that is not the agent's last.
    func jsonLines() -> (bytes: [UInt8], tentative: [Range<Int>]) {
        var bytes = Array("{\(head)}\n".utf8)
        var ends: [Int] = []
        for line in lines {
            bytes += line
            bytes.append(UInt8(ascii: "\n"))
            ends.append(bytes.count)
        }
        return (bytes, tentativeLines.map { ends[$0]..<ends[$0 + 1] })
    }

    /// The older format, of the first so many messages.
    func document(messages count: Int) -> GeneratedDocument {
        GeneratedDocument(head: head, writes: writes.filter { $0.place < count })
    }
}
