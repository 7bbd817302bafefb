/// Rollups: the sums that reports are made of.

/// What one cell of a rollup stands for. The quarter-hour is the finest instant that every time zone's days
/// and hours can be cut from.
package struct RollupKey: Hashable, Sendable {
    /// Quarter-hours (900,000 ms) since 1970, of the effective time, rounded down.
    package var quarter: Int64
    package var workstation: WorkstationID
    package var agent: Agent
    /// The label as sent.
    package var model: Label
    package var origin: Origin
    package var project: ProjectID?
    package var session: SessionID

    package init(
        quarter: Int64, workstation: WorkstationID, agent: Agent, model: Label, origin: Origin, project: ProjectID?,
        session: SessionID
    ) {
        self.quarter = quarter
        self.workstation = workstation
        self.agent = agent
        self.model = model
        self.origin = origin
        self.project = project
        self.session = session
    }
}

/// The sums of one cell. Counts stay far below 2⁶³ because a tenant's totals are capped at admission
/// (`Limits.tenantTotalMax`); money has 128 bits.
package struct RollupCounts: Hashable, Sendable {
    /// Events of kind usage; a correction adds its numbers and no event.
    package var events: Int64 = 0
    package var inputTokens: Int64 = 0
    package var cacheReadTokens: Int64 = 0
    package var cacheWrite5mTokens: Int64 = 0
    package var cacheWrite1hTokens: Int64 = 0
    package var cacheWriteUnknownTokens: Int64 = 0
    package var outputTokens: Int64 = 0
    package var reasoningTokens: Int64 = 0
    package var webSearches: Int64 = 0
    package var toolCalls: Int64 = 0
    // Three kinds of money. They are never added to one another.
    /// What the price book says the calls cost, whoever paid.
    package var cost: Money = .zero
    /// Of that, the calls that a subscription covers, where their source says so.
    package var subscriptionCost: Money = .zero
    /// What the agents themselves said they cost.
    package var reportedCostNanoUSD: Int64 = 0
    /// Events of kind usage for which the book has no price.
    package var unpricedEvents: Int64 = 0
    /// The lowest and highest effective time. Meaningless while `events` and every sum are zero.
    package var firstMs: Int64 = .max
    package var lastMs: Int64 = .min

    package init() {}

    package static func += (left: inout RollupCounts, right: RollupCounts) {
        left.events += right.events
        left.inputTokens += right.inputTokens
        left.cacheReadTokens += right.cacheReadTokens
        left.cacheWrite5mTokens += right.cacheWrite5mTokens
        left.cacheWrite1hTokens += right.cacheWrite1hTokens
        left.cacheWriteUnknownTokens += right.cacheWriteUnknownTokens
        left.outputTokens += right.outputTokens
        left.reasoningTokens += right.reasoningTokens
        left.webSearches += right.webSearches
        left.toolCalls += right.toolCalls
        left.cost += right.cost
        left.subscriptionCost += right.subscriptionCost
        left.reportedCostNanoUSD += right.reportedCostNanoUSD
        left.unpricedEvents += right.unpricedEvents
        left.firstMs = min(left.firstMs, right.firstMs)
        left.lastMs = max(left.lastMs, right.lastMs)
    }
}

extension RollupCounts {
    /// Whether the cell counts nothing; its times mean nothing then.
    package var isEmpty: Bool {
        events == 0 && inputTokens == 0 && cacheReadTokens == 0 && cacheWrite5mTokens == 0
            && cacheWrite1hTokens == 0 && cacheWriteUnknownTokens == 0 && outputTokens == 0 && reasoningTokens == 0
            && webSearches == 0 && toolCalls == 0 && cost == .zero && reportedCostNanoUSD == 0 && unpricedEvents == 0
    }
}
