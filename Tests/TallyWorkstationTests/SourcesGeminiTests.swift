import TallyModel
import Testing

@testable import TallyWorkstation

@Suite("Gemini's chats become facts or typed refusals")
struct SourcesGeminiTests {
    private static let session = TestHash().sessionID(Array("file".utf8).span)

    private static func read(_ text: [UInt8], _ state: inout ParserState) -> [LineResult] {
        var parser = GeminiParser(hash: TestHash(), files: DiskFolders())
        var record = parser.begin(text.span, &state)
        var results: [LineResult] = []
        while results.count <= text.count, let result = parser.next(&record, text.span, &state) {
            results.append(result)
        }
        return results
    }

    private static func read(_ text: String) -> [LineResult] {
        var state = ParserState(session: session)
        return read(Array(text.utf8), &state)
    }

    private static func facts(_ results: [LineResult]) -> [RequestFact] {
        results.compactMap { if case .fact(.request(let fact)) = $0 { fact } else { nil } }
    }

    private static func skips(_ results: [LineResult]) -> [SkipReason] {
        results.compactMap { if case .skipped(let reason) = $0 { reason } else { nil } }
    }

    struct Case: Sendable {
        let name: String
        /// input, output, cached, thoughts, tool, total
        let tokens: [Int]
        /// input, cache read, output, reasoning
        let counts: [UInt32]
    }

    @Test(
        "Input holds the cached part and not the tools', output not the thoughts, unless the total says otherwise",
        arguments: [
            Case(name: "as it is", tokens: [15_327, 23, 11_000, 919, 7, 16_276], counts: [4_334, 11_000, 942, 919]),
            Case(name: "no total", tokens: [15_327, 23, 11_000, 919, 7], counts: [4_334, 11_000, 942, 919]),
            Case(name: "thoughts within output", tokens: [5, 9, 0, 4, 0, 14], counts: [5, 0, 9, 4]),
            Case(name: "tools within input", tokens: [5, 1, 2, 0, 3, 6], counts: [3, 2, 1, 0]),
            Case(name: "cached beside input", tokens: [5, 1, 2, 0, 0, 8], counts: [5, 2, 1, 0]),
            Case(name: "a total that nothing explains", tokens: [5, 1, 2, 3, 4, 999], counts: [7, 2, 4, 3]),
            Case(name: "more cached than there was", tokens: [5, 1, 50, 0, 0, 6], counts: [0, 5, 1, 0]),
            Case(name: "more thoughts than output holds", tokens: [5, 1, 0, 3, 0, 6], counts: [5, 0, 4, 3]),
        ])
    func tokens(_ test: Case) throws {
        let fact = try #require(Self.facts(Self.read(Chat.answer("a", test.tokens))).first)
        let counts = fact.counts
        #expect([counts.input, counts.cacheRead, counts.output, counts.reasoning] == test.counts, "\(test.name)")
        #expect(counts.cacheWrite == 0)
    }

    @Test("Numbers that are none, or too large, refuse a message and only it")
    func badNumbers() {
        let most = Int(Limits.tokensMax)
        for bad in [[-1, 2], [most + 1, 2], [5, most, 0, 1], [most, 0, 0, 0, 1]] {
            let document = Chat.document([Chat.answer("a", bad), Chat.answer("b")])
            let results = Self.read(document)
            #expect(Self.skips(results) == [.badNumber], "\(bad)")
            #expect(Self.facts(results).count == 1, "\(bad)")
            #expect(Self.skips(Self.read(Chat.answer("a", bad))) == [.badNumber], "\(bad)")
        }
        #expect(Self.skips(Self.read(Chat.answer("a", [0, 0, 0, 0, 0, 9]))) == [.empty])
        #expect(Self.skips(Self.read(Chat.answer("a", time: "yesterday"))) == [.noTime])
        #expect(Self.facts(Self.read(Chat.answer("a", nil))).isEmpty)
    }

