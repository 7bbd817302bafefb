package import TallyModel

/// What one model costs for a while, served one way: found once for many events, asked for each.
///
/// It holds for effective times in `validFrom ..< validTo` and for its `serving` alone; its owner looks before each event.
package struct Tariff: Sendable {
    package let validFrom: Int64
    package let validTo: Int64
    package let serving: Int
    /// A run of the table's bands; none where there is no rate.
    let firstBand: Int32
    let lastBand: Int32
    let webSearch: Int64?

    /// Fits nothing.
    package static let none = Tariff(validFrom: 0, validTo: 0, serving: -1, firstBand: 0, lastBand: 0, webSearch: nil)

    @inline(__always)
    package func holds(at effectiveMs: Int64, serving: Int) -> Bool {
        validFrom <= effectiveMs && effectiveMs < validTo && serving == self.serving
    }

    /// The number of a way of being served, from the raw values of speed, tier and region.
    package static func serving(_ speed: Speed, _ tier: Tier, _ region: Region) -> Int {
        Serving(speed, tier, region).slot
    }
}

/// A price that is none.
package let unpricedFemtoUSD = Int128.min

extension PriceBook {
    /// The tariff of `model` at `effectiveMs`, for as long as it holds.
    package func tariff(of model: Model?, effectiveMs: Int64, serving: Int) -> Tariff {
        guard let model else {
            return Tariff(validFrom: .min, validTo: .max, serving: serving, firstBand: 0, lastBand: 0, webSearch: nil)
        }
        return table.tariff(of: model, effectiveMs: effectiveMs, serving: serving)
    }

    /// The prices of `rows` rows in femto-USD, `unpricedFemtoUSD` where there is none. `kinds` are the rows' raw kinds,
    /// `which` their tariffs' places in `tariffs`; what a row that is no usage and no correction gets means nothing.
    /// `costs` are the reported costs as the batch has them: nano-USD + 1, 0 where none is told.
    package func price(
        _ words: Span<UInt32>, capacity: Int, rows: Int, kinds: Span<UInt8>, costs: Span<UInt64>, which: Span<UInt16>,
        _ tariffs: Span<Tariff>, into prices: inout [Int128]
    ) {
        table.price(words, capacity, rows, kinds, costs, which, tariffs, &prices)
    }
}

extension PriceTable {
    func tariff(of model: PriceBook.Model, effectiveMs: Int64, serving: Int) -> Tariff {
        for period in periods[model.first..<(model.first + model.count)]
        where period.validFrom <= effectiveMs && effectiveMs < period.validTo {
            let slot = slots[period.firstSlot + serving]
            return Tariff(
                validFrom: period.validFrom, validTo: period.validTo, serving: serving,
                firstBand: Int32(slot.firstBand), lastBand: Int32(slot.firstBand + slot.bandCount),
                webSearch: period.webSearch)
        }
        // No row is valid now; one may be at the next instant.
        return Tariff(
            validFrom: effectiveMs, validTo: effectiveMs + 1, serving: serving, firstBand: 0, lastBand: 0,
            webSearch: nil)
    }

