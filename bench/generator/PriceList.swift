package import TallyModel

/// What the generated models cost, typed a third time from the published list: neither the product's book nor
/// the oracle's, so that an error in one of them shows.
///
/// Rates are micro-USD per million tokens, which is pico-USD a token; femto-USD leave room for the multipliers.
package struct PriceList: Sendable {
    private struct Rates: Sendable {
        var input: Int128
        var output: Int128
        var write5m: Int128?
        var write1h: Int128?
        /// Nil where the list has no rate.
        var read: Int128?
    }

    private struct Row: Sendable {
        var names: [String]
        var rates: Rates
        /// Above so many prompt tokens the whole request costs the second rates.
        var above: Int?
        var aboveRates: Rates?
        var fast: Int128?
        /// From, and up to but not at, in milliseconds since 1970.
        var from: Int64 = .min
        var until: Int64 = .max
        var isClaude: Bool
        var hasTiers = false
    }

    /// One search at $10 per 1,000.
    private static let searchFemto: Int128 = 10_000_000_000_000
    /// 2026-10-07T00:00:00Z
    private static let october7: Int64 = 1_791_331_200_000

    /// 2027-01-01T00:00:00Z
    private static let newYear2027: Int64 = 1_798_761_600_000

    private let rows: [Row]

    package init() {
        rows = PriceList.claudeRows + PriceList.codexRows + PriceList.geminiRows
    }

    /// What `event` costs, or nil if it is unpriced.
    package func cost(of event: Event) -> Money? {
        guard let label = event.model, let row = row(label.text, at: event.timeMs),
            let (numerator, denominator) = factor(event, row)
        else { return nil }
        let isAbove = row.above.map { event.promptTokens > UInt64($0) } ?? false
        let rates = isAbove ? row.aboveRates ?? row.rates : row.rates
        var pico = Int128(event.inputTokens) * rates.input + Int128(event.outputTokens) * rates.output
        for (tokens, rate) in [
            (event.cacheWrite5mTokens, rates.write5m), (event.cacheWrite1hTokens, rates.write1h),
            (event.cacheWriteUnknownTokens, rates.write5m), (event.cacheReadTokens, rates.read),
        ] where tokens > 0 {
            guard let rate else { return nil }
            pico += Int128(tokens) * rate
        }
        let femto = pico * 1_000 * numerator
        precondition(femto % denominator == 0, "the list's multipliers leave no fraction of a femto-dollar")
        guard event.webSearches == 0 || row.isClaude else { return nil }
        return Money(femtoUSD: femto / denominator + Int128(event.webSearches) * PriceList.searchFemto)
    }

    private func row(_ label: String, at timeMs: Int64) -> Row? {
        rows.first { $0.names.contains(label) && $0.from <= timeMs && timeMs < $0.until }
    }

    /// Speed, tier and region as one fraction; nil where the row has no rate for one of them.
    private func factor(_ event: Event, _ row: Row) -> (Int128, Int128)? {
        var numerator: Int128 = 1
        var denominator: Int128 = 1
        if event.speed == .fast {
            guard let fast = row.fast else { return nil }
            numerator *= fast
        }
        switch event.tier {
        case .unknown, .standard: break
        case .batch where row.isClaude: denominator *= 2
        case .flex where row.hasTiers: denominator *= 2
        case .priority where row.hasTiers: numerator *= 2
        default: return nil
        }
        switch event.region {
        case .unknown, .global: break
        case .us where row.isClaude: (numerator, denominator) = (numerator * 11, denominator * 10)
        default: return nil
        }
        return (numerator, denominator)
    }

    private static func claude(
        _ names: [String], _ input: Int128, _ output: Int128, _ write5m: Int128, _ write1h: Int128, _ read: Int128,
        fast: Int128? = nil
    ) -> Row {
        Row(
            names: names,
            rates: Rates(input: input, output: output, write5m: write5m, write1h: write1h, read: read),
            fast: fast, isClaude: true)
    }

    private static var claudeRows: [Row] {
        var sonnet45 = claude(
            ["claude-sonnet-4-5-20250929"], 3_000_000, 15_000_000, 3_750_000, 6_000_000, 300_000)
        sonnet45.above = 200_000
        sonnet45.aboveRates = Rates(
            input: 6_000_000, output: 22_500_000, write5m: 7_500_000, write1h: 12_000_000, read: 600_000)
        var sonnet55Early = claude(["claude-sonnet-5-5"], 2_000_000, 10_000_000, 2_500_000, 4_000_000, 200_000)
        sonnet55Early.until = october7
        var sonnet55 = claude(["claude-sonnet-5-5"], 2_000_000, 10_000_000, 2_500_000, 4_000_000, 100_000)
        sonnet55.from = october7
        var haiku55 = claude(["claude-haiku-5-5"], 100_000, 500_000, 125_000, 200_000, 10_000)
        haiku55.above = 100_000
        haiku55.aboveRates = Rates(
            input: 500_000, output: 2_500_000, write5m: 625_000, write1h: 1_000_000, read: 50_000)
        haiku55.from = october7
        return [
            claude(["claude-opus-5-5"], 4_000_000, 20_000_000, 5_000_000, 8_000_000, 200_000, fast: 2),
            claude(["claude-opus-4-8"], 5_000_000, 25_000_000, 6_250_000, 10_000_000, 500_000, fast: 2),
            claude(["claude-haiku-4-5-20251001"], 1_000_000, 5_000_000, 1_250_000, 2_000_000, 100_000),
            sonnet45, sonnet55Early, sonnet55, haiku55,
        ]
    }

    private static var codexRows: [Row] {
        func codex(_ name: String, _ input: Int128, _ output: Int128, _ read: Int128) -> Row {
            Row(names: [name], rates: Rates(input: input, output: output, read: read), isClaude: false)
        }
        var codex53 = codex("gpt-5.3-codex", 1_750_000, 14_000_000, 175_000)
        codex53.above = 272_000
        codex53.aboveRates = Rates(input: 3_500_000, output: 21_000_000, read: 350_000)
        codex53.hasTiers = true
        return [
            codex53, codex("gpt-6.1-sol", 2_000_000, 10_000_000, 100_000),
            codex("gpt-6.1-terra", 1_000_000, 5_000_000, 50_000),
        ]
    }

    /// The published list had no rate for what 3.8 Flash reads from a cache.
    private static var geminiRows: [Row] {
        func gemini(_ name: String, _ input: Int128, _ output: Int128, _ read: Int128?) -> Row {
            Row(names: [name], rates: Rates(input: input, output: output, read: read), isClaude: false)
        }
        var pro31 = gemini("gemini-3.1-pro", 2_000_000, 12_000_000, 200_000)
        pro31.above = 200_000
        pro31.aboveRates = Rates(input: 4_000_000, output: 18_000_000, read: 400_000)
        var pro25 = gemini("gemini-2.5-pro", 1_250_000, 10_000_000, 125_000)
        pro25.above = 200_000
        pro25.aboveRates = Rates(input: 2_500_000, output: 15_000_000, read: 250_000)
        var flash38 = gemini("gemini-3.8-flash", 750_000, 3_750_000, nil)
        flash38.until = newYear2027
        return [pro31, pro25, gemini("gemini-2.5-flash", 300_000, 2_500_000, 30_000), flash38]
    }
}
