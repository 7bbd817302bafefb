package import TallyModel

/// What one model costs for a while, served one way: found once for many events, asked for each.
///
/// It holds for effective times in `validFrom ..< validTo` and for its `serving` alone; its owner looks before each event.
package struct Tariff: Sendable {
    package let validFrom: Int64
    package let validTo: Int64
    package let serving: Int
    let bands: Range<Int>
    let webSearch: Int64?

    /// Fits nothing.
    package static let none = Tariff(validFrom: 0, validTo: 0, serving: -1, bands: 0..<0, webSearch: nil)

    @inline(__always)
    package func holds(at effectiveMs: Int64, serving: Int) -> Bool {
        validFrom <= effectiveMs && effectiveMs < validTo && serving == self.serving
    }

    /// The number of a way of being served, from the raw values of speed, tier and region.
    package static func serving(_ speed: Speed, _ tier: Tier, _ region: Region) -> Int {
        Serving(speed, tier, region).slot
    }
}

/// What a call used, as far as a price depends on it.
package struct TokenUse: Sendable {
    /// Which band prices it; of a correction the whole request's.
    package var prompt: UInt64
    package var input: UInt32
    package var cacheRead: UInt32
    package var cacheWrite5m: UInt32
    package var cacheWrite1h: UInt32
    package var cacheWriteUnknown: UInt32
    package var output: UInt32
    package var webSearches: UInt32

    package init(
        prompt: UInt64, input: UInt32, cacheRead: UInt32, cacheWrite5m: UInt32, cacheWrite1h: UInt32,
        cacheWriteUnknown: UInt32, output: UInt32, webSearches: UInt32
    ) {
        self.prompt = prompt
        self.input = input
        self.cacheRead = cacheRead
        self.cacheWrite5m = cacheWrite5m
        self.cacheWrite1h = cacheWrite1h
        self.cacheWriteUnknown = cacheWriteUnknown
        self.output = output
        self.webSearches = webSearches
    }
}

extension PriceBook {
    /// The tariff of `model` at `effectiveMs`, for as long as it holds.
    package func tariff(of model: Model?, effectiveMs: Int64, serving: Int) -> Tariff {
        guard let model else {
            return Tariff(validFrom: .min, validTo: .max, serving: serving, bands: 0..<0, webSearch: nil)
        }
        return table.tariff(of: model, effectiveMs: effectiveMs, serving: serving)
    }

    /// The price in femto-USD; nil where there is none.
    package func femtoUSD(_ use: TokenUse, by tariff: Tariff) -> Int128? { table.femtoUSD(use, by: tariff) }
}

extension PriceTable {
    func tariff(of model: PriceBook.Model, effectiveMs: Int64, serving: Int) -> Tariff {
        for period in periods[model.first..<(model.first + model.count)]
        where period.validFrom <= effectiveMs && effectiveMs < period.validTo {
            let slot = slots[period.firstSlot + serving]
            return Tariff(
                validFrom: period.validFrom, validTo: period.validTo, serving: serving,
                bands: slot.firstBand..<slot.firstBand + slot.bandCount, webSearch: period.webSearch)
        }
        // No row is valid now; one may be at the next instant.
        return Tariff(
            validFrom: effectiveMs, validTo: effectiveMs + 1, serving: serving, bands: 0..<0, webSearch: nil)
    }

    /// The same sum as `price(_:of:effectiveMs:)`, without a reason where there is none.
    func femtoUSD(_ use: TokenUse, by tariff: Tariff) -> Int128? {
        guard !tariff.bands.isEmpty else { return nil }
        var place = tariff.bands.lowerBound
        while place + 1 < tariff.bands.upperBound, flat[place + 1].fromTokens <= use.prompt { place += 1 }
        let band = flat[place]
        let write5m = UInt64(use.cacheWrite5m) &+ UInt64(use.cacheWriteUnknown)
        let tokens = UInt64(use.input | use.cacheRead | use.cacheWrite1h | use.output) | write5m
        let unpriced =
            (use.cacheRead & band.noCacheRead) | (use.cacheWrite1h & band.noCacheWrite1h)
            | ((use.cacheWrite5m | use.cacheWriteUnknown) & band.noCacheWrite5m)
        guard unpriced == 0 else { return nil }
        guard use.webSearches == 0, tokens < PriceTable.smallTokens, band.isSmall else {
            return band.wide(use, write5m: write5m, webSearch: tariff.webSearch)
        }
        // Five products below 2⁶¹: the sum stays within 64 bits.
        let femto =
            band.input &* UInt64(use.input) &+ band.output &* UInt64(use.output)
            &+ band.cacheRead &* UInt64(use.cacheRead) &+ band.cacheWrite5m &* write5m
            &+ band.cacheWrite1h &* UInt64(use.cacheWrite1h)
        return Int128(femto)
    }

    /// Tokens and rates below these bounds make products below 2⁶¹, five of which fit 64 bits.
    private static let smallTokens: UInt64 = 1 << 23
    static let smallRate: UInt64 = 1 << 38
}

/// A band's rates without optionals, in femto-USD a token: what nearly every event is priced by.
struct FlatBand: Sendable {
    let fromTokens: UInt64
    let input: UInt64
    let output: UInt64
    let cacheRead: UInt64
    let cacheWrite5m: UInt64
    let cacheWrite1h: UInt64
    /// All ones where a class of tokens has no rate.
    let noCacheRead: UInt32
    let noCacheWrite5m: UInt32
    let noCacheWrite1h: UInt32
    let isSmall: Bool

    init(_ band: Schedule.Band) {
        let rates = band.rates
        fromTokens = band.fromTokens
        input = UInt64(rates.input)
        output = UInt64(rates.output)
        cacheRead = UInt64(rates.cacheRead ?? 0)
        cacheWrite5m = UInt64(rates.cacheWrite5m ?? 0)
        cacheWrite1h = UInt64(rates.cacheWrite1h ?? 0)
        noCacheRead = rates.cacheRead == nil ? .max : 0
        noCacheWrite5m = rates.cacheWrite5m == nil ? .max : 0
        noCacheWrite1h = rates.cacheWrite1h == nil ? .max : 0
        isSmall = max(input, output, cacheRead, cacheWrite5m, cacheWrite1h) < PriceTable.smallRate
    }

    /// Any numbers, and web searches.
    func wide(_ use: TokenUse, write5m: UInt64, webSearch: Int64?) -> Int128? {
        var femto = Int128(input) * Int128(use.input) + Int128(output) * Int128(use.output)
        femto += Int128(cacheRead) * Int128(use.cacheRead) + Int128(cacheWrite5m) * Int128(write5m)
        femto += Int128(cacheWrite1h) * Int128(use.cacheWrite1h)
        guard use.webSearches > 0 else { return femto }
        guard let webSearch else { return nil }
        return femto + Int128(webSearch) * Int128(use.webSearches)
    }
}
