package import TallyModel

/// What a price book says of one event: an exact amount, or why there is none. Never $0 in silence.
package enum Price: Hashable, Sendable {
    /// `assumedCacheLifetime`: cache writes of unknown lifetime were priced at the five-minute rate.
    case priced(Money, assumedCacheLifetime: Bool)
    case unpriced(Unpriced)

    /// The amount; nil where unpriced.
    package var money: Money? {
        if case .priced(let money, _) = self { money } else { nil }
    }
}

/// Why an event has no price.
package enum Unpriced: Error, Hashable, Sendable {
    /// Events other than usage and correction have no price, nor has one without a model.
    case nothingToPrice
    /// No row names the model.
    case model
    /// Rows name the model, none is valid at the event's time.
    case time
    /// The row has no rate for this speed, tier or region, or not for these together.
    case speed, tier, region, combination
    /// The row has no rate for a class of tokens, or for web searches, that the event has.
    case cacheWrite, cacheRead, webSearch
}

extension PriceRow {
    /// The price of a usage or correction event that falls in this row.
    ///
    /// The whole prompt picks the band and every token is priced in it. A correction brings the request's whole
    /// prompt (`context_tokens`) and prices its own growth alone: what was sent before keeps its band, even
    /// where the growth crossed a threshold.
    func price(_ event: Event) -> Price {
        let rates: Rates
        switch schedule(event) {
        case .failure(let reason): return .unpriced(reason)
        case .success(let schedule):
            let prompt = event.kind == .correction ? UInt64(event.contextTokens ?? 0) : event.promptTokens
            rates = schedule.rates(prompt: prompt)
        }
        // Reasoning is part of the output and adds nothing.
        var femto = Int128(rates.input) * Int128(event.inputTokens) + Int128(rates.output) * Int128(event.outputTokens)
        guard PriceRow.add(event.cacheReadTokens, rates.cacheRead, to: &femto) else { return .unpriced(.cacheRead) }
        guard PriceRow.add(event.cacheWrite5mTokens, rates.cacheWrite5m, to: &femto),
            PriceRow.add(event.cacheWrite1hTokens, rates.cacheWrite1h, to: &femto),
            PriceRow.add(event.cacheWriteUnknownTokens, rates.cacheWrite5m, to: &femto)
        else { return .unpriced(.cacheWrite) }
        guard PriceRow.add(UInt32(event.webSearches), webSearch, to: &femto) else { return .unpriced(.webSearch) }
        return .priced(Money(femtoUSD: femto), assumedCacheLifetime: event.cacheWriteUnknownTokens > 0)
    }

    /// Adds `count` at `rate`; false where there is something to price and no rate.
    private static func add(_ count: UInt32, _ rate: Int64?, to femto: inout Int128) -> Bool {
        guard count > 0 else { return true }
        guard let rate else { return false }
        femto += Int128(rate) * Int128(count)
        return true
    }
}
