package import TallyModel

/// What is wrong with a line of `tally send`. Names the field, never its value; an unknown field is not named
/// either, since its name could be content.
package enum NDJSONProblem: Error, Hashable, Sendable {
    case notJSON
    case lineTooLong
    case unknownField
    case missing(ColumnID)
    case forbidden(ColumnID)
    case outOfRange(ColumnID)
    case wrongType(ColumnID)
    case repeated(ColumnID)
    /// `id` is empty, not a string, given twice, or longer than 256 bytes.
    case badID

    package var text: String {
        switch self {
        case .notJSON: "not a JSON object"
        case .lineTooLong: "line too long"
        case .unknownField: "unknown field"
        case .missing(let column): "\(column.name): missing"
        case .forbidden(let column): "\(column.name): not allowed for this kind"
        case .outOfRange(let column): "\(column.name): out of range"
        case .wrongType(let column): "\(column.name): wrong type or unknown word"
        case .repeated(let column): "\(column.name): given twice"
        case .badID: "id: must be a string of 1 to \(NDJSONError.idBytesMax) bytes, given once"
        }
    }
}

/// A bad line by its number, the first being 1.
package struct NDJSONError: Error, Hashable, Sendable, CustomStringConvertible {
    package let line: UInt64
    package let problem: NDJSONProblem
    static let idBytesMax = 256

    package var description: String { "line \(line): \(problem.text)" }
}

/// The fields of a line: the schema's columns, and the id that stays here.
private enum NDJSONField: CaseIterable {
    case column(ColumnID), id

    static let allCases: [NDJSONField] = ColumnID.allCases.map { .column($0) } + [.id]

    var name: String {
        switch self {
        case .column(let column): column.name
        case .id: "id"
        }
    }
}

