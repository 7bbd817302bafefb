import TallyModel

/// The attributes that are read, of log records and spans. All others are passed over as bytes, names included.
enum OTLPKey: String, CaseIterable, Sendable {
    case eventName = "event.name"
    case eventKind = "event.kind"
    case eventTime = "event.timestamp"
    case session = "session.id"
    case conversation = "conversation.id"
    case model
    // Claude Code.
    case request = "request_id"
    case cost = "cost_usd"
    case costMicros = "cost_usd_micros"
    case duration = "duration_ms"
    case input = "input_tokens"
    case output = "output_tokens"
    case cacheRead = "cache_read_tokens"
    case cacheWrite = "cache_creation_tokens"
    case speed
    case origin = "query_source"
    // Codex and Gemini CLI.
    case inputCount = "input_token_count"
    case outputCount = "output_token_count"
    case cachedCount = "cached_token_count"
    case reasoningCount = "reasoning_token_count"
    case cachedContentCount = "cached_content_token_count"
    case thoughtsCount = "thoughts_token_count"
    case toolCount = "tool_token_count"
    case totalCount = "total_token_count"
    // Of an error.
    case status = "status_code"
    // Any SDK's spans, by the conventions for generative AI.
    case genOperation = "gen_ai.operation.name"
    case genConversation = "gen_ai.conversation.id"
    case genRequestModel = "gen_ai.request.model"
    case genResponseModel = "gen_ai.response.model"
    case genResponse = "gen_ai.response.id"
    case genInput = "gen_ai.usage.input_tokens"
    case genOutput = "gen_ai.usage.output_tokens"
    case genCacheRead = "gen_ai.usage.cache_read.input_tokens"
    case genCacheWrite = "gen_ai.usage.cache_creation.input_tokens"
    case genReasoning = "gen_ai.usage.reasoning.output_tokens"
}

/// The log events that tell of a call's end and what it took, and those that tell what a session does (`OTLPSigns.swift`).
enum OTLPEvent: String, CaseIterable, Sendable {
    case claude = "claude_code.api_request"
    case codex = "codex.sse_event"
    case gemini = "gemini_cli.api_response"
    case claudePrompt = "claude_code.user_prompt"
    case claudeTool = "claude_code.tool_result"
    case claudeError = "claude_code.api_error"
    case codexPrompt = "codex.user_prompt"
    case codexTool = "codex.tool_result"
    case geminiPrompt = "gemini_cli.user_prompt"
    case geminiTool = "gemini_cli.tool_call"
}

/// One log record or span while it is read: what of it is read, as places in the body.
struct OTLPRecord {
    var event: OTLPEvent?
    /// An agent's own spans: its log events tell of the same calls.
    var isAgents = false
    /// When it was, and when it was seen, in nanoseconds since 1970; 0 for not given.
    var timeNanos: UInt64 = 0
    var observedNanos: UInt64 = 0
    var trace: Bytes16?
    var span: UInt64 = 0
    /// One for each key, or none at all: most records of an export speak of no call.
    private var values: [OTLPValue?] = []
    private static let numbers = Dictionary(
        uniqueKeysWithValues: OTLPKey.allCases.enumerated().map { ($0.element, $0.offset) })

    /// The last one counts where a key is given twice.
    subscript(key: OTLPKey) -> OTLPValue? {
        get { values.isEmpty ? nil : values[Self.numbers[key, default: 0]] }
        set {
            if values.isEmpty { values = [OTLPValue?](repeating: nil, count: Self.numbers.count) }
            values[Self.numbers[key, default: 0]] = newValue
        }
    }
}

/// The names that are looked for, once for all bodies.
struct OTLPNames: Sendable {
    let keys = NameTable<OTLPKey>(\.rawValue)
    let events = NameTable<OTLPEvent>(\.rawValue)
    private static let agents = ["claude-code", "com.anthropic.claude_code", "codex", "gemini-cli"].map {
        Array($0.utf8)
    }
    private static let nameBytesMax = 64

    /// Whether `text`, the name of a service or a scope, is one of an agent whose log events are counted.
    func isAgents(_ text: OTLPText, _ bytes: Span<UInt8>) -> Bool {
        guard let name = text.copied(bytes, bytesMax: Self.nameBytesMax) else { return false }
        return Self.agents.contains { name.starts(with: $0) }
    }
}

extension OTLPRecord {
    /// A text that may say which event it is, its body or its own name: the first one that is known counts. None is
    /// kept: a record can hold millions of them.
    mutating func name(_ text: OTLPText, _ names: OTLPNames, _ bytes: Span<UInt8>) {
        if event == nil { event = names.events.find(text.text, bytes) }
    }

    /// Where neither says it, the attribute `event.name` does.
    mutating func nameByAttribute(_ names: OTLPNames, _ bytes: Span<UInt8>) {
        if case .text(let text)? = self[.eventName] { name(text, names, bytes) }
    }
}
