import Foundation
import TallyGenerator
import TallyModel
import Testing

@Suite("The generator")
struct GeneratorTests {
    /// 2026-11-20T00:00:00Z
    static let endMs: Int64 = 1_795_132_800_000

    static func home(seed: UInt64, calls: Int, hasAllTraps: Bool = false) -> GeneratedHome {
        var options = GeneratorOptions(endMs: endMs)
        options.calls = calls
        options.hasAllTraps = hasAllTraps
        return Generator(seed: seed, options: options).home()
    }

    private static func content(_ home: GeneratedHome) -> [String: [UInt8]] {
        home.files.reduce(into: [:]) { table, file in
            switch file.content {
            case .bytes(let bytes): table[file.path] = bytes
            case .link(let target): table[file.path] = Array(target.utf8)
            }
        }
    }

    @Test("The same seed gives the same bytes", arguments: [1, 77] as [UInt64])
    func determinism(seed: UInt64) {
        let (left, right) = (Self.home(seed: seed, calls: 400), Self.home(seed: seed, calls: 400))
        #expect(Self.content(left) == Self.content(right))
        #expect(left.truth.json(seed: seed) == right.truth.json(seed: seed))
        #expect(left.events == right.events)
    }

    @Test("Another seed gives other totals and other files")
    func otherSeed() {
        let (left, right) = (Self.home(seed: 1, calls: 200), Self.home(seed: 2, calls: 200))
        #expect(left.truth.totals.inputTokens != right.truth.totals.inputTokens)
        #expect(left.truth.totals.cost != right.truth.totals.cost)
        #expect(Set(left.files.map(\.path)).isDisjoint(with: right.files.map(\.path)))
    }

    @Test("By default there are 6,000 calls of all agents, several models, many days and subagents")
    func defaults() {
        let home = Generator(seed: 9, options: GeneratorOptions(endMs: Self.endMs)).home()
        #expect(home.truth.totals.events == 6_000)
        #expect(home.events.count == 6_000)
        #expect(Set(home.events.map(\.agent)) == [.claudeCode, .codex, .geminiCLI])
        #expect(home.truth.models.count >= 8)
        #expect(home.truth.days.count >= 15)
        #expect(home.truth.totals.unpricedEvents > 0)
        #expect(home.truth.totals.webSearches > 0)
        #expect(home.truth.totals.reportedCostNanoUSD > 0)
        let paths = home.files.map(\.path)
        #expect(paths.contains { $0.contains("/subagents/") })
        #expect(paths.contains { $0.contains("/archived_sessions/") })
        #expect(Set(paths).count == paths.count)
        #expect((5 << 20..<64 << 20).contains(home.bytes))
    }

    @Test("Every event is valid, dated before the end and within the days", arguments: [3, 4, 5] as [UInt64])
    func events(seed: UInt64) {
        let home = Self.home(seed: seed, calls: 500)
        let startMs = Self.endMs - 30 * UTCText.dayMs
        for event in home.events {
            #expect(EventRules.violation(event) == nil)
            #expect((startMs..<Self.endMs).contains(event.timeMs))
        }
    }

    @Test("The truth's rows and days each sum to its totals", arguments: [1, 2, 3] as [UInt64])
    func sums(seed: UInt64) {
        let truth = Self.home(seed: seed, calls: 300).truth
        for table in [truth.models, truth.days] {
            #expect(table.values.reduce(into: RollupCounts()) { $0 += $1 } == truth.totals)
        }
    }

    @Test("Every canary stands in exactly the transcripts, and never in the truth")
    func canaries() {
        let home = Self.home(seed: 6, calls: 200)
        #expect(Set(home.canaries).count == home.canaries.count)
        let all = home.files.map { file in
            if case .bytes(let bytes) = file.content { String(decoding: bytes, as: UTF8.self) } else { "" }
        }.joined()
        #expect(home.canaries.allSatisfy { all.contains($0) })
        #expect(!String(decoding: home.truth.json(seed: 6), as: UTF8.self).contains("CANARY"))
        #expect(home.files.allSatisfy { !$0.path.contains("CANARY") })
    }

