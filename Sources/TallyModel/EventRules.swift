/// Which columns an event's kind requires and forbids, and how columns bind one another. One place: the
/// decoder, the encoder and NDJSON ask here.

/// A column of schema 1 by its id on the wire.
package enum ColumnID: UInt8, CaseIterable, Hashable, Sendable, Comparable {
    case kind = 1, timeMs, session, project, agent, model, origin, speed, tier, region, outcome
    case inputTokens, cacheReadTokens, cacheWrite5mTokens, cacheWrite1hTokens, cacheWriteUnknownTokens
    case outputTokens, reasoningTokens, webSearches, toolCalls, durationMs, reportedCostNanoUSD
    case state, contextTokens, billing

    package static func < (left: ColumnID, right: ColumnID) -> Bool { left.rawValue < right.rawValue }

    /// The name in schema.json, NDJSON and reports.
    package var name: String {
        switch self {
        case .kind: "kind"
        case .timeMs: "time_ms"
        case .session: "session"
        case .project: "project"
        case .agent: "agent"
        case .model: "model"
        case .origin: "origin"
        case .speed: "speed"
        case .tier: "tier"
        case .region: "region"
        case .outcome: "outcome"
        case .inputTokens: "input_tokens"
        case .cacheReadTokens: "cache_read_tokens"
        case .cacheWrite5mTokens: "cache_write_5m_tokens"
        case .cacheWrite1hTokens: "cache_write_1h_tokens"
        case .cacheWriteUnknownTokens: "cache_write_unknown_tokens"
        case .outputTokens: "output_tokens"
        case .reasoningTokens: "reasoning_tokens"
        case .webSearches: "web_searches"
        case .toolCalls: "tool_calls"
        case .durationMs: "duration_ms"
        case .reportedCostNanoUSD: "reported_cost_nano_usd"
        case .state: "state"
        case .contextTokens: "context_tokens"
        case .billing: "billing"
        }
    }
}

/// A set of columns, one bit per id; bit n stands for column n.
package struct ColumnSet: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package init(_ columns: [ColumnID]) {
        self.init(rawValue: columns.reduce(0) { $0 | 1 << UInt64($1.rawValue) })
    }
    package func contains(_ column: ColumnID) -> Bool { rawValue & (1 << UInt64(column.rawValue)) != 0 }
    /// The lowest column of the set, or nil if it is empty.
    package var lowest: ColumnID? { ColumnID.allCases.first { contains($0) } }
}

package enum EventRules {
    private static let tokens: [ColumnID] = [
        .inputTokens, .cacheReadTokens, .cacheWrite5mTokens, .cacheWrite1hTokens, .cacheWriteUnknownTokens,
        .outputTokens, .reasoningTokens, .webSearches, .toolCalls,
    ]
    private static let ofUsageOnly = ColumnSet(tokens + [.outcome, .durationMs, .reportedCostNanoUSD])

    /// Columns that must hold a non-default value on every event of this kind.
    package static func required(_ kind: EventKind) -> ColumnSet {
        switch kind {
        case .usage: ColumnSet([.timeMs, .session, .model])
        case .correction: ColumnSet([.timeMs, .session, .model, .contextTokens])
        case .sessionStart, .sessionEnd: ColumnSet([.timeMs, .session])
        case .state: ColumnSet([.timeMs, .session, .state])
        }
    }

    /// Columns that must hold their default on every event of this kind.
    package static func forbidden(_ kind: EventKind) -> ColumnSet {
        switch kind {
        case .usage: ColumnSet([.state, .contextTokens])
        case .correction: ColumnSet([.state, .durationMs, .outcome])
        case .sessionStart: ofUsageOnly.union(ColumnSet([.state, .contextTokens]))
        case .sessionEnd: ofUsageOnly.subtracting(ColumnSet([.outcome])).union(ColumnSet([.state, .contextTokens]))
        case .state: ofUsageOnly.union(ColumnSet([.contextTokens]))
        }
    }

    /// The columns of `event` that hold something other than their default.
    package static func present(_ event: Event) -> ColumnSet {
        var columns: [ColumnID] = [.session]
        if event.kind != .usage { columns.append(.kind) }
        if event.timeMs != 0 { columns.append(.timeMs) }
        if event.project != nil { columns.append(.project) }
        if event.agent != .other { columns.append(.agent) }
        if event.model != nil { columns.append(.model) }
        if event.origin != .unknown { columns.append(.origin) }
        if event.speed != .unknown { columns.append(.speed) }
        if event.tier != .unknown { columns.append(.tier) }
        if event.region != .unknown { columns.append(.region) }
        if event.outcome != .unknown { columns.append(.outcome) }
        if event.inputTokens != 0 { columns.append(.inputTokens) }
        if event.cacheReadTokens != 0 { columns.append(.cacheReadTokens) }
        if event.cacheWrite5mTokens != 0 { columns.append(.cacheWrite5mTokens) }
        if event.cacheWrite1hTokens != 0 { columns.append(.cacheWrite1hTokens) }
        if event.cacheWriteUnknownTokens != 0 { columns.append(.cacheWriteUnknownTokens) }
        if event.outputTokens != 0 { columns.append(.outputTokens) }
        if event.reasoningTokens != 0 { columns.append(.reasoningTokens) }
        if event.webSearches != 0 { columns.append(.webSearches) }
        if event.toolCalls != 0 { columns.append(.toolCalls) }
        if event.durationMs != nil { columns.append(.durationMs) }
        if event.reportedCostNanoUSD != nil { columns.append(.reportedCostNanoUSD) }
        if event.state != nil { columns.append(.state) }
        if event.contextTokens != nil { columns.append(.contextTokens) }
        if event.billing != .unknown { columns.append(.billing) }
        return ColumnSet(columns)
    }

    /// Why `event` may not be sent, or nil if it may.
    package static func violation(_ event: Event) -> EventViolation? {
        let held = present(event)
        if let missing = required(event.kind).subtracting(held).lowest { return .missing(missing) }
        if let extra = forbidden(event.kind).intersection(held).lowest { return .forbidden(extra) }
        if !(Limits.timeMsMin...Limits.timeMsMax).contains(event.timeMs) { return .outOfRange(.timeMs) }
        for (column, value) in [
            (ColumnID.inputTokens, event.inputTokens), (.cacheReadTokens, event.cacheReadTokens),
            (.cacheWrite5mTokens, event.cacheWrite5mTokens), (.cacheWrite1hTokens, event.cacheWrite1hTokens),
            (.cacheWriteUnknownTokens, event.cacheWriteUnknownTokens), (.outputTokens, event.outputTokens),
            (.reasoningTokens, event.reasoningTokens), (.contextTokens, event.contextTokens ?? 0),
        ] where value > Limits.tokensMax { return .outOfRange(column) }
        if event.reasoningTokens > event.outputTokens { return .outOfRange(.reasoningTokens) }
        if let duration = event.durationMs, duration > Limits.durationMsMax { return .outOfRange(.durationMs) }
        if let cost = event.reportedCostNanoUSD, cost > Limits.reportedCostNanoUSDMax {
            return .outOfRange(.reportedCostNanoUSD)
        }
        return nil
    }
}

/// A rule of the schema that an event breaks. Names the column, never the value.
package enum EventViolation: Error, Hashable, Sendable {
    case missing(ColumnID)
    case forbidden(ColumnID)
    case outOfRange(ColumnID)
}