/// Reads lines of standard input: objects with exactly the schema's field names, and an optional `id`.
///
/// A session or project that is a UUID is kept, any other string is hashed; nothing else of the text goes on.
package struct NDJSONParser<Hash: KeyedHash>: Sendable {
    package static var lineBytesMax: Int { 1 << 20 }
    private static var textBytesMax: Int { 4_096 }

    private let hash: Hash
    private let fields = NameTable<NDJSONField>(\.name)
    private var lineNumber: UInt64 = 0

    package init(hash: Hash) { self.hash = hash }

    /// Reads the next line; nil stands for one that was too long. Nil for a line of white space alone.
    package mutating func parse(_ bytes: Span<UInt8>?) throws(NDJSONError) -> LineResult? {
        lineNumber += 1
        do throws(NDJSONProblem) {
            guard let bytes, bytes.count <= Self.lineBytesMax else { throw .lineTooLong }
            return try read(bytes)
        } catch {
            throw NDJSONError(line: lineNumber, problem: error)
        }
    }

    private struct Draft {
        var event: Event
        var seen = ColumnSet()
        var id: UInt64?
    }

    private func read(_ bytes: Span<UInt8>) throws(NDJSONProblem) -> LineResult? {
        if isBlank(bytes) { return nil }
        guard let nobody = SessionID(Bytes16(high: 0, low: 1)) else { throw .notJSON }
        var draft = Draft(event: Event(timeMs: 0, session: nobody, agent: .other))
        var cursor = JSONCursor()
        let open = UInt8(ascii: "{")
        var isOver = try json { () throws(JSONError) in try cursor.enter(open, bytes) }
        while !isOver {
            let key = try json { () throws(JSONError) in try cursor.key(bytes) }
            guard let field = fields.find(key, bytes) else { throw .unknownField }
            switch field {
            case .column(let column): try put(column, &draft, &cursor, bytes)
            case .id: try putID(&draft, &cursor, bytes)
            }
            isOver = try json { () throws(JSONError) in try !cursor.next(open, bytes) }
        }
        try json { () throws(JSONError) in try cursor.finish(bytes) }
        try check(draft)
        return .fact(.sent(draft.event, id: draft.id))
    }

    private func check(_ draft: Draft) throws(NDJSONProblem) {
        for column in [ColumnID.timeMs, .session] where !draft.seen.contains(column) { throw .missing(column) }
        if draft.event.kind == .usage || draft.event.kind == .correction {
            for column in [ColumnID.agent, .model] where !draft.seen.contains(column) { throw .missing(column) }
        }
        switch EventRules.violation(draft.event) {
        case .missing(let column): throw .missing(column)
        case .forbidden(let column): throw .forbidden(column)
        case .outOfRange(let column): throw .outOfRange(column)
        case nil: return
        }
    }

    private func putID(_ draft: inout Draft, _ cursor: inout JSONCursor, _ bytes: Span<UInt8>) throws(NDJSONProblem) {
        guard draft.id == nil else { throw .badID }
        let text = try json { () throws(JSONError) in try cursor.optionalText(bytes) }
        guard let copy = text?.copied(bytes, bytesMax: NDJSONError.idBytesMax), !copy.isEmpty else { throw .badID }
        draft.id = hash.word(.sentID, copy.span)
    }

    private func put(
        _ column: ColumnID, _ draft: inout Draft, _ cursor: inout JSONCursor, _ bytes: Span<UInt8>
    ) throws(NDJSONProblem) {
        guard !draft.seen.contains(column) else { throw .repeated(column) }
        draft.seen.formUnion(ColumnSet([column]))
        let first = try json { () throws(JSONError) in try cursor.peek(bytes) }
        switch column {
        case .kind, .session, .project, .agent, .model, .origin, .speed, .tier, .region, .outcome, .state, .billing:
            let text = try json { () throws(JSONError) in try cursor.optionalText(bytes) }
            guard let copy = text?.copied(bytes, bytesMax: Self.textBytesMax), !copy.isEmpty else {
                throw .wrongType(column)
            }
            try putText(column, copy, &draft.event)
        default:
            guard first >= 0x30 && first <= 0x39 else { throw .wrongType(column) }
            let number: JSONDecimal = try json { () throws(JSONError) in try cursor.decimal(bytes) }
            guard number.scale <= 0 else { throw .wrongType(column) }
            guard !number.isInexact, let value = number.scaled(places: 0) else { throw .outOfRange(column) }
            try putNumber(column, value, &draft.event)
        }
    }

    private func putText(_ column: ColumnID, _ text: [UInt8], _ event: inout Event) throws(NDJSONProblem) {
        switch column {
        case .session: event.session = hash.sessionID(text.span)
        case .project:
            event.project = Bytes16(uuid: text).flatMap { ProjectID($0) } ?? hash.projectID(text.span)
        case .model: event.model = ModelName(text.span).label
        case .kind: event.kind = try word(column, text)
        case .agent: event.agent = try word(column, text)
        case .origin: event.origin = try word(column, text)
        case .speed: event.speed = try word(column, text)
        case .tier: event.tier = try word(column, text)
        case .region: event.region = try word(column, text)
        case .outcome: event.outcome = try word(column, text)
        case .state: event.state = try word(column, text) as AgentState
        case .billing: event.billing = try word(column, text)
        default: throw .wrongType(column)
        }
    }

    private func word<Word: Vocabulary>(_ column: ColumnID, _ text: [UInt8]) throws(NDJSONProblem) -> Word {
        guard let word = Word.allCases.first(where: { Array($0.name.utf8) == text }) else { throw .wrongType(column) }
        return word
    }

    private func putNumber(_ column: ColumnID, _ value: UInt64, _ event: inout Event) throws(NDJSONProblem) {
        switch column {
        case .timeMs: event.timeMs = try fit(column, value)
        case .inputTokens: event.inputTokens = try fit(column, value)
        case .cacheReadTokens: event.cacheReadTokens = try fit(column, value)
        case .cacheWrite5mTokens: event.cacheWrite5mTokens = try fit(column, value)
        case .cacheWrite1hTokens: event.cacheWrite1hTokens = try fit(column, value)
        case .cacheWriteUnknownTokens: event.cacheWriteUnknownTokens = try fit(column, value)
        case .outputTokens: event.outputTokens = try fit(column, value)
        case .reasoningTokens: event.reasoningTokens = try fit(column, value)
        case .webSearches: event.webSearches = try fit(column, value)
        case .toolCalls: event.toolCalls = try fit(column, value)
        case .durationMs: event.durationMs = try fit(column, value) as UInt32
        case .reportedCostNanoUSD: event.reportedCostNanoUSD = value
        case .contextTokens: event.contextTokens = try fit(column, value) as UInt32
        default: throw .wrongType(column)
        }
    }

    private func fit<Value: FixedWidthInteger>(_ column: ColumnID, _ value: UInt64) throws(NDJSONProblem) -> Value {
        guard let value = Value(exactly: value) else { throw .outOfRange(column) }
        return value
    }

    private func json<Value>(_ step: () throws(JSONError) -> Value) throws(NDJSONProblem) -> Value {
        do throws(JSONError) { return try step() } catch { throw .notJSON }
    }

    private func isBlank(_ bytes: Span<UInt8>) -> Bool {
        for index in bytes.indices where bytes[index] != 0x20 && bytes[index] != 0x09 && bytes[index] != 0x0D {
            return false
        }
        return true
    }
}
