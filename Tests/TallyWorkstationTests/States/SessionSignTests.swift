import TallyModel
import Testing

@testable import TallyWorkstation

@Suite("What a line tells of its session")
struct SessionSignTests {
    private struct Case: Sendable, CustomTestStringConvertible {
        let source: SourceKind
        let name: String
        let lines: [String]
        let sign: SessionSign.Kind
        var testDescription: String { "\(source.name): \(name)" }

        init(_ source: SourceKind, _ name: String, _ sign: SessionSign.Kind, _ lines: String...) {
            self.source = source
            self.name = name
            self.lines = lines
            self.sign = sign
        }
    }

    private static func claude(_ rest: String, type: String = "user") -> String {
        "{\"type\":\"\(type)\",\"timestamp\":\"2026-04-10T10:00:00Z\",\"sessionId\":\"s1\",\(rest)}"
    }
    private static func answer(_ stop: String, _ more: String = "") -> String {
        claude("\(more)\"message\":{\"role\":\"assistant\",\"stop_reason\":\(stop)}", type: "assistant")
    }
    private static let said = "\"message\":{\"role\":\"user\",\"content\":\"rate_limit 429 end_turn\"}"
    private static func codex(_ payload: String) -> String {
        "{\"timestamp\":\"2026-04-10T10:00:00Z\",\"type\":\"event_msg\",\"payload\":{\(payload)}}"
    }
    private static func gemini(_ rest: String) -> String {
        "{\"id\":\"m\",\"timestamp\":\"2026-04-10T10:00:00Z\",\(rest)}"
    }

