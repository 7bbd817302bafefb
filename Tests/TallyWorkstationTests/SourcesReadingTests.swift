import TallyGenerator
import TallyModel
import TestEffort
import Testing

@testable import TallyWorkstation

/// The quick reader of transcripts, held against a plain one over lines as they are and as they are damaged.
@Suite("The quick reader says what a plain one says")
struct SourcesReadingTests {
    private static let session = TestHash().sessionID([1].span)

    private static func parser() -> ClaudeParser<TestHash> {
        ClaudeParser(hash: TestHash(), projects: ProjectResolver(hash: TestHash(), files: DiskFolders()))
    }

    /// Lines of a generated home, the shorter ones.
    private static func lines(seed: UInt64, claude: Bool) -> [[UInt8]] {
        var options = GeneratorOptions(endMs: 1_795_176_000_000)
        options.calls = 120
        var lines: [[UInt8]] = []
        for file in Generator(seed: seed, options: options).home().files
        where file.path.hasPrefix(claude ? "claude" : "codex") {
            guard case .bytes(let bytes) = file.content else { continue }
            lines += bytes.split(separator: 0x0A).map { Array($0) }
        }
        return lines.filter { $0.count < 3_000 }
    }

    /// What of a line the two readers must agree on; nil where it counts nothing.
    private struct Said: Equatable {
        var input: UInt32, read: UInt32, write5m: UInt32, write1h: UInt32, unknown: UInt32, output: UInt32
        var reasoning: UInt32, searches: UInt16
        var message: UInt64?
        var request: UInt64
        var isFinal: Bool
        var outcome: Outcome, speed: Speed, tier: Tier, region: Region
    }

    private static func said(_ result: LineResult, hasMessage: Bool) -> Said? {
        guard case .fact(.request(let fact)) = result else { return nil }
        let counts = fact.counts
        return Said(
            input: counts.input, read: counts.cacheRead, write5m: counts.write5m, write1h: counts.write1h,
            unknown: counts.writeUnknown, output: counts.output, reasoning: counts.reasoning,
            searches: counts.webSearches, message: hasMessage ? fact.key.message : nil, request: fact.key.request,
            isFinal: fact.isFinal, outcome: fact.outcome, speed: fact.speed, tier: fact.tier, region: fact.region)
    }

    /// The same of the plain reader; nil where a number is none that counts.
    private static func plain(_ line: PlainJSON) -> (said: Said, hasMessage: Bool)? {
        guard let message = line["message"], let usage = message["usage"], usage.isObject else { return nil }
        func tokens(_ value: PlainJSON?) -> UInt32 { UInt32(value?.whole ?? 0) }
        func word(_ value: PlainJSON?) -> String? { value?.string.map { String(decoding: $0, as: UTF8.self) } }
        func hash(_ domain: HashDomain, _ value: PlainJSON?) -> UInt64? {
            guard let text = value?.string, !text.isEmpty, text.count <= 1_024 else { return nil }
            return TestHash().word(domain, text.span)
        }
        let write5m = tokens(usage["cache_creation"]?["ephemeral_5m_input_tokens"])
        let write1h = tokens(usage["cache_creation"]?["ephemeral_1h_input_tokens"])
        let writes = tokens(usage["cache_creation_input_tokens"])
        let output = tokens(usage["output_tokens"])
        var isError = false
        if case .bool(true) = line["isApiErrorMessage"] { isError = true }
        var stop: PlainJSON?
        if case .text = message["stop_reason"] { stop = message["stop_reason"] }
        let id = hash(.message, message["id"])
        // A word that is none, with a wrong escape for instance, is a region all the same.
        var geo: String?
        if case .text(let raw) = usage["inference_geo"], !raw.isEmpty { geo = word(usage["inference_geo"]) ?? "?" }
        let said = Said(
            input: tokens(usage["input_tokens"]), read: tokens(usage["cache_read_input_tokens"]), write5m: write5m,
            write1h: write1h, unknown: writes > write5m + write1h ? writes - write5m - write1h : 0, output: output,
            reasoning: min(tokens(usage["output_tokens_details"]?["thinking_tokens"]), output),
            searches: UInt16(clamping: tokens(usage["server_tool_use"]?["web_search_requests"])), message: id,
            request: hash(.request, line["requestId"]) ?? 0, isFinal: isError || stop != nil,
            outcome: isError ? .error : stop == nil ? .unknown : word(stop) == "refusal" ? .refused : .ok,
            speed: Speed(name: word(usage["speed"]) ?? "") ?? .unknown,
            tier: Tier(name: word(usage["service_tier"]) ?? "") ?? .unknown,
            region: geo == nil || geo == "not_available"
                ? .unknown : geo == "us" ? .us : geo == "global" ? .global : .other)
        return (said, id != nil)
    }

