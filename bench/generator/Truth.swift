package import TallyModel

/// The right totals, known because the generator made every call: by model, by UTC day, and of all.
package struct Truth: Sendable {
    package private(set) var models: [String: RollupCounts] = [:]
    package private(set) var days: [String: RollupCounts] = [:]
    package private(set) var totals = RollupCounts()
    private let prices = PriceList()

    package init() {}

    /// Counts one call, once.
    package mutating func add(_ event: Event) {
        let counts = Truth.counts(event, cost: prices.cost(of: event))
        models[event.model?.text ?? Label.unlisted.text, default: RollupCounts()] += counts
        days[UTCText(timeMs: event.timeMs).day, default: RollupCounts()] += counts
        totals += counts
    }

    /// What one usage event adds to every sum.
    package static func counts(_ event: Event, cost: Money?) -> RollupCounts {
        var counts = RollupCounts()
        counts.events = 1
        counts.inputTokens = Int64(event.inputTokens)
        counts.cacheReadTokens = Int64(event.cacheReadTokens)
        counts.cacheWrite5mTokens = Int64(event.cacheWrite5mTokens)
        counts.cacheWrite1hTokens = Int64(event.cacheWrite1hTokens)
        counts.cacheWriteUnknownTokens = Int64(event.cacheWriteUnknownTokens)
        counts.outputTokens = Int64(event.outputTokens)
        counts.reasoningTokens = Int64(event.reasoningTokens)
        counts.webSearches = Int64(event.webSearches)
        counts.toolCalls = Int64(event.toolCalls)
        counts.reportedCostNanoUSD = Int64(event.reportedCostNanoUSD ?? 0)
        counts.cost = cost ?? .zero
        counts.unpricedEvents = cost == nil ? 1 : 0
        counts.firstMs = event.timeMs
        counts.lastMs = event.timeMs
        return counts
    }

    /// `truth.json`: the figures of `tallygate usage --json`, rows in order of key.
    package func json(seed: UInt64) -> [UInt8] {
        var text = "{\"generator\":\"tallygen\",\"seed\":\(seed),\n"
        text += "\"rows\":[\n" + Truth.rows(models) + "],\n"
        text += "\"days\":[\n" + Truth.rows(days) + "],\n"
        text += "\"totals\":{" + Truth.figures(totals) + "}}\n"
        return Array(text.utf8)
    }

    private static func rows(_ table: [String: RollupCounts]) -> String {
        table.sorted { $0.key < $1.key }
            .map { "{\"key\":\"\($0.key)\"," + figures($0.value) + "}" }
            .joined(separator: ",\n")
    }

    private static func figures(_ counts: RollupCounts) -> String {
        let isEmpty = counts.events == 0
        let figures: [(String, String)] = [
            ("events", "\(counts.events)"),
            ("input_tokens", "\(counts.inputTokens)"),
            ("cache_read_tokens", "\(counts.cacheReadTokens)"),
            ("cache_write_5m_tokens", "\(counts.cacheWrite5mTokens)"),
            ("cache_write_1h_tokens", "\(counts.cacheWrite1hTokens)"),
            ("cache_write_unknown_tokens", "\(counts.cacheWriteUnknownTokens)"),
            ("output_tokens", "\(counts.outputTokens)"),
            ("reasoning_tokens", "\(counts.reasoningTokens)"),
            ("web_searches", "\(counts.webSearches)"),
            ("cost_nano_usd", "\(counts.cost.nanoUSDRounded)"),
            ("reported_cost_nano_usd", "\(counts.reportedCostNanoUSD)"),
            ("unpriced_events", "\(counts.unpricedEvents)"),
            ("first_ms", isEmpty ? "null" : "\(counts.firstMs)"),
            ("last_ms", isEmpty ? "null" : "\(counts.lastMs)"),
        ]
        return figures.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",")
    }
}
