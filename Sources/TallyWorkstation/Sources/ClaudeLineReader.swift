import TallyModel

/// What a line of Claude Code holds, as ranges of its bytes.
struct ClaudeLine {
    var timestamp: JSONText?
    var uuid: JSONText?
    var session: JSONText?
    var request: JSONText?
    var cwd: JSONText?
    var isSidechain: Bool?
    var isError = false
    var costNanoUSD: UInt64 = 0
    var message: JSONText?
    var model: JSONText?
    var stop: JSONText?
    var isRefusal = false
    /// The answer stopped for a tool, and goes on behind it.
    var goesOn = false
    var usage: ClaudeUsage?
    // What it tells of its session: `ClaudeSigns.swift`.
    var type: ClaudeType?
    var subtype: ClaudeSubtype?
    var isOwn = false
    var hasToolResult = false
    var isInterrupted = false
    var isLimited = false
}

/// Walks a line of Claude Code and notes where the values stand that count.
///
/// Knows nothing of hashes and of other lines: what a line costs most is this walk, and it is compiled once, for no
/// parameter of a type.
struct ClaudeLineReader: Sendable {
    private enum LineKey: String, CaseIterable {
        case timestamp, uuid, isSidechain, sessionId, requestId, costUSD, isApiErrorMessage, cwd, message
        case type, subtype, isMeta, isCompactSummary, toolUseResult, interruptedMessageId, error, apiErrorStatus
    }
    private enum MessageKey: String, CaseIterable { case id, model, stop_reason, usage }
    private enum StopWord: String, CaseIterable { case refusal, tool_use, pause_turn }
    private enum ErrorWord: String, CaseIterable { case rate_limit }

    private let lineKeys = NameTable<LineKey>(\.rawValue)
    private let messageKeys = NameTable<MessageKey>(\.rawValue)
    private let stopWords = NameTable<StopWord>(\.rawValue)
    private let types = NameTable<ClaudeType>(\.rawValue)
    private let subtypes = NameTable<ClaudeSubtype>(\.rawValue)
    private let errorWords = NameTable<ErrorWord>(\.rawValue)
    private let usageReader = ClaudeUsageReader()
    private let open = UInt8(ascii: "{")

    func read(_ bytes: Span<UInt8>) throws(JSONError) -> ClaudeLine {
        var line = ClaudeLine()
        var cursor = JSONCursor()
        var isOver = try cursor.enter(open, bytes)
        while !isOver {
            switch lineKeys.find(try cursor.key(bytes), bytes) {
            case .timestamp: line.timestamp = try cursor.optionalText(bytes)
            case .uuid: line.uuid = try cursor.optionalText(bytes)
            case .sessionId: line.session = try cursor.optionalText(bytes)
            case .requestId: line.request = try cursor.optionalText(bytes)
            case .cwd: line.cwd = try cursor.optionalText(bytes)
            case .isSidechain: line.isSidechain = try cursor.optionalBool(bytes)
            case .isApiErrorMessage: line.isError = try cursor.optionalBool(bytes) ?? false
            case .costUSD: line.costNanoUSD = try readCost(&cursor, bytes)
            case .message: try readMessage(&line, &cursor, bytes)
            case .type: line.type = try cursor.optionalText(bytes).flatMap { types.find($0, bytes) }
            case .subtype: line.subtype = try cursor.optionalText(bytes).flatMap { subtypes.find($0, bytes) }
            case .isMeta, .isCompactSummary: line.isOwn = try cursor.optionalBool(bytes) == true || line.isOwn
            case .toolUseResult:
                line.hasToolResult = true
                try cursor.skip(bytes)
            case .interruptedMessageId: line.isInterrupted = try cursor.optionalText(bytes) != nil
            case .error:
                let word = try cursor.optionalText(bytes)
                line.isLimited = line.isLimited || word.flatMap { errorWords.find($0, bytes) } == .rate_limit
            case .apiErrorStatus: line.isLimited = try is429(&cursor, bytes) || line.isLimited
            case nil: try cursor.skip(bytes)
            }
            isOver = try !cursor.next(open, bytes)
        }
        try cursor.finish(bytes)
        return line
    }

    private func readCost(_ cursor: inout JSONCursor, _ bytes: Span<UInt8>) throws(JSONError) -> UInt64 {
        let first = try cursor.peek(bytes)
        guard first == UInt8(ascii: "-") || (first >= 0x30 && first <= 0x39) else {
            try cursor.skip(bytes)
            return 0
        }
        guard let cost = try cursor.decimal(bytes).scaled(places: 9) else { return 0 }
        return cost <= Limits.reportedCostNanoUSDMax ? cost : 0
    }

    /// Whether the value is the status of a limit that is reached. Any other value is nobody's mistake.
    private func is429(_ cursor: inout JSONCursor, _ bytes: Span<UInt8>) throws(JSONError) -> Bool {
        _ = try cursor.peek(bytes)
        let start = cursor.position
        try cursor.skip(bytes)
        return JSONText(start: start, end: cursor.position, hasEscapes: false).equals("429", bytes)
    }

    private func readMessage(
        _ line: inout ClaudeLine, _ cursor: inout JSONCursor, _ bytes: Span<UInt8>
    ) throws(JSONError) {
        guard try cursor.isObject(bytes) else { return }
        var isOver = try cursor.enter(open, bytes)
        while !isOver {
            switch messageKeys.find(try cursor.key(bytes), bytes) {
            case .id: line.message = try cursor.optionalText(bytes)
            case .model: line.model = try cursor.optionalText(bytes)
            case .stop_reason:
                line.stop = try cursor.optionalText(bytes)
                let word = line.stop.flatMap { stopWords.find($0, bytes) }
                line.isRefusal = word == .refusal
                line.goesOn = word == .tool_use || word == .pause_turn
            case .usage: line.usage = try usageReader.read(&cursor, bytes)
            case nil: try cursor.skip(bytes)
            }
            isOver = try !cursor.next(open, bytes)
        }
    }
}
