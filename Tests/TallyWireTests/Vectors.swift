import TallyModel
import VectorFiles

@testable import TallyWire

extension Vectors {
    static func id(_ hex: String) throws -> Bytes16 {
        let bytes = try bytes(hex)
        guard bytes.count == 16 else { throw Missing(description: "no 16 bytes: \(hex)") }
        return Bytes16(bytes)
    }
}

/// A value of a row or of a frame's field.
enum VectorValue: Decodable, Hashable {
    case number(UInt64)
    case text(String)
    case list([VectorValue])
    case fields([String: VectorValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(UInt64.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let list = try? container.decode([VectorValue].self) {
            self = .list(list)
        } else {
            self = .fields(try container.decode([String: VectorValue].self))
        }
    }

    func number() throws -> UInt64 {
        guard case .number(let value) = self else { throw Vectors.Missing(description: "no number: \(self)") }
        return value
    }

    func text() throws -> String {
        guard case .text(let value) = self else { throw Vectors.Missing(description: "no text: \(self)") }
        return value
    }
}

/// A row of a case as an event; columns at their default are left out.
extension Event {
    init(vector row: [String: VectorValue]) throws {
        func number(_ column: ColumnID) throws -> UInt64? { try row[column.name]?.number() }
        func word(_ column: ColumnID) throws -> UInt32 { UInt32(truncatingIfNeeded: try number(column) ?? 0) }
        func name<Value: Vocabulary>(_ column: ColumnID, _ absent: Value) throws -> Value {
            guard let value = row[column.name] else { return absent }
            guard let found = Value(name: try value.text()) else {
                throw Vectors.Missing(description: "no \(column.name): \(value)")
            }
            return found
        }
        guard let text = try row["session"]?.text(), let session = SessionID(try Vectors.id(text)) else {
            throw Vectors.Missing(description: "a row without a session")
        }
        self.init(
            kind: try name(.kind, .usage), timeMs: Int64(try number(.timeMs) ?? 0), session: session,
            agent: try name(.agent, .other))
        project = try row["project"].flatMap { ProjectID(try Vectors.id(try $0.text())) }
        model = try row["model"].flatMap { Label(try $0.text()) }
        origin = try name(.origin, .unknown)
        speed = try name(.speed, .unknown)
        tier = try name(.tier, .unknown)
        region = try name(.region, .unknown)
        outcome = try name(.outcome, .unknown)
        billing = try name(.billing, .unknown)
        if row["state"] != nil { state = try name(.state, .idle) }
        inputTokens = try word(.inputTokens)
        cacheReadTokens = try word(.cacheReadTokens)
        cacheWrite5mTokens = try word(.cacheWrite5mTokens)
        cacheWrite1hTokens = try word(.cacheWrite1hTokens)
        cacheWriteUnknownTokens = try word(.cacheWriteUnknownTokens)
        outputTokens = try word(.outputTokens)
        reasoningTokens = try word(.reasoningTokens)
        webSearches = UInt16(try number(.webSearches) ?? 0)
        toolCalls = UInt16(try number(.toolCalls) ?? 0)
        durationMs = try number(.durationMs).map { UInt32($0) }
        contextTokens = try number(.contextTokens).map { UInt32($0) }
        reportedCostNanoUSD = try number(.reportedCostNanoUSD)
    }

    /// The row as a case writes it.
    var vector: [String: VectorValue] {
        var row: [String: VectorValue] = [
            "session": .text(hexText(session.value.bytes)), "time_ms": .number(UInt64(timeMs)),
        ]
        func put(_ column: ColumnID, _ value: UInt64?) { if let value { row[column.name] = .number(value) } }
        func put(_ column: ColumnID, count: some BinaryInteger) { if count != 0 { put(column, UInt64(count)) } }
        func put(_ column: ColumnID, _ value: some Vocabulary) {
            if value.rawValue != 0 { row[column.name] = .text(value.name) }
        }
        put(.kind, kind)
        put(.agent, agent)
        put(.origin, origin)
        put(.speed, speed)
        put(.tier, tier)
        put(.region, region)
        put(.outcome, outcome)
        put(.billing, billing)
        if let state { put(.state, state) }
        if let project { row["project"] = .text(hexText(project.value.bytes)) }
        if let model { row["model"] = .text(model.text) }
        for (column, value) in [
            (ColumnID.inputTokens, inputTokens), (.cacheReadTokens, cacheReadTokens),
            (.cacheWrite5mTokens, cacheWrite5mTokens), (.cacheWrite1hTokens, cacheWrite1hTokens),
            (.cacheWriteUnknownTokens, cacheWriteUnknownTokens), (.outputTokens, outputTokens),
            (.reasoningTokens, reasoningTokens), (.webSearches, UInt32(webSearches)), (.toolCalls, UInt32(toolCalls)),
        ] { put(column, count: value) }
        put(.durationMs, durationMs.map { UInt64($0) })
        put(.contextTokens, contextTokens.map { UInt64($0) })
        put(.reportedCostNanoUSD, reportedCostNanoUSD)
        return row
    }
}

func hexText(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

func hexText(_ word: UInt64) -> String {
    let text = String(word, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
}

extension RejectReason {
    /// The name in schema.json.
    var vectorName: String { snakeCase("\(self)") }
}

/// `fieldRange` as `FIELD_RANGE`.
func snakeCase(_ name: String) -> String {
    name.reduce(into: "") { text, letter in
        if letter.isUppercase { text.append("_") }
        text.append(letter.uppercased())
    }
}
