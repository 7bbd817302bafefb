import Synchronization
import TallyGateway
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyProtocol
import TallyRollup
import TallyStorage
import TallyWire
import TallyWorkstation
import TestDisk

/// Writes what agents on one machine write: lines of Claude Code transcripts, several sessions, sub-agents in nested
/// folders, streamed messages that grow, copies of lines in resumed sessions.
struct Agent: Sendable {
    private struct Open: Sendable {
        var call: Int
        var path: String
    }

    private static let models = ["claude-opus-4-5", "claude-sonnet-4-5-20250929", "claude-haiku-4-5", "someone-elses"]

    let machine: Int
    let tenant: Int
    private var sessions: [(id: String, path: String)] = []
    /// A message whose last line has not been written.
    private var open: Open?
    /// Whole lines that a resumed session may repeat.
    private var written: [String] = []

    init(machine: Int, tenant: Int) {
        self.machine = machine
        self.tenant = tenant
    }

    /// Appends some lines to the machine's transcripts.
    mutating func write(
        lines: Int, plan: Plan, nowMs: Int64, truth: Truth, folders: TranscriptFolders, random: inout SeededRandom
    ) {
        for _ in 0..<lines {
            if let open, random.chance(70) {
                grow(open, plan, nowMs, truth, folders, &random)
            } else if !written.isEmpty, random.chance(plan.copiesPercent) {
                let line = written[random.below(written.count)]
                folders.append(session(&random).path, line, atMs: nowMs)
            } else {
                begin(plan, nowMs, truth, folders, &random)
            }
        }
    }

    /// The last line of a message that is still growing.
    mutating func finish(nowMs: Int64, truth: Truth, folders: TranscriptFolders) {
        guard let open else { return }
        self.open = nil
        folders.append(
            open.path, Agent.line(truth[open.call], isLast: true, atMs: max(nowMs, truth[open.call].timeMs)),
            atMs: nowMs)
    }

    /// A message that is still growing is left as it is.
    mutating func forgetOpen() { open = nil }

    /// The same agents on another machine: what they write from now on is theirs.
    func moved(to machine: Int) -> Agent {
        var agent = Agent(machine: machine, tenant: tenant)
        agent.sessions = sessions
        agent.written = written
        return agent
    }

    private mutating func begin(
        _ plan: Plan, _ nowMs: Int64, _ truth: Truth, _ folders: TranscriptFolders, _ random: inout SeededRandom
    ) {
        let place = session(&random)
        let number = truth.nextNumber
        guard number < Call.numbersMax else { return }
        var call = Call(
            number: number, tenant: tenant, machine: machine, session: place.id,
            model: Agent.models[random.below(Agent.models.count)], timeMs: nowMs)
        call.isPoison = random.chance(plan.poisonPercent)
        call.counts.input = number
        call.counts.cacheRead = UInt64(random.below(5)) * Call.numbersMax
        if random.chance(30) { call.counts.cacheWrite5m = UInt64(random.below(3)) * Call.numbersMax }
        if random.chance(20) { call.counts.cacheWrite1h = UInt64(random.below(2)) * Call.numbersMax }
        if random.chance(10) { call.counts.cacheWriteUnknown = Call.numbersMax }
        call.counts.output = UInt64(1 + random.below(3_000))
        call.counts.reasoning = UInt64(random.below(Int(call.counts.output) + 1))
        if random.chance(5) { call.counts.webSearches = UInt64(1 + random.below(3)) }
        if random.chance(25) { call.counts.reportedNanoUSD = UInt64(1 + random.below(900_000)) * 1_000 }
        let isLast = !random.chance(plan.streamingPercent)
        let index = truth.begin(call)
        let line = Agent.line(call, isLast: isLast)
        folders.append(place.path, line, atMs: nowMs)
        written.append(line)
        open = isLast ? nil : Open(call: index, path: place.path)
    }

    /// One more line of a streamed message: its output has grown, perhaps for the last time.
    private mutating func grow(
        _ open: Open, _ plan: Plan, _ nowMs: Int64, _ truth: Truth, _ folders: TranscriptFolders,
        _ random: inout SeededRandom
    ) {
        if random.chance(80) { truth.grow(open.call, output: UInt64(random.below(500))) }
        let isLast = random.chance(60)
        folders.append(
            open.path, Agent.line(truth[open.call], isLast: isLast, atMs: max(nowMs, truth[open.call].timeMs)),
            atMs: nowMs)
        if isLast { self.open = nil }
    }

    private mutating func session(_ random: inout SeededRandom) -> (id: String, path: String) {
        if sessions.isEmpty || (sessions.count < 4 && random.chance(15)) {
            let id = Bytes16(high: random.next() & ~0xF000 | 0x4000, low: random.next() & ~(3 << 62) | 2 << 62).uuidText
            let folder = "/t/projects/p\(machine)"
            let isNested = !sessions.isEmpty && random.chance(40)
            let path =
                isNested
                ? "\(folder)/\(sessions[0].id)/subagents/agent-\(sessions.count).jsonl" : "\(folder)/\(id).jsonl"
            sessions.append((isNested ? sessions[0].id : id, path))
        }
        return sessions[random.below(sessions.count)]
    }

    /// A line as Claude Code writes it, as far as anybody reads it.
    static func line(_ call: Call, isLast: Bool, atMs: Int64? = nil) -> String {
        let counts = call.counts
        let cost =
            counts.reportedNanoUSD == 0
            ? "" : "\"costUSD\":0.\(padded(counts.reportedNanoUSD, 9)),"
        let stop = isLast ? "\"end_turn\"" : "null"
        let writes = counts.cacheWrite5m + counts.cacheWrite1h + counts.cacheWriteUnknown
        return """
            {"type":"assistant","timestamp":"\(TimeLine.text(atMs ?? call.timeMs))","requestId":"req_\(call.number)",\(cost)\
            "sessionId":"\(call.session)","isSidechain":false,"cwd":"/nowhere","message":{"id":"msg_\(call.number)",\
            "model":"\(call.model)","stop_reason":\(stop),"usage":{"input_tokens":\(counts.input),\
            "cache_read_input_tokens":\(counts.cacheRead),"cache_creation_input_tokens":\(writes),\
            "cache_creation":{"ephemeral_5m_input_tokens":\(counts.cacheWrite5m),\
            "ephemeral_1h_input_tokens":\(counts.cacheWrite1h)},"output_tokens":\(counts.output),\
            "output_tokens_details":{"thinking_tokens":\(counts.reasoning)},\
            "server_tool_use":{"web_search_requests":\(counts.webSearches)}}}}

            """
    }

    private static func padded(_ number: UInt64, _ digits: Int) -> String {
        let text = "\(number)"
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}

/// An instant as transcripts write it.
enum TimeLine {
    static func text(_ ms: Int64) -> String {
        let days = ms / 86_400_000
        let rest = ms % 86_400_000
        // Days of the civil calendar, counted from the first of March of the year 0.
        let shifted = days + 719_468
        let era = shifted / 146_097
        let ofEra = shifted % 146_097
        let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let fromMarch = (5 * ofYear + 2) / 153
        let day = ofYear - (153 * fromMarch + 2) / 5 + 1
        let month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return "\(year)-\(two(month))-\(two(day))T\(two(rest / 3_600_000)):\(two(rest / 60_000 % 60)):"
            + "\(two(rest / 1_000 % 60)).\(rest % 1_000 < 100 ? "0" : "")\(rest % 1_000 < 10 ? "0" : "")\(rest % 1_000)Z"
    }

    private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
