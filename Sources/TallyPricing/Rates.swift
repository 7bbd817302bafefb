import TallyModel

/// What one token of each class costs, in femto-USD. A class without a rate is nil: tokens of it leave the
/// event unpriced, because $0 would be a guess.
struct Rates: Hashable, Sendable {
    var input: Int64
    var output: Int64
    var cacheWrite5m: Int64?
    var cacheWrite1h: Int64?
    var cacheRead: Int64?

    /// Every rate times `factor`, or nil if one would not be a whole number or is over the bound.
    func times(_ factor: Factor) -> Rates? {
        guard let input = factor.times(input), let output = factor.times(output) else { return nil }
        var result = Rates(input: input, output: output)
        for path in [\Rates.cacheWrite5m, \Rates.cacheWrite1h, \Rates.cacheRead] {
            guard let rate = self[keyPath: path] else { continue }
            guard let product = factor.times(rate) else { return nil }
            result[keyPath: path] = product
        }
        return result
    }
}

/// An exact multiplier such as 11/10.
struct Factor: Hashable, Sendable {
    var numerator: Int64
    var denominator: Int64

    static let one = Factor(numerator: 1, denominator: 1)

    /// Precondition: at most three factors of `Limits.priceFactorMax` are combined.
    static func * (left: Factor, right: Factor) -> Factor {
        Factor(numerator: left.numerator * right.numerator, denominator: left.denominator * right.denominator)
    }

    func times(_ rate: Int64) -> Int64? {
        let product = Int128(rate) * Int128(numerator)
        let (quotient, remainder) = product.quotientAndRemainder(dividingBy: Int128(denominator))
        return remainder == 0 && quotient <= Int128(Limits.priceTokenFemtoMax) ? Int64(quotient) : nil
    }
}

/// Rates by the size of the whole prompt. A request is priced entirely in one band.
///
/// Invariant: `bands` is not empty, the first starts at 0, the starts rise.
struct Schedule: Hashable, Sendable {
    struct Band: Hashable, Sendable {
        /// The smallest prompt, in tokens, that this band prices. "Above n" is kept as n + 1.
        var fromTokens: UInt64
        var rates: Rates
    }

    var bands: [Band]

    func times(_ factor: Factor) -> Schedule? {
        var result = self
        for index in bands.indices {
            guard let rates = bands[index].rates.times(factor) else { return nil }
            result.bands[index].rates = rates
        }
        return result
    }
}

/// How a speed, tier or region is priced: a multiplier on whatever else applies, or rates of its own.
enum Alternative: Hashable, Sendable {
    case times(Factor)
    case own(Schedule)
}
