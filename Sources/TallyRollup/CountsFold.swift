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
            if event.billing == .subscription { addSubscription(money.femtoUSD) }
        } else if isUsage {
            RollupCounts.add(1, to: &unpricedEvents)
        }
        firstMs = min(firstMs, effectiveMs)
        lastMs = max(lastMs, effectiveMs)
    }

    /// The same of a row's numbers and its price. `Aggregator.rowsMax` keeps the sums of 32-bit numbers in their type.
    @inline(__always)
    mutating func fold(_ row: RowNumbers, femtoUSD: Int128, effectiveMs: Int64) {
        let usage: Int64 = row.isUsage ? 1 : 0
        events &+= usage
        inputTokens &+= Int64(row.input)
        cacheReadTokens &+= Int64(row.cacheRead)
        cacheWrite5mTokens &+= Int64(row.cacheWrite5m)
        cacheWrite1hTokens &+= Int64(row.cacheWrite1h)
        cacheWriteUnknownTokens &+= Int64(row.cacheWriteUnknown)
        outputTokens &+= Int64(row.output)
        reasoningTokens &+= Int64(row.reasoning)
        webSearches &+= Int64(row.webSearches)
        toolCalls &+= Int64(row.toolCalls)
        RollupCounts.add(Int64(clamping: row.reportedNanoUSD), to: &reportedCostNanoUSD)
        // `unpricedFemtoUSD`
        if femtoUSD != .min {
            let (sum, isOver) = cost.femtoUSD.addingReportingOverflow(femtoUSD)
            cost.femtoUSD = isOver ? .max : sum
            if row.isSubscription { addSubscription(femtoUSD) }
        } else {
            unpricedEvents &+= usage
        }
        firstMs = min(firstMs, effectiveMs)
        lastMs = max(lastMs, effectiveMs)
    }

    private mutating func addSubscription(_ femtoUSD: Int128) {
        let (sum, isOver) = subscriptionCost.femtoUSD.addingReportingOverflow(femtoUSD)
        subscriptionCost.femtoUSD = isOver ? .max : sum
    }

    @inline(__always)
    private static func add(_ value: Int64, to sum: inout Int64) {
        let (result, isOver) = sum.addingReportingOverflow(value)
        sum = isOver ? .max : result
    }
}
