import TallyModel

@testable import TallyWorkstation

/// An export, described once and written in either encoding by rules of its own: the decoders' counterpart.
struct Export {
    enum Value {
        case text(String)
        case integer(Int64)
        case double(Double)
        /// What no decoder may look into.
        case list([String])
    }

    struct Record {
        var timeNanos: UInt64 = 1_775_815_201_000_000_000
        var body: String?
        var trace: [UInt8] = []
        var span: [UInt8] = []
        var attributes: [(String, Value)]
    }

    var signal = OTLPSignal.logs
    var service = "some-service"
    var scope = "some.scope"
    var records: [Record]

    func request(_ encoding: OTLPEncoding) -> OTLPRequest {
        OTLPRequest(signal, encoding, body: encoding == .json ? Array(json.utf8) : protobuf)
    }

    // MARK: JSON

    var json: String {
        let isLogs = signal == .logs
        let records = records.map { record in
            var parts = ["\"attributes\":[\(Self.json(record.attributes))]"]
            parts.append("\"\(isLogs ? "timeUnixNano" : "endTimeUnixNano")\":\"\(record.timeNanos)\"")
            if let body = record.body { parts.append("\"body\":{\"stringValue\":\(Self.quoted(body))}") }
            if !record.trace.isEmpty { parts.append("\"traceId\":\"\(Self.hex(record.trace))\"") }
            if !record.span.isEmpty { parts.append("\"spanId\":\"\(Self.hex(record.span))\"") }
            return "{\(parts.joined(separator: ","))}"
        }.joined(separator: ",")
        let resource = Self.json([("host.name", .text("SECRET")), ("service.name", .text(service))])
        let scoped =
            "{\"\(isLogs ? "logRecords" : "spans")\":[\(records)],\"scope\":{\"name\":\(Self.quoted(scope))}}"
        return "{\"\(isLogs ? "resourceLogs" : "resourceSpans")\":[{\"\(isLogs ? "scopeLogs" : "scopeSpans")\":"
            + "[\(scoped)],\"resource\":{\"attributes\":[\(resource)]}}]}"
    }

    private static func json(_ attributes: [(String, Value)]) -> String {
        attributes.map { key, value in
            let text =
                switch value {
                case .text(let text): "\"stringValue\":\(quoted(text))"
                case .integer(let number): "\"intValue\":\"\(number)\""
                case .double(let number): "\"doubleValue\":\(number)"
                case .list(let texts):
                    "\"arrayValue\":{\"values\":[\(texts.map { "{\"stringValue\":\(quoted($0))}" }.joined(separator: ","))]}"
                }
            return "{\"key\":\(quoted(key)),\"value\":{\(text)}}"
        }.joined(separator: ",")
    }

    private static func quoted(_ text: String) -> String {
        "\"" + text.unicodeScalars.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined() + "\""
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    // MARK: Protobuf

    var protobuf: [UInt8] {
        let isLogs = signal == .logs
        let records = records.flatMap { record -> [UInt8] in
            var bytes: [UInt8] = []
            for (key, value) in record.attributes {
                bytes += Self.field(isLogs ? 6 : 9, Self.pair(key, value))
            }
            bytes += Self.fixed64(isLogs ? 1 : 8, record.timeNanos)
            // A severity: of a kind that nothing else here has.
            bytes += Self.varint(2 << 3) + Self.varint(9)
            if let body = record.body { bytes += Self.field(5, Self.field(1, Array(body.utf8))) }
            if !record.trace.isEmpty { bytes += Self.field(isLogs ? 9 : 1, record.trace) }
            if !record.span.isEmpty { bytes += Self.field(isLogs ? 10 : 2, record.span) }
            return Self.field(2, bytes)
        }
        let resource =
            Self.field(1, Self.pair("host.name", .text("SECRET")))
            + Self.field(1, Self.pair("service.name", .text(service)))
        let scoped = records + Self.field(1, Self.field(1, Array(scope.utf8)))
        return Self.field(1, Self.field(2, scoped) + Self.field(1, resource))
    }

    private static func pair(_ key: String, _ value: Value) -> [UInt8] {
        let any: [UInt8] =
            switch value {
            case .text(let text): field(1, Array(text.utf8))
            case .integer(let number): varint(3 << 3) + varint(UInt64(bitPattern: number))
            case .double(let number): fixed64(4, number.bitPattern)
            case .list(let texts): field(5, texts.flatMap { field(1, field(1, Array($0.utf8))) })
            }
        return field(1, Array(key.utf8)) + field(2, any)
    }

    static func field(_ number: UInt64, _ bytes: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(UInt64(bytes.count)) + bytes
    }

    private static func fixed64(_ number: UInt64, _ word: UInt64) -> [UInt8] {
        varint(number << 3 | 1) + (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) }
    }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}

extension Export.Record {
    /// A call of Claude Code, with everything that it sends beside numbers.
    static func claude(
        request: String? = "req_1", session: String = "s1", input: Int64 = 10, output: Int64 = 5, read: Int64 = 0,
        write: Int64 = 0, cost: Export.Value = .double(0.0152606), nanos: UInt64 = 1_775_815_201_000_000_000,
        model: String = "claude-opus-4-5"
    ) -> Export.Record {
        var attributes: [(String, Export.Value)] = [
            ("event.name", .text("api_request")), ("session.id", .text(session)), ("user.email", .text("SECRET")),
            ("workspace.host_paths", .list(["SECRET", "/SECRET"])), ("prompt", .text("SECRET \\ \"quoted\"")),
            ("model", .text(model)), ("input_tokens", .integer(input)),
            ("output_tokens", .text("\(output)")), ("cache_read_tokens", .double(Double(read))),
            ("cache_creation_tokens", .integer(write)), ("cost_usd", cost), ("duration_ms", .integer(1_234)),
            ("speed", .text("standard")), ("query_source", .text("repl_main_thread")),
        ]
        if let request { attributes.append(("request_id", .text(request))) }
        return Export.Record(timeNanos: nanos, body: "claude_code.api_request", attributes: attributes)
    }

    /// A completed response of Codex: input, cached, output, reasoning.
    static func codex(
        _ counts: [Int64], session: String = "s1", nanos: UInt64 = 1_775_815_201_000_000_000
    ) -> Export.Record {
        Export.Record(
            timeNanos: nanos,
            attributes: [
                ("event.name", .text("codex.sse_event")), ("event.kind", .text("response.completed")),
                ("conversation.id", .text(session)), ("model", .text("gpt-5.2")),
                ("user.email", .text("SECRET")), ("input_token_count", .text("\(counts[0])")),
                ("cached_token_count", .integer(counts[1])), ("output_token_count", .text("\(counts[2])")),
                ("reasoning_token_count", .integer(counts[3])),
            ])
    }

    static func gemini(_ counts: [String: Int64], session: String = "s1") -> Export.Record {
        Export.Record(
            body: "API response from gemini-3.1-pro. SECRET",
            attributes: [
                ("event.name", .text("gemini_cli.api_response")), ("session.id", .text(session)),
                ("model", .text("gemini-3.1-pro")), ("response_text", .text("SECRET")),
            ] + counts.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })
    }

    static func span(_ attributes: [(String, Export.Value)], number: UInt8 = 1) -> Export.Record {
        Export.Record(
            trace: [UInt8](repeating: number, count: 16), span: [UInt8](repeating: number, count: 8),
            attributes: [("gen_ai.input.messages", .text("SECRET")), ("gen_ai.request.model", .text("GPT-5.2"))]
                + attributes)
    }
}