    private static let claudeCases = [
        Case(.claude, "a prompt", .prompt, claude(said)),
        Case(.claude, "what the agent wrote itself", .none, claude("\"isMeta\":true,\(said)")),
        Case(.claude, "a summary after compaction", .none, claude("\"isCompactSummary\":true,\(said)")),
        Case(.claude, "a tool's result", .turn, claude("\"toolUseResult\":{\"error\":\"rate_limit\"},\(said)")),
        Case(.claude, "an interrupted turn", .turnEnd, claude("\"interruptedMessageId\":\"msg_1\",\(said)")),
        Case(.claude, "an answer that goes on", .turn, answer("null")),
        Case(.claude, "an answer that calls a tool", .turn, answer("\"tool_use\"")),
        Case(.claude, "a finished answer", .turnEnd, answer("\"end_turn\"")),
        Case(.claude, "a refusal", .turnEnd, answer("\"refusal\"")),
        Case(
            .claude, "a limit by its name", .limited,
            answer("\"stop_sequence\"", "\"isApiErrorMessage\":true,\"error\":\"rate_limit\",")),
        Case(
            .claude, "a limit by its status", .limited,
            answer("\"stop_sequence\"", "\"apiErrorStatus\":429,\"isApiErrorMessage\":true,")),
        Case(
            .claude, "another error", .turnEnd,
            answer("\"stop_sequence\"", "\"isApiErrorMessage\":true,\"error\":\"server_error\",\"apiErrorStatus\":529,")
        ),
        Case(
            .claude, "a turn's duration behind a limit", .limited,
            answer("\"stop_sequence\"", "\"isApiErrorMessage\":true,\"error\":\"rate_limit\","),
            claude("\"subtype\":\"turn_duration\"", type: "system")),
        Case(.claude, "a turn's duration", .turnEnd, claude("\"subtype\":\"turn_duration\"", type: "system")),
        Case(
            .claude, "a try again", .turn,
            claude("\"subtype\":\"api_error\",\"error\":{\"status\":529}", type: "system")),
        Case(.claude, "another system line", .none, claude("\"subtype\":\"away_summary\"", type: "system")),
        Case(.claude, "a sidechain", .none, claude("\"isSidechain\":true,\(said)")),
        Case(.claude, "a title", .none, claude("\"title\":\"x\"", type: "summary")),
    ]
    private static let otherCases = [
        Case(.codex, "a turn that begins", .turn, codex("\"type\":\"task_started\"")),
        Case(.codex, "a turn that begins, as later versions say", .turn, codex("\"type\":\"turn_started\"")),
        Case(.codex, "a finished turn", .turnEnd, codex("\"type\":\"task_complete\",\"last_agent_message\":\"x\"")),
        Case(.codex, "an aborted turn", .turnEnd, codex("\"type\":\"turn_aborted\",\"reason\":\"interrupted\"")),
        Case(
            .codex, "a turn that met the limit", .limited,
            codex(
                "\"type\":\"task_complete\",\"error\":{\"message\":\"x\",\"codex_error_info\":\"usage_limit_exceeded\"}"
            )),
        Case(
            .codex, "a turn that failed", .turnEnd,
            codex("\"type\":\"task_complete\",\"error\":{\"codex_error_info\":{\"http_connection_failed\":{}}}")),
        Case(.codex, "words of a person", .none, codex("\"type\":\"user_message\",\"message\":\"task_started\"")),
        Case(
            .codex, "a subagent's turn", .none,
            "{\"timestamp\":\"2026-04-10T10:00:00Z\",\"type\":\"session_meta\",\"payload\":{\"id\":\"c\","
                + "\"source\":{\"subagent\":\"review\"}}}", codex("\"type\":\"task_started\"")),
        Case(.gemini, "a prompt", .prompt, gemini("\"type\":\"user\",\"content\":\"x\"")),
        Case(.gemini, "an answer", .turnEnd, gemini("\"type\":\"gemini\",\"content\":\"x\"")),
        Case(.gemini, "an answer without calls", .turnEnd, gemini("\"type\":\"gemini\",\"toolCalls\":[ ]")),
        Case(.gemini, "an answer with calls", .turn, gemini("\"toolCalls\":[{\"id\":\"1\"}],\"type\":\"gemini\"")),
        Case(.gemini, "a word of the program", .none, gemini("\"type\":\"info\",\"content\":\"x\"")),
        Case(
            .gemini, "a list, by its last message", .turnEnd,
            "{\"$set\":{\"messages\":[\(gemini("\"type\":\"user\"")),\(gemini("\"type\":\"gemini\""))]}}"),
    ]

    @Test(
        "Each line tells what its metadata say, whatever words stand in its content",
        arguments: claudeCases + otherCases)
    private func sign(_ test: Case) throws {
        let hash = TestHash()
        var state = ParserState(session: hash.sessionID([1].span))
        var claude = ClaudeParser(hash: hash, projects: ProjectResolver(hash: hash, files: DiskFolders()))
        var codex = CodexParser(hash: hash, projects: ProjectResolver(hash: hash, files: DiskFolders()))
        var gemini = GeminiParser(hash: hash, files: DiskFolders())
        for line in test.lines {
            let bytes = Array(line.utf8)
            switch test.source {
            case .claude: _ = claude.parse(bytes.span, &state)
            case .codex: _ = codex.parse(bytes.span, &state)
            default:
                var record = gemini.begin(bytes.span, &state)
                while gemini.next(&record, bytes.span, &state) != nil {}
            }
        }
        #expect(state.sign.kind == test.sign)
        guard test.sign != .none else { return }
        #expect(state.sign.timeMs == 1_775_815_200_000)
        if test.source == .claude { #expect(state.sign.session == hash.sessionID(Array("s1".utf8).span)) }
    }

    @Test("What happens in an ignored folder tells nothing, also where the folder changes midway")
    func ignored() {
        let hash = TestHash()
        let projects = ProjectResolver(hash: hash, files: DiskFolders())
        let filter = FolderFilter(IgnoredFolders(["/left/out"]), files: DiskFolders())
        var claude = ClaudeParser(hash: hash, projects: projects, filter: filter)
        var codex = CodexParser(hash: hash, projects: projects, filter: filter)
        var state = ParserState(session: hash.sessionID([1].span))
        for (folder, sign) in [("/left/out/x", SessionSign.Kind.none), ("/else", .prompt), ("/left/out", .prompt)] {
            let line = Self.claude("\"cwd\":\"\(folder)\",\(Self.said)")
            _ = claude.parse(Array(line.utf8).span, &state)
            #expect(state.sign.kind == sign, "\(folder)")
        }
        let answer = Self.answer("\"end_turn\"", "\"cwd\":\"/left/out\",")
        _ = claude.parse(Array(answer.utf8).span, &state)
        #expect(state.sign.kind == .prompt, "the turn's end was in the ignored folder")
        var rollout = ParserState(session: hash.sessionID([2].span))
        let meta = #"{"type":"turn_context","payload":{"cwd":"/left/out"}}"#
        for line in [meta, Self.codex("\"type\":\"task_started\"")] { _ = codex.parse(Array(line.utf8).span, &rollout) }
        #expect(rollout.sign.kind == .none)
    }

    @Test("A sign's kind is kept with its file over a restart, and bytes of earlier programs have none")
    func kept() throws {
        for kind in SessionSign.Kind.allCases where kind.rawValue <= SessionSign.Kind.storedMax {
            var state = ParserState(session: TestHash().sessionID([1].span))
            state.timeMs = 5_000
            state.isMain = true
            state.note(kind)
            var writer = DeltaWriter()
            writer.put(state)
            var reader = DeltaReader()
            let again = try reader.parser(writer.bytes.span)
            #expect(again.isMain && !again.isNamed && again.sign.kind == kind)
            #expect(again.sign.timeMs == (kind == .none ? 0 : 5_000))
        }
    }

    @Test("Telemetry tells of prompts, tools and limits, with the session that transcripts name")
    func telemetry() throws {
        func batch(_ event: String, _ more: [(String, Export.Value)] = []) throws -> OTLPBatch {
            let record = Export.Record(
                body: event,
                attributes: [
                    ("session.id", .text("s1")), ("conversation.id", .text("c1")), ("prompt", .text("SECRET")),
                ]
                    + more)
            let export = Export(records: [record])
            let json = try OTLPDecoder(hash: TestHash()).decode(export.request(.json))
            #expect(json == (try OTLPDecoder(hash: TestHash()).decode(export.request(.protobuf))))
            return json
        }
        let cases: [(event: String, status: Export.Value?, kind: SessionSign.Kind?, id: String)] = [
            ("claude_code.user_prompt", nil, .prompt, "s1"), ("claude_code.tool_result", nil, .turn, "s1"),
            ("claude_code.api_error", .text("429"), .limited, "s1"),
            ("claude_code.api_error", .integer(429), .limited, "s1"),
            ("claude_code.api_error", .integer(529), nil, "s1"), ("claude_code.api_error", nil, nil, "s1"),
            ("codex.user_prompt", nil, .prompt, "c1"), ("codex.tool_result", nil, .turn, "c1"),
            ("gemini_cli.user_prompt", nil, .prompt, "s1"), ("gemini_cli.tool_call", nil, .turn, "s1"),
            ("gemini_cli.config", nil, nil, "s1"),
        ]
        for test in cases {
            let found = try batch(test.event, test.status.map { [("status_code", $0)] } ?? [])
            #expect(found.signs.first?.kind == test.kind, "\(test.event)")
            #expect(found.calls.isEmpty && found.skipped == 0)
            if test.kind != nil {
                #expect(found.signs.first?.session == TestHash().sessionID(Array(test.id.utf8).span))
            }
        }
    }
}
