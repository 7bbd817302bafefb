/// A second, slower reader of exports in protobuf, which writes what the product may use of them as JSON: times, ids,
/// names of agents and events, attributes that are known. All else becomes a word of its own or goes away, so equal
/// facts of both mean that nothing else was used.
///
/// Written from opentelemetry-proto, not from the product. What is a message and what is not is decided as deep as
/// somebody must look: values of attributes that nobody knows are never opened.
struct OTLPRewriter {
    private struct Damaged: Error {}

    /// Field of a message: a number (kinds 0, 1, 5) or bytes (kind 2).
    private struct Field {
        let number: UInt64
        let kind: UInt64
        let word: UInt64
        let bytes: ArraySlice<UInt8>
    }

    /// Of an attribute or a body.
    private enum Value {
        case text(ArraySlice<UInt8>)
        case integer(Int64)
        case double(UInt64)
        case other
    }

    private static let known: Set<String> = [
        "event.name", "event.kind", "event.timestamp", "session.id", "conversation.id", "model", "request_id",
        "cost_usd", "cost_usd_micros", "duration_ms", "input_tokens", "output_tokens", "cache_read_tokens",
        "cache_creation_tokens", "speed", "query_source", "input_token_count", "output_token_count",
        "cached_token_count", "reasoning_token_count", "cached_content_token_count", "thoughts_token_count",
        "tool_token_count", "total_token_count", "gen_ai.operation.name", "gen_ai.conversation.id",
        "gen_ai.request.model", "gen_ai.response.model", "gen_ai.response.id", "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens", "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.reasoning.output_tokens",
    ]
    private static let events: Set<String> = [
        "claude_code.api_request", "codex.sse_event", "gemini_cli.api_response",
    ]

    let isLogs: Bool

    /// The export in JSON, or nil where it is no protobuf.
    func json(_ body: [UInt8]) -> [UInt8]? {
        do {
            let resources = try messages(1, body[...]).map { try resource($0) }
            return object([(isLogs ? "resourceLogs" : "resourceSpans", array(resources))])
        } catch {
            return nil
        }
    }

    private func resource(_ bytes: ArraySlice<UInt8>) throws -> [UInt8] {
        let scopes = try messages(2, bytes).map { try scope($0) }
        var members = [(isLogs ? "scopeLogs" : "scopeSpans", array(scopes))]
        // Behind what it speaks of, as it may stand.
        for resource in try messages(1, bytes) {
            let attributes = try messages(1, resource).map { bytes in
                try attribute(bytes, isKnown: { $0 == "service.name" })
            }
            members.append(("resource", object([("attributes", array(attributes))])))
        }
        return object(members)
    }

    private func scope(_ bytes: ArraySlice<UInt8>) throws -> [UInt8] {
        let records = try messages(2, bytes).map { try record($0) }
        var members = [(isLogs ? "logRecords" : "spans", array(records))]
        for scope in try messages(1, bytes) {
            members.append(("scope", object(try messages(1, scope).map { ("name", text($0)) })))
        }
        return object(members)
    }

    private func record(_ bytes: ArraySlice<UInt8>) throws -> [UInt8] {
        var members: [(String, [UInt8])] = []
        var attributes: [[UInt8]] = []
        for field in try fields(bytes) {
            switch (field.number, isLogs) {
            case (1, true): members.append(("timeUnixNano", nanos(field)))
            case (11, true): members.append(("observedTimeUnixNano", nanos(field)))
            case (8, false): members.append(("endTimeUnixNano", nanos(field)))
            case (5, true):
                if case .text(let name) = field.kind == 2 ? try value(field.bytes) : .other {
                    members.append(("body", object([("stringValue", event(name))])))
                }
            case (12, true): if field.kind == 2 { members.append(("eventName", event(field.bytes))) }
            case (9, true), (1, false): members.append(("traceId", hex(field)))
            case (10, true), (2, false): members.append(("spanId", hex(field)))
            case (6, true), (9, false):
                guard field.kind == 2 else { throw Damaged() }
                attributes.append(try attribute(field.bytes, isKnown: Self.known.contains))
            default: break
            }
        }
        return object(members + [("attributes", array(attributes))])
    }

