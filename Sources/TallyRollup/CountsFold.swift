package import TallyModel
package import TallyPricing

extension RollupCounts {
    /// Adds one usage or correction event. Every addend is at least 0; a sum that does not fit stays at the end
    /// of its type.
    package mutating func fold(_ event: Event, price: Price, effectiveMs: Int64) {
        let isUsage = event.kind == .usage
        if isUsage { RollupCounts.add(1, to: &events) }
        RollupCounts.add(Int64(event.inputTokens), to: &inputTokens)
        RollupCounts.add(Int64(event.cacheReadTokens), to: &cacheReadTokens)
        RollupCounts.add(Int64(event.cacheWrite5mTokens), to: &cacheWrite5mTokens)
        RollupCounts.add(Int64(event.cacheWrite1hTokens), to: &cacheWrite1hTokens)
        RollupCounts.add(Int64(event.cacheWriteUnknownTokens), to: &cacheWriteUnknownTokens)
        RollupCounts.add(Int64(event.outputTokens), to: &outputTokens)
        RollupCounts.add(Int64(event.reasoningTokens), to: &reasoningTokens)
        RollupCounts.add(Int64(event.webSearches), to: &webSearches)
        RollupCounts.add(Int64(event.toolCalls), to: &toolCalls)
        RollupCounts.add(Int64(clamping: event.reportedCostNanoUSD ?? 0), to: &reportedCostNanoUSD)
        if let money = price.money {
            let (sum, isOver) = cost.femtoUSD.addingReportingOverflow(money.femtoUSD)
            cost = Money(femtoUSD: isOver ? .max : sum)
        } else if isUsage {
            RollupCounts.add(1, to: &unpricedEvents)
        }
        firstMs = min(firstMs, effectiveMs)
        lastMs = max(lastMs, effectiveMs)
    }

    /// The same of a row's numbers and its price.
    @inline(__always)
    mutating func fold(_ row: RowNumbers, femtoUSD: Int128, effectiveMs: Int64) {
        if row.isUsage { RollupCounts.add(1, to: &events) }
        RollupCounts.add(Int64(row.input), to: &inputTokens)
        RollupCounts.add(Int64(row.cacheRead), to: &cacheReadTokens)
        RollupCounts.add(Int64(row.cacheWrite5m), to: &cacheWrite5mTokens)
        RollupCounts.add(Int64(row.cacheWrite1h), to: &cacheWrite1hTokens)
        RollupCounts.add(Int64(row.cacheWriteUnknown), to: &cacheWriteUnknownTokens)
        RollupCounts.add(Int64(row.output), to: &outputTokens)
        RollupCounts.add(Int64(row.reasoning), to: &reasoningTokens)
        RollupCounts.add(Int64(row.webSearches), to: &webSearches)
        RollupCounts.add(Int64(row.toolCalls), to: &toolCalls)
        RollupCounts.add(Int64(clamping: row.reportedNanoUSD), to: &reportedCostNanoUSD)
        if femtoUSD != unpricedFemtoUSD {
            let (sum, isOver) = cost.femtoUSD.addingReportingOverflow(femtoUSD)
            cost = Money(femtoUSD: isOver ? .max : sum)
        } else if row.isUsage {
            RollupCounts.add(1, to: &unpricedEvents)
        }
        firstMs = min(firstMs, effectiveMs)
        lastMs = max(lastMs, effectiveMs)
    }

    /// The sums of both; one that does not fit stays at the end of its type.
    mutating func merge(_ other: RollupCounts) {
        RollupCounts.add(other.events, to: &events)
        RollupCounts.add(other.inputTokens, to: &inputTokens)
        RollupCounts.add(other.cacheReadTokens, to: &cacheReadTokens)
        RollupCounts.add(other.cacheWrite5mTokens, to: &cacheWrite5mTokens)
        RollupCounts.add(other.cacheWrite1hTokens, to: &cacheWrite1hTokens)
        RollupCounts.add(other.cacheWriteUnknownTokens, to: &cacheWriteUnknownTokens)
        RollupCounts.add(other.outputTokens, to: &outputTokens)
        RollupCounts.add(other.reasoningTokens, to: &reasoningTokens)
        RollupCounts.add(other.webSearches, to: &webSearches)
        RollupCounts.add(other.toolCalls, to: &toolCalls)
        RollupCounts.add(other.reportedCostNanoUSD, to: &reportedCostNanoUSD)
        RollupCounts.add(other.unpricedEvents, to: &unpricedEvents)
        let (sum, isOver) = cost.femtoUSD.addingReportingOverflow(other.cost.femtoUSD)
        cost = Money(femtoUSD: isOver ? .max : sum)
        firstMs = min(firstMs, other.firstMs)
        lastMs = max(lastMs, other.lastMs)
    }

    @inline(__always)
    private static func add(_ value: Int64, to sum: inout Int64) {
        let (result, isOver) = sum.addingReportingOverflow(value)
        sum = isOver ? .max : result
    }
}
