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

    private static func add(_ value: Int64, to sum: inout Int64) {
        let (result, isOver) = sum.addingReportingOverflow(value)
        sum = isOver ? .max : result
    }
}
