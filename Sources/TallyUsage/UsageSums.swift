package import TallyModel

/// The exact sums of one row of a report, in 128 bits: no number of cells overflows them.
package struct UsageSums: Hashable, Sendable {
    /// Events of kind usage.
    package var events: Int128 = 0
    package var inputTokens: Int128 = 0
    package var cacheReadTokens: Int128 = 0
    package var cacheWrite5mTokens: Int128 = 0
    package var cacheWrite1hTokens: Int128 = 0
    package var cacheWriteUnknownTokens: Int128 = 0
    package var outputTokens: Int128 = 0
    package var reasoningTokens: Int128 = 0
    package var webSearches: Int128 = 0
    package var toolCalls: Int128 = 0
    package var unpricedEvents: Int128 = 0
    /// Nano-USD, as whole as they were sent.
    package var reportedNanoUSD: Int128 = 0
    package var cost: Money = .zero
    /// Of `cost`, what a subscription covers.
    package var subscriptionCost: Money = .zero
    /// Meaningless while `isEmpty`.
    package var firstMs: Int64 = .max
    package var lastMs: Int64 = .min

    package init() {}

    package init(_ counts: RollupCounts) {
        events = Int128(counts.events)
        inputTokens = Int128(counts.inputTokens)
        cacheReadTokens = Int128(counts.cacheReadTokens)
        cacheWrite5mTokens = Int128(counts.cacheWrite5mTokens)
        cacheWrite1hTokens = Int128(counts.cacheWrite1hTokens)
        cacheWriteUnknownTokens = Int128(counts.cacheWriteUnknownTokens)
        outputTokens = Int128(counts.outputTokens)
        reasoningTokens = Int128(counts.reasoningTokens)
        webSearches = Int128(counts.webSearches)
        toolCalls = Int128(counts.toolCalls)
        unpricedEvents = Int128(counts.unpricedEvents)
        reportedNanoUSD = Int128(counts.reportedCostNanoUSD)
        cost = counts.cost
        subscriptionCost = counts.subscriptionCost
        firstMs = counts.firstMs
        lastMs = counts.lastMs
    }

    /// Adds `other`. Only money could overflow, and only from a damaged file.
    package mutating func add(_ other: UsageSums) throws(UsageError) {
        let (femto, isOver) = cost.femtoUSD.addingReportingOverflow(other.cost.femtoUSD)
        let (covered, isOverToo) = subscriptionCost.femtoUSD.addingReportingOverflow(other.subscriptionCost.femtoUSD)
        guard !isOver, !isOverToo else { throw .overflow }
        cost = Money(femtoUSD: femto)
        subscriptionCost = Money(femtoUSD: covered)
        events += other.events
        inputTokens += other.inputTokens
        cacheReadTokens += other.cacheReadTokens
        cacheWrite5mTokens += other.cacheWrite5mTokens
        cacheWrite1hTokens += other.cacheWrite1hTokens
        cacheWriteUnknownTokens += other.cacheWriteUnknownTokens
        outputTokens += other.outputTokens
        reasoningTokens += other.reasoningTokens
        webSearches += other.webSearches
        toolCalls += other.toolCalls
        unpricedEvents += other.unpricedEvents
        reportedNanoUSD += other.reportedNanoUSD
        firstMs = min(firstMs, other.firstMs)
        lastMs = max(lastMs, other.lastMs)
    }

    package var cacheWriteTokens: Int128 { cacheWrite5mTokens + cacheWrite1hTokens + cacheWriteUnknownTokens }

    /// What the price book says, in nano-USD, rounded once.
    package var costNanoUSD: Int128 { cost.nanoUSDRounded }

    /// The part of it that a subscription covers, where sources say so; in nano-USD, rounded once.
    package var subscriptionNanoUSD: Int128 { subscriptionCost.nanoUSDRounded }

    /// The numbers of a report by the name of their field, in its order.
    package var fields: [(name: String, value: Int128?)] {
        let hasTimes = firstMs <= lastMs
        return [
            ("events", events),
            ("input_tokens", inputTokens),
            ("cache_read_tokens", cacheReadTokens),
            ("cache_write_5m_tokens", cacheWrite5mTokens),
            ("cache_write_1h_tokens", cacheWrite1hTokens),
            ("cache_write_unknown_tokens", cacheWriteUnknownTokens),
            ("output_tokens", outputTokens),
            ("reasoning_tokens", reasoningTokens),
            ("web_searches", webSearches),
            ("cost_nano_usd", costNanoUSD),
            ("subscription_cost_nano_usd", subscriptionNanoUSD),
            ("reported_cost_nano_usd", reportedNanoUSD),
            ("unpriced_events", unpricedEvents),
            ("first_ms", hasTimes ? Int128(firstMs) : nil),
            ("last_ms", hasTimes ? Int128(lastMs) : nil),
        ]
    }
}