    private func attribute(_ bytes: ArraySlice<UInt8>, isKnown: (String) -> Bool) throws -> [UInt8] {
        var (key, content): (ArraySlice<UInt8>?, ArraySlice<UInt8>?) = (nil, nil)
        for field in try fields(bytes) {
            if field.number == 1 { key = field.kind == 2 ? field.bytes : nil }
            if field.number == 2 { content = field.kind == 2 ? field.bytes : nil }
        }
        // A name is ASCII; other bytes make none that is known.
        guard let key, isKnown(String(decoding: key, as: UTF8.self)) else {
            return Array(#"{"key":"k","value":{"stringValue":"claude_code.api_request"}}"#.utf8)
        }
        let value = try content.map { try self.value($0) } ?? .other
        // The first letter as an escape: JSON says a name in many ways.
        let name = Array("\"\\u00\(Self.hex(key.prefix(1)))".utf8) + text(key.dropFirst()).dropFirst()
        return object([("key", name), ("value", any(value))])
    }

    private func value(_ bytes: ArraySlice<UInt8>) throws -> Value {
        var value = Value.other
        for field in try fields(bytes) {
            switch (field.number, field.kind) {
            case (1, 2): value = .text(field.bytes)
            case (3, 0): value = .integer(Int64(bitPattern: field.word))
            case (4, 1): value = .double(field.word)
            default: value = .other
            }
        }
        return value
    }

    // MARK: Protobuf

    private func messages(_ number: UInt64, _ bytes: ArraySlice<UInt8>) throws -> [ArraySlice<UInt8>] {
        try fields(bytes).filter { $0.number == number }.map { field in
            guard field.kind == 2 else { throw Damaged() }
            return field.bytes
        }
    }

    private func fields(_ bytes: ArraySlice<UInt8>) throws -> [Field] {
        var rest = bytes
        var fields: [Field] = []
        while !rest.isEmpty {
            let key = try varint(&rest)
            let (number, kind) = (key / 8, key % 8)
            guard number > 0, number < 1 << 29 else { throw Damaged() }
            var word: UInt64 = 0
            var content: ArraySlice<UInt8> = []
            switch kind {
            case 0: word = try varint(&rest)
            case 1: word = try take(8, &rest).reversed().reduce(0) { $0 << 8 | UInt64($1) }
            case 2: content = try take(try varint(&rest), &rest)
            case 5: _ = try take(4, &rest)
            default: throw Damaged()
            }
            fields.append(Field(number: number, kind: kind, word: word, bytes: content))
        }
        return fields
    }

    private func take(_ count: UInt64, _ rest: inout ArraySlice<UInt8>) throws -> ArraySlice<UInt8> {
        guard count <= UInt64(rest.count) else { throw Damaged() }
        defer { rest = rest.dropFirst(Int(count)) }
        return rest.prefix(Int(count))
    }

    /// At most ten bytes, and a number of 64 bits.
    private func varint(_ rest: inout ArraySlice<UInt8>) throws -> UInt64 {
        let bytes = rest.prefix { $0 >= 0x80 }
        guard bytes.count < 10, let last = rest.dropFirst(bytes.count).first else { throw Damaged() }
        let value = bytes.reversed().reduce(UInt128(last)) { $0 << 7 | UInt128($1 & 0x7F) }
        rest = rest.dropFirst(bytes.count + 1)
        guard let value = UInt64(exactly: value) else { throw Damaged() }
        return value
    }

    // MARK: JSON

    private func nanos(_ field: Field) -> [UInt8] { number("\(field.kind == 1 ? field.word : 0)") }

    /// Whole numbers stand as text or as numbers.
    private func number(_ digits: String) -> [UInt8] {
        Array((digits.utf8.last ?? 0) % 2 == 0 ? digits.utf8 : "\"\(digits)\"".utf8)
    }

    /// A text that nobody knows is content.
    private func event(_ name: ArraySlice<UInt8>) -> [UInt8] {
        Self.events.contains(String(decoding: name, as: UTF8.self)) ? text(name) : Array("\"content\"".utf8)
    }

    private func hex(_ field: Field) -> [UInt8] {
        Array((field.kind == 2 ? "\"\(Self.hex(field.bytes))\"" : "null").utf8)
    }

    private static func hex(_ bytes: ArraySlice<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func any(_ value: Value) -> [UInt8] {
        switch value {
        case .text(let bytes): object([("stringValue", text(bytes))])
        case .integer(let value): object([("intValue", number("\(value)"))])
        case .double(let bits): object([("doubleValue", Array(Self.decimal(bits).utf8))])
        case .other: object([("arrayValue", object([("values", array([any(.integer(7))]))]))])
        }
    }

    /// Bytes as text: what JSON must escape is escaped, and what is no UTF-8 stays so.
    private func text(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var text: [UInt8] = [0x22]
        for byte in bytes {
            if byte < 0x20 || byte == 0x22 || byte == 0x5C {
                text += Array("\\u00\(Self.hex([byte]))".utf8)
            } else {
                text.append(byte)
            }
        }
        return text + [0x22]
    }

    private func object(_ members: [(String, [UInt8])]) -> [UInt8] {
        let parts = members.map { Array("\"\($0.0)\":".utf8) + $0.1 }
        return [0x7B] + Array(parts.joined(separator: [0x2C])) + [0x7D]
    }

    private func array(_ values: [[UInt8]]) -> [UInt8] {
        [0x5B] + Array(values.joined(separator: [0x2C])) + [0x5D]
    }

    /// A float as the exact decimal that it is. Where that is long, one that is as far beyond any bound: 10^30 above
    /// 2^70, 10^-20 below 2^-60.
    private static func decimal(_ bits: UInt64) -> String {
        let value = Double(bitPattern: bits)
        guard value.isFinite else { return "\"NaN\"" }
        let sign = value.sign == .minus ? "-" : ""
        guard value != 0 else { return sign + "0.0" }
        let size = value.magnitude
        guard size < 0x1p70 else { return sign + "1e30" }
        guard size >= 0x1p-60 else { return sign + "1e-20" }
        // 53 bits that begin at 2^-60 at least end above 2^-113.
        let whole = UInt128(size.rounded(.towardZero))
        var fraction = UInt128((size - size.rounded(.towardZero)) * 0x1p113)
        var digits = "\(sign)\(whole)."
        repeat {
            fraction *= 10
            digits += "\(fraction >> 113)"
            fraction &= 1 << 113 - 1
        } while fraction > 0
        return digits
    }
}
