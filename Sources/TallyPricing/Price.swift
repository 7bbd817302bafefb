package import TallyModel

/// What a price book says of one event: an exact amount, or why there is none. Never $0 in silence.
package enum Price: Hashable, Sendable {
    /// `assumedCacheLifetime`: cache writes of unknown lifetime were priced at the five-minute rate, and no reported cost
    /// told that it is theirs (`CacheLifetime`).
    case priced(Money, assumedCacheLifetime: Bool)
    case unpriced(Unpriced)

    /// The amount; nil where unpriced.
    package var money: Money? {
        if case .priced(let money, _) = self { money } else { nil }
    }
}

/// Why an event has no price.
package enum Unpriced: Hashable, Sendable {
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
