/// One row of the closed schema: what happened, in numbers and identifiers.
///
/// There is no field that could hold a prompt, a path or a name; `protocol/schema.json` is the normative
/// table and a test compares the two. Bounds stand in `Limits`, rules per kind in `EventRules`.
package struct Event: Hashable, Sendable {
    package var kind: EventKind
    /// Milliseconds since 1970, UTC.
    package var timeMs: Int64
    package var session: SessionID
    package var project: ProjectID?
    package var agent: Agent
    package var model: Label?
    package var origin: Origin = .unknown
    package var speed: Speed = .unknown
    package var tier: Tier = .unknown
    package var region: Region = .unknown
    package var outcome: Outcome = .unknown
    /// Prompt tokens that were neither read from nor written to a cache.
    package var inputTokens: UInt32 = 0
    package var cacheReadTokens: UInt32 = 0
    package var cacheWrite5mTokens: UInt32 = 0
    package var cacheWrite1hTokens: UInt32 = 0
    /// Cache writes of a lifetime that the source does not give.
    package var cacheWriteUnknownTokens: UInt32 = 0
    /// All output, reasoning included.
    package var outputTokens: UInt32 = 0
    package var reasoningTokens: UInt32 = 0
    package var webSearches: UInt16 = 0
    package var toolCalls: UInt16 = 0
    package var durationMs: UInt32?
    /// What the agent itself said the call cost, in nano-USD; never our estimate.
    package var reportedCostNanoUSD: UInt64?
    package var state: AgentState?
    /// The whole prompt of the request that a correction adds to.
    package var contextTokens: UInt32?
    package var billing: Billing = .unknown

    package init(kind: EventKind = .usage, timeMs: Int64, session: SessionID, agent: Agent, model: Label? = nil) {
        self.kind = kind
        self.timeMs = timeMs
        self.session = session
        self.agent = agent
        self.model = model
    }

    /// The prompt of this call: uncached input, cache reads and cache writes.
    package var promptTokens: UInt64 {
        UInt64(inputTokens) + UInt64(cacheReadTokens) + UInt64(cacheWrite5mTokens) + UInt64(cacheWrite1hTokens)
            + UInt64(cacheWriteUnknownTokens)
    }

    /// The control total "tokens": columns 12 to 17. Reasoning is part of the output.
    package var controlTokens: UInt64 { promptTokens + UInt64(outputTokens) }
}