    @Test("The head gives session, project and origin to lines behind it, in a document wherever it stands")
    func heads() throws {
        var state = ParserState(session: Self.session)
        #expect(Self.facts(Self.read(Array(Chat.head(kind: "subagent").utf8), &state)).isEmpty)
        let line = try #require(Self.facts(Self.read(Array(Chat.answer("a").utf8), &state)).first)
        #expect(line.session.value.uuidText == Chat.session)
        #expect(line.project == TestHash().projectID(Array(Chat.folderHash.utf8).span))
        #expect(line.origin == .subagent && line.agent == .geminiCLI && line.model.text == "gemini-3.1-pro")
        #expect(line.timeMs == 1_775_815_201_000 && line.outcome == .unknown && !line.isFinal)
        let behind = "{\"messages\":[\(Chat.answer("a"))],\(Chat.head(kind: "main").dropFirst())"
        let late = try #require(Self.facts(Self.read(behind)).first)
        #expect(late.session == line.session && late.project == line.project && late.origin == .main)
        let unsaid = try #require(Self.facts(Self.read(Chat.document([Chat.answer("a")]))).first)
        #expect(unsaid.origin == .unknown && unsaid.key == line.key)
        let moved = "{\"$set\":{\"sessionId\":\"s2\"}}"
        _ = Self.read(Array(moved.utf8), &state)
        #expect(state.session == TestHash().sessionID(Array("s2".utf8).span))
    }

    @Test("A model is a label or unlisted, whatever it is called")
    func models() {
        for (model, label) in [
            ("__proto__", "unlisted"), ("Gemini-2.5-Pro", "gemini-2.5-pro"), ("a model", "unlisted"),
            (nil, "unlisted"),
        ] as [(String?, String)] {
            #expect(Self.facts(Self.read(Chat.answer("a", model: model))).map(\.model.text) == [label])
        }
    }

    @Test("A message without id is known by session and time, and never taken for another vendor's")
    func keys() {
        let nameless = Chat.answer("a").replacing("\"id\":\"a\",", with: "")
        let first = Self.facts(Self.read(nameless)).map(\.key)
        #expect(first.count == 1 && first == Self.facts(Self.read(nameless)).map(\.key))
        let later = nameless.replacing("10:00:01", with: "10:00:02")
        #expect(first != Self.facts(Self.read(later)).map(\.key))
        #expect(TestHash().word(.message, [97].span) != Self.facts(Self.read(Chat.answer("a"))).first?.key.message)
    }

    @Test("A document that breaks off anywhere gives the messages before the break, and tells the break once")
    func cuts() {
        let messages = [Chat.question("q"), Chat.answer("a"), Chat.answer("b", nil), Chat.answer("c", [7, 1])]
        let text = Array(Chat.document(messages, kind: "main").utf8)
        let whole = Self.facts(Self.read(String(decoding: text, as: UTF8.self)))
        #expect(whole.count == 2)
        var seen: Set<Int> = []
        for length in 0..<text.count {
            var state = ParserState(session: Self.session)
            let results = Self.read(Array(text.prefix(length)), &state)
            let facts = Self.facts(results)
            #expect(facts.map(\.key) == whole.prefix(facts.count).map(\.key) && Self.skips(results).count == 1)
            seen.insert(facts.count)
            // The place of the break may hold anything: what was not written yet is zeros after a crash.
            var zeros = ParserState(session: Self.session)
            let padded = Array(text.prefix(length)) + [0, 0, 0]
            #expect(Self.facts(Self.read(padded, &zeros)).count == facts.count)
        }
        #expect(seen == [0, 1, 2])
    }

    @Test("Any flipped byte of a line or a document gives results, never a trap")
    func flips() {
        for text in [
            Chat.answer("a", [9, 4, 2, 1, 1, 15]), "{\"$set\":{\"messages\":[\(Chat.answer("b"))]}}",
            Chat.document([Chat.answer("c")]),
        ] {
            let bytes = Array(text.utf8)
            for index in bytes.indices {
                for value in [UInt8(0), 0x22, 0x5C, 0x7B, 0x7D, 0x5D, 0x39, 0xFF] {
                    var broken = bytes
                    broken[index] = value
                    var state = ParserState(session: Self.session)
                    #expect(Self.facts(Self.read(broken, &state)).count <= 1)
                }
            }
        }
    }
}
