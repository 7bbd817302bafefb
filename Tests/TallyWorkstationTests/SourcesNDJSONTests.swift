import TallyModel
import Testing

@testable import TallyWorkstation

@Suite("Standard input takes the schema's fields and nothing else")
struct SourcesNDJSONTests {
    private static let good = #""time_ms":1775815201000,"session":"s","agent":"other","model":"GPT-X","input_tokens":7"#

    private func parse(_ lines: [String]) -> (Counter, [NDJSONError]) {
        var parser = NDJSONParser(hash: TestHash())
        var counter = Counter()
        var errors: [NDJSONError] = []
        for line in lines {
            do throws(NDJSONError) {
                if let result = try parser.parse(Array(line.utf8).span) { counter.take(result) }
            } catch {
                errors.append(error)
            }
        }
        return (counter, errors)
    }

    @Test("Every field of the schema is read by its name")
    func allFields() throws {
        let line =
            "{\(Self.good),"
                + #"""
                "kind":"usage","project":"p","origin":"subagent","speed":"fast","tier":"flex","region":"us","outcome":"ok",
                "cache_read_tokens":1,"cache_write_5m_tokens":2,"cache_write_1h_tokens":3,"cache_write_unknown_tokens":4,
                "output_tokens":9,"reasoning_tokens":5,"web_searches":6,"tool_calls":8,"duration_ms":10,
                "reported_cost_nano_usd":11,"billing":"api"}
                """#.replacing("\n", with: " ")
        var (counter, errors) = parse([line, "  ", ""])
        #expect(errors.isEmpty)
        let event = try #require(counter.drain().events.first)
        #expect(event.promptTokens == 17 && event.outputTokens == 9 && event.model?.text == "gpt-x")
        #expect(EventRules.present(event).rawValue.nonzeroBitCount == 21)
    }

    @Test("A bad line is named by its number and field, never by its value, and the good ones count")
    func badLines() {
        let cases: [(String, String)] = [
            ("{\"secret\":1}", "unknown field"), ("{\(Self.good),\"prompt\":\"hello\"}", "unknown field"),
            ("{\(Self.good),\"content\":null}", "unknown field"), ("hello", "not a JSON object"),
            ("{\(Self.good)", "not a JSON object"), ("{}", "time_ms: missing"),
            ("{\"time_ms\":5,\"session\":\"s\"}", "agent: missing"),
            ("{\"time_ms\":5,\"session\":\"s\",\"agent\":\"other\"}", "model: missing"),
            ("{\(Self.good),\"agent\":\"other\"}", "agent: given twice"),
            ("{\(Self.good),\"output_tokens\":\"hello\"}", "output_tokens: wrong type or unknown word"),
            ("{\(Self.good),\"output_tokens\":-1}", "output_tokens: wrong type or unknown word"),
            ("{\(Self.good),\"output_tokens\":1000000001}", "output_tokens: out of range"),
            ("{\(Self.good),\"output_tokens\":99999999999999999999999}", "output_tokens: out of range"),
            ("{\(Self.good),\"speed\":\"hello\"}", "speed: wrong type or unknown word"),
            ("{\(Self.good),\"state\":\"idle\"}", "state: not allowed for this kind"),
            ("{\(Self.good),\"reasoning_tokens\":1}", "reasoning_tokens: out of range"),
            ("{\(Self.good),\"id\":\"\"}", "id: must be a string of 1 to 256 bytes, given once"),
            (
                "{\(Self.good),\"id\":\"\(String(repeating: "i", count: 257))\"}",
                "id: must be a string of 1 to 256 bytes, given once"
            ),
        ]
        let (counter, errors) = parse(cases.map(\.0) + ["{\(Self.good)}"])
        #expect(errors.map(\.description) == cases.enumerated().map { "line \($0 + 1): \($1.1)" })
        #expect(counter.events.count == 1)
    }

    @Test("The same id counts once, even after a restart; lines without an id count each time")
    func ids() throws {
        let line = "{\(Self.good),\"id\":\"\(String(repeating: "i", count: 256))\"}"
        var (counter, _) = parse([line, line, "{\(Self.good)}", "{\(Self.good)}"])
        let drained = counter.drain()
        #expect(drained.events.count == 3)
        var again = Counter()
        try again.apply(drained.delta.span)
        var parser = NDJSONParser(hash: TestHash())
        if let result = try parser.parse(Array(line.utf8).span) { again.take(result) }
        #expect(again.events.isEmpty)
        #expect(again.tally(of: .ndjson)[.duplicate] == 2)
    }

    @Test("A UUID project stays as it is; another string is hashed")
    func projects() throws {
        var (counter, _) = parse([
            "{\(Self.good),\"project\":\"6f9619ff-8b86-d011-b42d-00c04fc964ff\"}",
            "{\(Self.good),\"project\":\"name\"}",
        ])
        let texts = counter.drain().events.compactMap { $0.project?.value.uuidText }
        #expect(texts.first == "6f9619ff-8b86-d011-b42d-00c04fc964ff")
        #expect(texts.count == 2)
    }
}