    /// A line that both readers must understand alike.
    private static func compare(_ line: [UInt8], _ parser: inout ClaudeParser<TestHash>, _ note: Comment) {
        var state = ParserState(session: session)
        state.timeMs = 1_795_000_000_000
        let result = parser.parse(line.span, &state)
        guard let tree = try? PlainJSON(line), tree.isObject else {
            if case .skipped = result { return }
            Issue.record("what is no JSON object is skipped: \(note)")
            return
        }
        switch result {
        case .skipped(let reason):
            #expect([.badNumber, .empty, .noTime, .tooDeep].contains(reason), "whole JSON is not malformed: \(note)")
        case .nothing: #expect(plain(tree) == nil, note)
        case .fact:
            let wanted = plain(tree)
            let told = said(result, hasMessage: wanted?.hasMessage == true)
            #expect(wanted != nil && told == wanted?.said, "\(note): \(String(describing: told))")
        }
    }

    @Test("Of every generated line of Claude Code both say the same", arguments: [1, 2] as [UInt64])
    func generated(seed: UInt64) {
        print("seed \(seed)")
        var parser = Self.parser()
        var counted = 0
        for (number, line) in Self.lines(seed: seed, claude: true).enumerated() {
            Self.compare(line, &parser, "seed \(seed), line \(number)")
            if let tree = try? PlainJSON(line), Self.plain(tree) != nil { counted += 1 }
        }
        #expect(counted > 100, "the generator's lines count")
    }

    @Test("Of damaged lines both say the same: bytes changed, taken out, put in twice", arguments: [3, 4] as [UInt64])
    func damaged(seed: UInt64) {
        print("seed \(seed)")
        var random = SplitMix(state: seed)
        var parser = Self.parser()
        let lines = Self.lines(seed: seed, claude: true).filter { $0.count < 1_500 }
        let palette: [UInt8] = Array("\"\\{}[]:,0-e.tn u".utf8) + [0, 0xFF]
        for round in 0..<Effort.of(4_000) {
            var line = lines[Int(random.next() % UInt64(lines.count))]
            for _ in 0...(random.next() % 3) where !line.isEmpty {
                let place = Int(random.next() % UInt64(line.count))
                switch random.next() % 4 {
                case 0: line[place] = palette[Int(random.next() % UInt64(palette.count))]
                case 1: line.remove(at: place)
                case 2: line.insert(palette[Int(random.next() % UInt64(palette.count))], at: place)
                default: line.insert(contentsOf: line[place..<min(place + 20, line.count)], at: place)
                }
            }
            Self.compare(line, &parser, "seed \(seed), round \(round)")
        }
    }

    @Test("Keys and words with escapes are what they say", arguments: [5] as [UInt64])
    func escaped(seed: UInt64) throws {
        print("seed \(seed)")
        var random = SplitMix(state: seed)
        var parser = Self.parser()
        let text = claudeLine(
            output: 41, read: 7, write: 9, stop: "refusal", extra: ",\"speed\":\"fast\",\"service_tier\":\"batch\"")
        let line = Array(text.utf8.dropLast())
        let letters = line.indices.filter { (0x61...0x7A).contains(line[$0]) }
        for _ in 0..<2_000 {
            var escaped = line
            for place in Set((0...2).map { _ in letters[Int(random.next() % UInt64(letters.count))] }).sorted(by: >) {
                let code = String(escaped[place], radix: 16)
                escaped.replaceSubrange(place...place, with: Array("\\u00\(code)".utf8))
            }
            Self.compare(escaped, &parser, "\(String(decoding: escaped, as: UTF8.self))")
        }
        var state = ParserState(session: Self.session)
        let usage = Array(text.replacing("\"usage\":", with: "\"us\\u0061ge\":").utf8.dropLast())
        let result = parser.parse(usage.span, &state)
        #expect(Self.said(result, hasMessage: true)?.output == 41)
    }

    @Test("What a skipped value of any shape ends with is what the plain reader ends with", arguments: [6] as [UInt64])
    func skipping(seed: UInt64) {
        print("seed \(seed)")
        var random = SplitMix(state: seed)
        let parts = [
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"", "\\", "1", "-0.5e3", "01", "true", "nul", "null", " ",
            "\"\\\"\"", "12345678901234567", "1234567890123456", "0", "9.", "2E",
            "\"\(String(repeating: "x", count: 60))",
        ]
        var whole = 0
        for _ in 0..<Effort.of(60_000) {
            let text = (0...(random.next() % 7)).map { _ in parts[Int(random.next() % UInt64(parts.count))] }.joined()
            let bytes = Array(text.utf8)
            var cursor = JSONCursor()
            var isRead = false
            do throws(JSONError) {
                try cursor.skip(bytes.span)
                try cursor.finish(bytes.span)
                isRead = true
            } catch {}
            #expect(isRead == ((try? PlainJSON(bytes)) != nil), "\(text)")
            if isRead { whole += 1 }
        }
        #expect(whole > Effort.of(1_000))
    }
}