    @Test("Every pitfall is there: a generator without traps would prove nothing")
    func pitfalls() {
        let home = Generator(seed: 15, options: GeneratorOptions(endMs: Self.endMs)).home()
        let texts = home.files.compactMap { file in
            if case .bytes(let bytes) = file.content { String(decoding: bytes, as: UTF8.self) } else { nil }
        }
        let marks = [
            "<synthetic>", "[1m]", "Claude-Opus", "acme-proxy-large", "compact_boundary", "\"type\":\"summary\"",
            "\"isSidechain\":true", "\0\0", "no json", "\"forked_from_id\"", "thread_spawn", "\"info\":null",
            "\"output_tokens\":0,\"reasoning_output_tokens\":0,\"total_tokens\":11873", "costUSD",
            "\"speed\":\"fast\"", "\"inference_geo\":\"us\"", "thread_settings_applied", "\"type\":\"compacted\"",
            "\"$set\":{\"messages\":[{", "\"$rewindTo\"", "\"tokens\":null", "\"kind\":\"subagent\"", "\"messages\": [",
        ]
        for mark in marks { #expect(texts.contains { $0.contains(mark) }, "\(mark) is missing") }
        #expect(texts.contains { !$0.hasSuffix("\n") }, "no file ends in a broken line")
        #expect(home.files.contains { if case .link = $0.content { true } else { false } }, "no link")
    }

    @Test("With all traps there are models that are no name, and calls behind foreign bytes")
    func traps() {
        let home = Self.home(seed: 3, calls: 6_000, hasAllTraps: true)
        #expect(home.truth.totals.events == 6_000)
        let all = home.files.compactMap { if case .bytes(let bytes) = $0.content { Data(bytes) } else { nil } }
        for mark in ["\"model\":\"__proto__\"", "My Model (beta)", "\0{\"parentUuid\"", "\0{\"timestamp\""] {
            #expect(all.contains { $0.range(of: Data(mark.utf8)) != nil }, "\(mark) is missing")
        }
        #expect(home.truth.models["unlisted"] != nil && home.truth.models["__proto__"] == nil)
    }

    @Test("Births name every file once, and a fork after what it was forked from")
    func births() {
        let home = Self.home(seed: 5, calls: 1_500)
        #expect(home.births.sorted() == home.files.map(\.path))
        var texts: [String: String] = [:]
        for file in home.files {
            if case .bytes(let bytes) = file.content { texts[file.path] = String(decoding: bytes, as: UTF8.self) }
        }
        var born: Set<Substring> = []
        var forks = 0
        for path in home.births where path.hasPrefix("codex/") {
            let links = (texts[path] ?? "").split(separator: "\"forked_from_id\":\"").dropFirst().first?.prefix(36)
            if let links {
                forks += 1
                #expect(born.contains(links))
            }
            born.insert(path.dropLast(".jsonl".count).suffix(36))
        }
        #expect(forks > 1)
    }

    @Test("Counting lines is far off: streaming, replays and re-emits are there to be seen through")
    func naiveCount() {
        let home = Self.home(seed: 4, calls: 2_000)
        var lines: [Agent: Int] = [:]
        for file in home.files {
            guard case .bytes(let bytes) = file.content else { continue }
            for line in bytes.split(separator: UInt8(ascii: "\n")) {
                let text = String(decoding: line, as: UTF8.self)
                if text.contains("\"stop_reason\":") { lines[.claudeCode, default: 0] += 1 }
                if text.contains("\"type\":\"token_count\",\"info\":{") { lines[.codex, default: 0] += 1 }
            }
        }
        for agent in [Agent.claudeCode, .codex] {
            let events = home.events.count { $0.agent == agent }
            #expect(lines[agent, default: 0] > events * 3 / 2, "\(agent.name): \(events) events")
        }
    }

    @Test(
        "Instants are written as the calendar has them",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z", 3), (951_782_400_123, "2000-02-29T00:00:00.123Z", 1),
            (1_709_164_799_999, "2024-02-28T23:59:59.999Z", 2), (endMs, "2026-11-20T00:00:00.000Z", 4),
            (-1, "1969-12-31T23:59:59.999Z", 2),
        ] as [(Int64, String, Int)])
    func instants(timeMs: Int64, text: String, weekday: Int) {
        #expect(UTCText(timeMs: timeMs).instant == text)
        #expect(UTCText.weekday(timeMs) == weekday)
    }

    @Test("Money is exact: the case that the vendor itself reported")
    func money() throws {
        let session = try #require(SessionID(Bytes16(high: 1, low: 1)))
        var event = Event(
            timeMs: Self.endMs, session: session, agent: .claudeCode, model: Label("claude-haiku-4-5-20251001"))
        (event.inputTokens, event.outputTokens, event.cacheReadTokens) = (10, 41, 17_536)
        event.cacheWrite1hTokens = 6_646
        #expect(PriceList().cost(of: event)?.nanoUSDRounded == 15_260_600)
        event.region = .us
        #expect(PriceList().cost(of: event)?.nanoUSDRounded == 16_786_660)
        event.speed = .fast
        #expect(PriceList().cost(of: event) == nil)
    }
}
