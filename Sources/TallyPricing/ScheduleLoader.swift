import TallyModel

/// Reads the rates of a row: the base, its bands, and what a speed, tier or region changes.
enum ScheduleLoader {
    /// `rates` and `bands` of a row or of an alternative.
    static func schedule(_ fields: BookFields) throws(PriceBookError) -> Schedule {
        var bands = [
            Schedule.Band(fromTokens: 0, rates: try rates(try fields.required("rates"), fields, "rates"))
        ]
        guard let list = fields.optional("bands") else { return Schedule(bands: bands) }
        guard case .array(let values) = list else { throw fields.refused("bands", .wrongType) }
        guard values.count < Limits.priceBandsMax else { throw fields.refused("bands", .tooMany) }
        for (index, value) in values.enumerated() {
            let name = "bands[\(index)]"
            let band = try BookFields(
                value, row: fields.row, path: fields.place(name), allowed: ["above", "from", "rates"])
            let start = try threshold(band)
            guard start > bands[bands.count - 1].fromTokens else { throw fields.refused(name, .bandOrder) }
            bands.append(
                Schedule.Band(fromTokens: start, rates: try rates(try band.required("rates"), band, "rates")))
        }
        return Schedule(bands: bands)
    }

    /// Exactly one of `above` (more than) and `from` (at least), in tokens of the whole prompt.
    private static func threshold(_ band: BookFields) throws(PriceBookError) -> UInt64 {
        if band.optional("above") != nil {
            guard band.optional("from") == nil else { throw band.refused("from", .unknownKey) }
            return UInt64(try band.integer("above", max: 1 << 40)) + 1
        }
        return UInt64(try band.integer("from", max: 1 << 40))
    }

    /// Rates are micro-USD per million tokens, which are pico-USD a token, kept as femto-USD.
    private static func rates(
        _ value: JSONValue, _ parent: BookFields, _ name: String
    ) throws(PriceBookError) -> Rates {
        let fields = try BookFields(
            value, row: parent.row, path: parent.place(name),
            allowed: ["input", "output", "cache_write_5m", "cache_write_1h", "cache_read"])
        var rates = Rates(
            input: try fields.integer("input", max: Limits.priceRateMax) * 1_000,
            output: try fields.integer("output", max: Limits.priceRateMax) * 1_000)
        rates.cacheWrite5m = try rate(fields, "cache_write_5m")
        rates.cacheWrite1h = try rate(fields, "cache_write_1h")
        rates.cacheRead = try rate(fields, "cache_read")
        return rates
    }

    private static func rate(_ fields: BookFields, _ name: String) throws(PriceBookError) -> Int64? {
        guard fields.optional(name) != nil else { return nil }
        return try fields.integer(name, max: Limits.priceRateMax) * 1_000
    }

    /// `{"fast": {"times": [2, 1]}}` or `{"fast": {"rates": {…}, "bands": […]}}`, keyed by the schema's words.
    static func alternatives<Word: Vocabulary>(
        _ fields: BookFields, _ name: String, of words: [Word]
    ) throws(PriceBookError) -> [Word: Alternative] {
        guard let value = fields.optional(name) else { return [:] }
        let list = try BookFields(value, row: fields.row, path: name, allowed: words.map(\.name))
        var found: [Word: Alternative] = [:]
        for word in words {
            guard let value = list.optional(word.name) else { continue }
            let item = try BookFields(
                value, row: fields.row, path: list.place(word.name), allowed: ["times", "rates", "bands"])
            if let times = item.optional("times") {
                for other in ["rates", "bands"] where item.optional(other) != nil {
                    throw item.refused(other, .unknownKey)
                }
                found[word] = .times(try factor(times, item))
            } else {
                found[word] = .own(try schedule(item))
            }
        }
        return found
    }

    private static func factor(_ value: JSONValue, _ fields: BookFields) throws(PriceBookError) -> Factor {
        guard case .array(let parts) = value, parts.count == 2, case .integer(let numerator) = parts[0],
            case .integer(let denominator) = parts[1]
        else { throw fields.refused("times", .wrongType) }
        guard numerator >= 0, denominator >= 0 else { throw fields.refused("times", .negative) }
        guard denominator > 0 else { throw fields.refused("times", .empty) }
        guard numerator <= Limits.priceFactorMax, denominator <= Limits.priceFactorMax else {
            throw fields.refused("times", .tooLarge)
        }
        return Factor(numerator: numerator, denominator: denominator)
    }
}