    /// The same sums as `price(_:of:effectiveMs:)`, without a reason where there is none.
    func price(
        _ words: Span<UInt32>, _ capacity: Int, _ rows: Int, _ kinds: Span<UInt8>, _ costs: Span<UInt64>,
        _ which: Span<UInt16>, _ tariffs: Span<Tariff>, _ prices: inout [Int128]
    ) {
        let input = words.extracting(0..<rows)
        let read = words.extracting(capacity..<capacity + rows)
        let write5m = words.extracting(2 * capacity..<2 * capacity + rows)
        let write1h = words.extracting(3 * capacity..<3 * capacity + rows)
        let unknown = words.extracting(4 * capacity..<4 * capacity + rows)
        let output = words.extracting(5 * capacity..<5 * capacity + rows)
        let searches = words.extracting(7 * capacity..<7 * capacity + rows)
        let context = words.extracting(10 * capacity..<10 * capacity + rows)
        let flat = flat.span
        let correction = EventKind.correction.rawValue
        let usage = EventKind.usage.rawValue
        var out = prices.mutableSpan
        for row in 0..<rows {
            let tariff = tariffs[Int(which[row])]
            guard tariff.firstBand < tariff.lastBand else {
                out[row] = unpricedFemtoUSD
                continue
            }
            let write = UInt64(write5m[row]) &+ UInt64(unknown[row])
            var place = tariff.firstBand
            if place &+ 1 < tariff.lastBand {
                let own =
                    UInt64(input[row]) &+ UInt64(read[row]) &+ write &+ UInt64(write1h[row])
                // Of a correction the whole request's; encoded as value + 1.
                let prompt = kinds[row] == correction ? UInt64(max(context[row], 1) &- 1) : own
                while place &+ 1 < tariff.lastBand, flat[Int(place) + 1].fromTokens <= prompt { place &+= 1 }
            }
            let band = flat[Int(place)]
            if unknown[row] != 0, costs[row] != 0, kinds[row] == usage {
                out[row] = band.told(
                    input[row], read[row], write5m[row], write1h[row], output[row], searches: searches[row],
                    tariff.webSearch, unknown: unknown[row], reportedNanoUSD: costs[row] &- 1)
                continue
            }
            let unpriced =
                (read[row] & band.noCacheRead) | (write1h[row] & band.noCacheWrite1h)
                | ((write5m[row] | unknown[row]) & band.noCacheWrite5m)
            guard unpriced == 0 else {
                out[row] = unpricedFemtoUSD
                continue
            }
            let tokens = UInt64(input[row] | read[row] | write1h[row] | output[row]) | write
            if searches[row] == 0, tokens < PriceTable.smallTokens, band.isSmall {
                // Five products below 2⁶¹: the sum stays within 64 bits.
                let femto =
                    band.input &* UInt64(input[row]) &+ band.output &* UInt64(output[row])
                    &+ band.cacheRead &* UInt64(read[row]) &+ band.cacheWrite5m &* write
                    &+ band.cacheWrite1h &* UInt64(write1h[row])
                out[row] = Int128(femto)
            } else {
                out[row] = band.wide(
                    input[row], read[row], write, write1h[row], output[row], searches: searches[row],
                    tariff.webSearch)
            }
        }
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

    /// With a cache write whose lifetime the reported cost may tell.
    func told(
        _ input: UInt32, _ read: UInt32, _ write5m: UInt32, _ write1h: UInt32, _ output: UInt32, searches: UInt32,
        _ webSearch: Int64?, unknown: UInt32, reportedNanoUSD: UInt64
    ) -> Int128 {
        let unpriced = (read & noCacheRead) | (write1h & noCacheWrite1h) | (write5m & noCacheWrite5m)
        guard unpriced == 0 else { return unpricedFemtoUSD }
        let base = wide(input, read, UInt64(write5m), write1h, output, searches: searches, webSearch)
        guard base != unpricedFemtoUSD else { return unpricedFemtoUSD }
        return CacheLifetime.price(
            base, tokens: unknown, at5m: noCacheWrite5m == 0 ? Int64(cacheWrite5m) : nil,
            at1h: noCacheWrite1h == 0 ? Int64(cacheWrite1h) : nil, reportedNanoUSD: reportedNanoUSD
        )?.femtoUSD ?? unpricedFemtoUSD
    }

    /// Any numbers, and web searches.
    func wide(
        _ input: UInt32, _ read: UInt32, _ write5m: UInt64, _ write1h: UInt32, _ output: UInt32, searches: UInt32,
        _ webSearch: Int64?
    ) -> Int128 {
        var femto = Int128(self.input) * Int128(input) + Int128(self.output) * Int128(output)
        femto += Int128(cacheRead) * Int128(read) + Int128(cacheWrite5m) * Int128(write5m)
        femto += Int128(cacheWrite1h) * Int128(write1h)
        guard searches > 0 else { return femto }
        guard let webSearch else { return unpricedFemtoUSD }
        return femto + Int128(webSearch) * Int128(searches)
    }
}
