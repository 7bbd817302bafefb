/// A row of a price book as its file says it, for people: what `prices show` prints and `prices check` compares.
/// Pricing itself reads `PriceTable` alone.
package struct PriceRowFacts: Hashable, Sendable {
    /// Where it stands in the file, from 1.
    package let number: Int
    package let provider: String
    package let names: [String]
    package let isDated: Bool
    /// Milliseconds since 1970, UTC: from inclusive, to exclusive; nil = without end.
    package let validFromMs: Int64?
    package let validToMs: Int64?
    /// The first begins at 0 tokens.
    package let bands: [Band]
    package let alternatives: [Alternative]
    /// Micro-USD per 1,000 searches; nil where the row gives none.
    package let webSearchPer1000: Int64?
    package let source: String
    /// A date, as the file has it.
    package let checkedOn: String

    /// What prompts of at least so many tokens cost, in micro-USD per million tokens; a class without a rate is missing.
    package struct Band: Hashable, Sendable {
        package let fromTokens: UInt64
        package let rates: [Rate]
    }

    /// Named as in the file.
    package struct Rate: Hashable, Sendable {
        package let name: String
        package let microUSD: Int64
    }

    /// What a speed, tier or region changes: a multiplier, or bands of its own.
    package struct Alternative: Hashable, Sendable {
        /// `speeds.fast`, `tiers.batch`, `regions.us`.
        package let name: String
        /// Numerator and denominator; nil where it has its own bands.
        package let times: [Int64]?
        package let bands: [Band]
    }

    /// One field of a row with its value as text.
    package struct Field: Hashable, Sendable {
        package let name: String
        package let text: String
    }

    /// Every field that the row has, in the order of the file's description. Equal rows have equal fields.
    package var fields: [Field] {
        var fields = [
            Field(name: "provider", text: provider), Field(name: "models", text: names.joined(separator: ", ")),
            Field(name: "dated", text: isDated ? "yes" : "no"), Field(name: "valid", text: period),
        ]
        fields += Self.fields(bands, in: "")
        for alternative in alternatives {
            if let times = alternative.times {
                fields.append(Field(name: alternative.name, text: "times \(times[0])/\(times[1])"))
            } else {
                fields += Self.fields(alternative.bands, in: alternative.name + ".")
            }
        }
        if let webSearchPer1000 {
            fields.append(Field(name: "web_search_per_1000", text: PriceText.usd(webSearchPer1000)))
        }
        fields.append(Field(name: "source", text: source))
        fields.append(Field(name: "checked_on", text: checkedOn))
        return fields
    }

    private static func fields(_ bands: [Band], in place: String) -> [Field] {
        bands.flatMap { band in
            let size = band.fromTokens == 0 ? "" : " from \(band.fromTokens) tokens"
            return band.rates.map { rate in
                Field(name: "\(place)\(rate.name)\(size)", text: PriceText.usd(rate.microUSD))
            }
        }
    }

    /// `from 2026-10-07 to 2027-01-01`, `always`.
    package var period: String {
        switch (validFromMs.map(PriceDate.text), validToMs.map(PriceDate.text)) {
        case (nil, nil): "always"
        case (let from?, nil): "from \(from)"
        case (nil, let to?): "before \(to)"
        case (let from?, let to?): "from \(from), before \(to)"
        }
    }

    package func isValid(at ms: Int64) -> Bool { (validFromMs ?? .min) <= ms && ms < (validToMs ?? .max) }
}

extension PriceRowFacts {
    /// From what the loader read. `validFrom` and `validTo` are `.min` and `.max` where there is no end.
    init(
        number: Int, provider: String, names: [String], isDated: Bool, validFrom: Int64, validTo: Int64, base: Schedule,
        speeds: [(name: String, TallyPricing.Alternative)], tiers: [(name: String, TallyPricing.Alternative)],
        regions: [(name: String, TallyPricing.Alternative)], webSearchPer1000: Int64?, source: String, checkedOn: String
    ) {
        self.init(
            number: number, provider: provider, names: names, isDated: isDated,
            validFromMs: validFrom == .min ? nil : validFrom, validToMs: validTo == .max ? nil : validTo,
            bands: base.bands.map(Band.init),
            alternatives: [("speeds", speeds), ("tiers", tiers), ("regions", regions)].flatMap { kind, words in
                words.map { Alternative(name: "\(kind).\($0.name)", $0.1) }
            }, webSearchPer1000: webSearchPer1000, source: source, checkedOn: checkedOn)
    }
}

extension PriceRowFacts.Band {
    init(_ band: Schedule.Band) {
        let rates: [(String, Int64?)] = [
            ("input", band.rates.input), ("output", band.rates.output), ("cache_write_5m", band.rates.cacheWrite5m),
            ("cache_write_1h", band.rates.cacheWrite1h), ("cache_read", band.rates.cacheRead),
        ]
        // Femto-USD a token, as they are kept, are a thousandth of micro-USD per million.
        self.init(
            fromTokens: band.fromTokens,
            rates: rates.compactMap { name, femto in femto.map { PriceRowFacts.Rate(name: name, microUSD: $0 / 1_000) }
            })
    }
}

extension PriceRowFacts.Alternative {
    init(name: String, _ alternative: TallyPricing.Alternative) {
        switch alternative {
        case .times(let factor):
            self.init(name: name, times: [factor.numerator, factor.denominator], bands: [])
        case .own(let schedule):
            self.init(name: name, times: nil, bands: schedule.bands.map(PriceRowFacts.Band.init))
        }
    }
}

/// How a price is written for people.
package enum PriceText {
    /// Micro-USD as dollars: exact, with at least two decimals (`$1.75`, `$0.025`).
    package static func usd(_ microUSD: Int64) -> String {
        let (whole, rest) = microUSD.quotientAndRemainder(dividingBy: 1_000_000)
        var digits = String(rest)
        digits = String(repeating: "0", count: 6 - digits.count) + digits
        while digits.count > 2, digits.last == "0" { digits.removeLast() }
        return "$\(whole).\(digits)"
    }
}
