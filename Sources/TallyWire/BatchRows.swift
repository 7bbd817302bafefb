package import TallyModel

/// Rows of a batch as values, and sums over its columns.
extension Batch {
    /// Precondition of all: `row` is below `count`.
    package func kind(_ row: Int) -> EventKind { EventKind(rawValue: byte(.kind, row)) ?? .usage }
    package func agent(_ row: Int) -> Agent { Agent(rawValue: byte(.agent, row)) ?? .other }
    package func origin(_ row: Int) -> Origin { Origin(rawValue: byte(.origin, row)) ?? .unknown }
    package func speed(_ row: Int) -> Speed { Speed(rawValue: byte(.speed, row)) ?? .unknown }
    package func tier(_ row: Int) -> Tier { Tier(rawValue: byte(.tier, row)) ?? .unknown }
    package func region(_ row: Int) -> Region { Region(rawValue: byte(.region, row)) ?? .unknown }
    package func outcome(_ row: Int) -> Outcome { Outcome(rawValue: byte(.outcome, row)) ?? .unknown }
    package func billing(_ row: Int) -> Billing { Billing(rawValue: byte(.billing, row)) ?? .unknown }
    package func state(_ row: Int) -> AgentState? { AgentState(rawValue: byte(.state, row)) }

    /// Always in range for a batch that decoded.
    package func timeMs(_ row: Int) -> Int64 { Int64(truncatingIfNeeded: longs[Slot.time * capacity + row]) }
    package func reportedCostNanoUSD(_ row: Int) -> UInt64? {
        let encoded = longs[Slot.cost * capacity + row]
        return encoded == 0 ? nil : encoded - 1
    }
    package func durationMs(_ row: Int) -> UInt32? { nullable(.durationMs, row) }
    package func contextTokens(_ row: Int) -> UInt32? { nullable(.contextTokens, row) }

    /// Columns 12 to 20.
    @inline(__always)
    package func number(_ column: ColumnID, _ row: Int) -> UInt32 {
        words[Slot.of(column).index * capacity + row]
    }

    /// The place of the row's value in `sessions`, `projects` or `models`; 0 is absent.
    @inline(__always)
    package func sessionIndex(_ row: Int) -> Int { Int(shorts[row]) }
    @inline(__always)
    package func projectIndex(_ row: Int) -> Int { Int(shorts[capacity + row]) }
    @inline(__always)
    package func modelIndex(_ row: Int) -> Int { Int(shorts[2 * capacity + row]) }

    @inline(__always)
    private func byte(_ column: ColumnID, _ row: Int) -> UInt8 { bytes[Slot.of(column).index * capacity + row] }

    @inline(__always)
    private func nullable(_ column: ColumnID, _ row: Int) -> UInt32? {
        let encoded = number(column, row)
        return encoded == 0 ? nil : encoded - 1
    }

    /// Nil if the row has no session: no batch that decoded holds such a row.
    package func event(at row: Int) -> Event? {
        guard row < count, let session = SessionID(sessions[sessionIndex(row)]) else { return nil }
        var event = Event(
            kind: kind(row), timeMs: timeMs(row), session: session, agent: agent(row), model: models[modelIndex(row)])
        event.project = ProjectID(projects[projectIndex(row)])
        event.origin = origin(row)
        event.speed = speed(row)
        event.tier = tier(row)
        event.region = region(row)
        event.outcome = outcome(row)
        event.inputTokens = number(.inputTokens, row)
        event.cacheReadTokens = number(.cacheReadTokens, row)
        event.cacheWrite5mTokens = number(.cacheWrite5mTokens, row)
        event.cacheWrite1hTokens = number(.cacheWrite1hTokens, row)
        event.cacheWriteUnknownTokens = number(.cacheWriteUnknownTokens, row)
        event.outputTokens = number(.outputTokens, row)
        event.reasoningTokens = number(.reasoningTokens, row)
        event.webSearches = UInt16(truncatingIfNeeded: number(.webSearches, row))
        event.toolCalls = UInt16(truncatingIfNeeded: number(.toolCalls, row))
        event.durationMs = durationMs(row)
        event.reportedCostNanoUSD = reportedCostNanoUSD(row)
        event.state = state(row)
        event.contextTokens = contextTokens(row)
        event.billing = billing(row)
        return event
    }

    /// The control total "tokens": columns 12 to 17 over all rows. At most 4,096 times 6 · 10⁹.
    package var controlTokens: UInt64 {
        var sum: UInt64 = 0
        for index in 0..<6 where present & (1 << UInt64(12 + index)) != 0 {
            let column = words.span.extracting(index * capacity..<index * capacity + count)
            for row in column.indices { sum &+= UInt64(column[row]) }
        }
        return sum
    }

    /// The control total "reported": column 22 where present. At most 4,096 times 10¹³.
    package var reportedNanoUSD: UInt64 {
        guard has(.reportedCostNanoUSD) else { return 0 }
        var sum: UInt64 = 0
        let column = longs.span.extracting(Slot.cost * capacity..<Slot.cost * capacity + count)
        for row in column.indices where column[row] != 0 { sum &+= column[row] &- 1 }
        return sum
    }
}
