import TallyModel

/// The `usage` object of one line.
struct ClaudeUsage {
    var counts = RequestCounts()
    var speed: Speed = .unknown
    var tier: Tier = .unknown
    var region: Region = .unknown
    /// Where the list `iterations` begins.
    var iterations: Int?
}

/// Reads a `usage` object: numbers and three small vocabularies. Words that we do not know are `unknown`.
struct ClaudeUsageReader: Sendable {
    private enum UsageKey: String, CaseIterable {
        case input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens
        case output_tokens_details, cache_creation, server_tool_use, service_tier, inference_geo, speed, iterations
    }
    private enum PartKey: String, CaseIterable {
        case thinking_tokens, ephemeral_5m_input_tokens, ephemeral_1h_input_tokens, web_search_requests
    }

    private enum TierWord: String, CaseIterable { case standard, priority, flex, batch }
    private enum SpeedWord: String, CaseIterable { case fast, standard }
    private enum RegionWord: String, CaseIterable { case us, global, not_available }

    private let usageKeys = NameTable<UsageKey>(\.rawValue)
    private let partKeys = NameTable<PartKey>(\.rawValue)
    private let tierWords = NameTable<TierWord>(\.rawValue)
    private let speedWords = NameTable<SpeedWord>(\.rawValue)
    private let regionWords = NameTable<RegionWord>(\.rawValue)
    private let open = UInt8(ascii: "{")

    /// Nil if the value is no object.
    func read(_ cursor: inout JSONCursor, _ bytes: Span<UInt8>) throws(JSONError) -> ClaudeUsage? {
        guard try cursor.isObject(bytes) else { return nil }
        var usage = ClaudeUsage()
        var writes: UInt32 = 0
        var isOver = try cursor.enter(open, bytes)
        while !isOver {
            switch usageKeys.find(try cursor.key(bytes), bytes) {
            case .input_tokens: usage.counts.input = try cursor.tokens(bytes)
            case .cache_creation_input_tokens: writes = try cursor.tokens(bytes)
            case .cache_read_input_tokens: usage.counts.cacheRead = try cursor.tokens(bytes)
            case .output_tokens: usage.counts.output = try cursor.tokens(bytes)
            case .output_tokens_details, .cache_creation, .server_tool_use:
                try readPart(&usage.counts, &cursor, bytes)
            case .service_tier: usage.tier = tier(try cursor.optionalText(bytes), bytes)
            case .inference_geo: usage.region = region(try cursor.optionalText(bytes), bytes)
            case .speed: usage.speed = speed(try cursor.optionalText(bytes), bytes)
            case .iterations:
                if try cursor.peek(bytes) == UInt8(ascii: "[") { usage.iterations = cursor.position }
                try cursor.skip(bytes)
            case nil: try cursor.skip(bytes)
            }
            isOver = try !cursor.next(open, bytes)
        }
        // What the split leaves open has a lifetime that nobody gave.
        let split = UInt64(usage.counts.write5m) + UInt64(usage.counts.write1h)
        usage.counts.writeUnknown = UInt64(writes) > split ? UInt32(UInt64(writes) - split) : 0
        usage.counts.reasoning = min(usage.counts.reasoning, usage.counts.output)
        return usage
    }

    private func readPart(
        _ counts: inout RequestCounts, _ cursor: inout JSONCursor, _ bytes: Span<UInt8>
    ) throws(JSONError) {
        guard try cursor.isObject(bytes) else { return }
        var isOver = try cursor.enter(open, bytes)
        while !isOver {
            switch partKeys.find(try cursor.key(bytes), bytes) {
            case .thinking_tokens: counts.reasoning = try cursor.tokens(bytes)
            case .ephemeral_5m_input_tokens: counts.write5m = try cursor.tokens(bytes)
            case .ephemeral_1h_input_tokens: counts.write1h = try cursor.tokens(bytes)
            case .web_search_requests: counts.webSearches = UInt16(clamping: try cursor.tokens(bytes))
            case nil: try cursor.skip(bytes)
            }
            isOver = try !cursor.next(open, bytes)
        }
    }

    private func tier(_ text: JSONText?, _ bytes: Span<UInt8>) -> Tier {
        switch text.flatMap({ tierWords.find($0, bytes) }) {
        case .standard: .standard
        case .priority: .priority
        case .flex: .flex
        case .batch: .batch
        case nil: .unknown
        }
    }

    private func speed(_ text: JSONText?, _ bytes: Span<UInt8>) -> Speed {
        switch text.flatMap({ speedWords.find($0, bytes) }) {
        case .fast: .fast
        case .standard: .standard
        case nil: .unknown
        }
    }

    private func region(_ text: JSONText?, _ bytes: Span<UInt8>) -> Region {
        guard let text, text.count > 0 else { return .unknown }
        return switch regionWords.find(text, bytes) {
        case .us: .us
        case .global: .global
        case .not_available: .unknown
        case nil: .other
        }
    }
}
