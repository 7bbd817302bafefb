import Foundation
import TallyModel

@testable import TallyWorkstation

/// A hash for tests: FNV-1a twice, with the domain. Distinct inputs stay distinct; it keeps no secret.
struct TestHash: KeyedHash {
    func digest(_ domain: HashDomain, _ bytes: Span<UInt8>) -> Bytes16 {
        var high: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(domain.rawValue)
        var low: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(domain.rawValue) << 32
        for index in bytes.indices {
            high = (high ^ UInt64(bytes[index])) &* 0x0000_0100_0000_01B3
            low = (low ^ UInt64(bytes[index]) &+ 31) &* 0x0000_0100_0000_01B5
        }
        return Bytes16(high: high, low: low)
    }
}

/// A folder of its own that goes when the test is over.
final class Scratch {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/tally-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    func write(_ name: String, _ text: String) throws {
        try write(name, Array(text.utf8))
    }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        let url = URL(fileURLWithPath: file(name))
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    func append(_ name: String, _ bytes: some Sequence<UInt8>) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file(name)))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(bytes))
        try handle.close()
    }
}

/// The tokens of events, added up.
struct Sums: Hashable {
    var usageEvents = 0
    var corrections = 0
    var input = 0
    var cacheRead = 0
    var write5m = 0
    var write1h = 0
    var writeUnknown = 0
    var output = 0
    var reasoning = 0
    var reportedNanoUSD: UInt64 = 0

    init() {}

    init(_ events: [Event]) {
        for event in events {
            if event.kind == .usage { usageEvents += 1 } else { corrections += 1 }
            input += Int(event.inputTokens)
            cacheRead += Int(event.cacheReadTokens)
            write5m += Int(event.cacheWrite5mTokens)
            write1h += Int(event.cacheWrite1hTokens)
            writeUnknown += Int(event.cacheWriteUnknownTokens)
            output += Int(event.outputTokens)
            reasoning += Int(event.reasoningTokens)
            reportedNanoUSD += event.reportedCostNanoUSD ?? 0
        }
    }

    var tokens: [Int] { [input, cacheRead, write5m, write1h, writeUnknown, output, reasoning] }
}

/// A workstation's counting without spool and uplink: scans, and keeps the log of deltas as the spool would.
struct Bench {
    var counter: Counter
    var scan: TranscriptScan<TestHash, DiskFolders>
    var events: [Event] = []
    var log: [[UInt8]] = []
    let eventsMax: Int

    init(claude: String? = nil, codex: String? = nil, gemini: String? = nil, eventsMax: Int = 64) {
        let homes = SourceHomes(home: nil, claudeConfigDir: claude, codexHome: codex, geminiCLIHome: gemini)
        self.eventsMax = eventsMax
        counter = Counter(eventsMax: eventsMax)
        scan = TranscriptScan(hash: TestHash(), homes: homes, folders: DiskFolders())
    }

    /// What `tally sync` does: read all, then send what is held.
    mutating func sync(settling: Bool = true) {
        scan.begin(counter)
        while true {
            let progress = scan.advance(&counter, nowMs: 1_000)
            if counter.isFull { drain() }
            if case .done = progress { break }
        }
        drain()
        while settling && counter.heldCount > 0 {
            counter.settle(nowMs: 1_000, quietMs: nil)
            drain()
        }
    }

    mutating func drain() {
        let drained = counter.drain()
        events += drained.events
        log.append(drained.delta)
    }

    /// The process dies and starts anew from its log.
    mutating func restart() throws {
        counter = Counter(eventsMax: eventsMax)
        for delta in log { try counter.apply(delta.span) }
    }

    var sums: Sums { Sums(events) }
}

/// The public fixtures beside the package, if they are there.
let fixtures: String? = {
    let path =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path + "/shared/data/transcripts"
    return FileManager.default.fileExists(atPath: path) ? path : nil
}()

/// A line of a Claude transcript.
func claudeLine(
    message: String? = "msg_1", request: String? = "req_1", session: String = "s1", input: Int = 10, output: Int = 5,
    read: Int = 0, write: Int = 0, stop: String? = nil, sidechain: Bool = false, model: String = "claude-opus-4-5",
    extra: String = "", time: String = "2026-04-10T10:00:01.000Z"
) -> String {
    let id = message.map { "\"id\":\"\($0)\"," } ?? ""
    let requestID = request.map { "\"requestId\":\"\($0)\"," } ?? ""
    let stopped = stop.map { "\"\($0)\"" } ?? "null"
    return """
        {"type":"assistant","timestamp":"\(time)",\(requestID)"sessionId":"\(session)",\
        "isSidechain":\(sidechain),"cwd":"/nowhere/at/all","message":{\(id)"model":"\(model)","content":[{"type":\
        "text","text":"say \\"usage\\" {[\\\\"}],"stop_reason":\(stopped),"usage":{"input_tokens":\(input),\
        "cache_read_input_tokens":\(read),"cache_creation_input_tokens":\(write),"output_tokens":\(output)\(extra)}}}

        """
}

/// A rollout's counter row; `last` and `total` are input, cached, output, reasoning.
func codexRow(_ last: [Int], _ total: [Int], time: String = "2026-04-10T10:00:01Z") -> String {
    func usage(_ values: [Int]) -> String {
        "{\"input_tokens\":\(values[0]),\"cached_input_tokens\":\(values[1]),\"output_tokens\":\(values[2]),"
            + "\"reasoning_output_tokens\":\(values[3]),\"total_tokens\":999}"
    }
    return "{\"timestamp\":\"\(time)\",\"type\":\"event_msg\",\"payload\":{\"type\":\"token_count\",\"info\":{"
        + "\"last_token_usage\":\(usage(last)),\"total_token_usage\":\(usage(total))}}}\n"
}

func codexMeta(_ id: String, parent: String? = nil) -> String {
    let fork = parent.map { ",\"forked_from_id\":\"\($0)\"" } ?? ""
    return "{\"timestamp\":\"2026-04-10T10:00:00Z\",\"type\":\"session_meta\",\"payload\":{\"id\":\"\(id)\"\(fork)}}\n"
        + "{\"timestamp\":\"2026-04-10T10:00:00Z\",\"type\":\"turn_context\",\"payload\":{\"model\":\"gpt-5.2\"}}\n"
}
