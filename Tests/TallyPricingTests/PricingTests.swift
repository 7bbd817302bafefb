import TallyModel
import TallyPricing
import Testing

@Suite("Pricing")
struct PricingTests {
    /// What one million tokens of each class cost, in micro-USD: the book's numbers seen from outside.
    struct Case: Sendable {
        var model: String
        var at: Int64 = november2026
        var speed: Speed = .unknown
        var tier: Tier = .unknown
        var region: Region = .unknown
        /// Whole prompt; chosen by a correction, so that the band does not depend on the tokens priced.
        var context: UInt32 = 1_000
        /// Input, output, write 5 m, write 1 h, read; nil = unpriced.
        var rates: [Int128?]
    }

    static let cases: [Case] = [
        Case(model: "claude-fable-5-1", rates: [10_000_000, 50_000_000, 12_500_000, 20_000_000, 250_000]),
        Case(model: "claude-opus-5-5", rates: [4_000_000, 20_000_000, 5_000_000, 8_000_000, 200_000]),
        Case(model: "claude-opus-5-5", speed: .fast, rates: [8_000_000, 40_000_000, 10_000_000, 16_000_000, 400_000]),
        Case(model: "claude-opus-5", speed: .fast, rates: [10_000_000, 50_000_000, 12_500_000, 20_000_000, 1_000_000]),
        Case(
            model: "claude-opus-4-6", speed: .fast, rates: [30_000_000, 150_000_000, 37_500_000, 60_000_000, 3_000_000]),
        Case(model: "claude-opus-4-5", rates: [5_000_000, 25_000_000, 6_250_000, 10_000_000, 500_000]),
        Case(model: "claude-opus-4-5", speed: .fast, rates: [nil, nil, nil, nil, nil]),
        Case(model: "claude-opus-4-1", rates: [15_000_000, 75_000_000, 18_750_000, 30_000_000, 1_500_000]),
        Case(
            model: "claude-sonnet-4-5", context: 200_000, rates: [3_000_000, 15_000_000, 3_750_000, 6_000_000, 300_000]),
        Case(
            model: "claude-sonnet-4-5", context: 200_001,
            rates: [6_000_000, 22_500_000, 7_500_000, 12_000_000, 600_000]),
        Case(
            model: "claude-sonnet-4-6", context: 900_000, rates: [3_000_000, 15_000_000, 3_750_000, 6_000_000, 300_000]),
        Case(
            model: "claude-sonnet-4-6", tier: .batch, region: .us,
            rates: [1_650_000, 8_250_000, 2_062_500, 3_300_000, 165_000]),
        Case(model: "claude-sonnet-4-6", region: .us, rates: [3_300_000, 16_500_000, 4_125_000, 6_600_000, 330_000]),
        Case(model: "claude-sonnet-4-6", tier: .batch, rates: [1_500_000, 7_500_000, 1_875_000, 3_000_000, 150_000]),
        Case(model: "claude-sonnet-4-6", region: .other, rates: [nil, nil, nil, nil, nil]),
        Case(model: "claude-sonnet-4-6", tier: .priority, rates: [nil, nil, nil, nil, nil]),
        Case(
            model: "claude-opus-5", speed: .fast, region: .us,
            rates: [11_000_000, 55_000_000, 13_750_000, 22_000_000, 1_100_000]),
        Case(
            model: "claude-opus-5", speed: .fast, tier: .batch,
            rates: [5_000_000, 25_000_000, 6_250_000, 10_000_000, 500_000]),
        Case(
            model: "claude-sonnet-5-5", at: october7th - 1,
            rates: [2_000_000, 10_000_000, 2_500_000, 4_000_000, 200_000]),
        Case(
            model: "claude-sonnet-5-5", at: october7th, rates: [2_000_000, 10_000_000, 2_500_000, 4_000_000, 100_000]),
        Case(model: "claude-haiku-5-5", at: october7th - 1, rates: [nil, nil, nil, nil, nil]),
        Case(
            model: "claude-haiku-5-5", at: october7th, context: 100_000,
            rates: [100_000, 500_000, 125_000, 200_000, 10_000]),
        Case(
            model: "claude-haiku-5-5", at: october7th, context: 100_001,
            rates: [500_000, 2_500_000, 625_000, 1_000_000, 50_000]),
        Case(model: "gpt-5.2", context: 272_000, rates: [1_750_000, 14_000_000, nil, nil, 175_000]),
        Case(model: "gpt-5.2", context: 272_001, rates: [3_500_000, 21_000_000, nil, nil, 350_000]),
        Case(model: "gpt-5.3-codex", tier: .priority, rates: [3_500_000, 28_000_000, nil, nil, 350_000]),
        Case(model: "gpt-5.3-codex", tier: .flex, rates: [875_000, 7_000_000, nil, nil, 87_500]),
        Case(model: "gpt-6.1-sol", rates: [2_000_000, 10_000_000, nil, nil, 100_000]),
        Case(model: "gpt-6-luna", rates: [100_000, 500_000, nil, nil, 10_000]),
        Case(model: "gemini-3.1-pro", context: 200_001, rates: [4_000_000, 18_000_000, nil, nil, 400_000]),
        Case(model: "gemini-3.7-flash", rates: [750_000, 3_750_000, nil, nil, nil]),
        // 2027-01-01T00:00:00Z
        Case(model: "gemini-3.7-flash", at: 1_798_761_599_999, rates: [750_000, 3_750_000, nil, nil, nil]),
        Case(model: "gemini-3.7-flash", at: 1_798_761_600_000, rates: [1_500_000, 7_500_000, nil, nil, nil]),
    ]

    @Test("Every class of token costs what the row of its day, band, speed, tier and region says", arguments: cases)
    func rates(_ wanted: Case) throws {
        let book = try builtIn()
        let classes: [WritableKeyPath<Event, UInt32>] = [
            \.inputTokens, \.outputTokens, \.cacheWrite5mTokens, \.cacheWrite1hTokens, \.cacheReadTokens,
        ]
        for (path, rate) in zip(classes, wanted.rates) {
            let event = try usage(wanted.model) {
                $0.kind = .correction
                $0.contextTokens = wanted.context
                (($0.speed, $0.tier), $0.region) = ((wanted.speed, wanted.tier), wanted.region)
                $0[keyPath: path] = 1_000_000
            }
            let price = book.price(event, effectiveMs: wanted.at)
            #expect(microUSD(price) == rate, "\(wanted.model) \(path)")
        }
    }

    @Test("The cost that Claude itself reported for a one-hour cache write comes out to the last digit")
    func checkedCase() throws {
        let book = try builtIn()
        let oneHour = try usage("claude-haiku-4-5-20251001") {
            ($0.inputTokens, $0.outputTokens, $0.cacheReadTokens) = (10, 41, 17_536)
            $0.cacheWrite1hTokens = 6_646
        }
        let price = book.price(oneHour, effectiveMs: november2026)
        #expect(price == .priced(Money(femtoUSD: 15_260_600_000_000), assumedCacheLifetime: false))
        #expect(price.money?.nanoUSDRounded == 15_260_600)

        var unknown = oneHour
        (unknown.cacheWrite1hTokens, unknown.cacheWriteUnknownTokens) = (0, 6_646)
        #expect(
            book.price(unknown, effectiveMs: november2026)
                == .priced(Money(femtoUSD: 10_276_100_000_000), assumedCacheLifetime: true))
    }

    @Test("The band of a call is chosen by its whole prompt, cache included, and prices all of it")
    func wholePrompt() throws {
        let book = try builtIn()
        let event = try usage("claude-sonnet-4-20250514") {
            ($0.inputTokens, $0.cacheReadTokens, $0.cacheWrite5mTokens) = (1, 150_000, 50_000)
            $0.outputTokens = 10
        }
        let above = 6 * 1 + 150_000 * 6 / 10 + 50_000 * 75 / 10 + 225
        #expect(microUSD(book.price(event, effectiveMs: november2026)) == Int128(above))
        var below = event
        below.inputTokens = 0
        #expect(microUSD(book.price(below, effectiveMs: november2026)) == Int128(232_650))
    }

    @Test("A correction prices its own growth in the band of its request's whole prompt")
    func correction() throws {
        let book = try builtIn()
        let growth = try usage("claude-sonnet-4-5") {
            $0.kind = .correction
            $0.outputTokens = 100
            $0.contextTokens = 250_000
        }
        #expect(microUSD(book.price(growth, effectiveMs: november2026)) == 2_250)
    }

    @Test("Reasoning is part of the output and costs nothing more; a web search costs a cent")
    func reasoningAndSearch() throws {
        let book = try builtIn()
        let event = try usage("claude-opus-4-8") {
            ($0.outputTokens, $0.reasoningTokens, $0.webSearches) = (1_000, 900, 3)
        }
        #expect(microUSD(book.price(event, effectiveMs: november2026)) == Int128(55_000))
    }

    @Test("What has no rate is unpriced with its reason, never zero and never standard")
    func unpriced() throws {
        let book = try builtIn()
        func reason(_ model: String, _ change: (inout Event) -> Void = { _ in }) throws -> Price {
            book.price(try usage(model, change), effectiveMs: november2026)
        }
        #expect(try reason("gpt-99") == .unpriced(.model))
        #expect(try reason("unlisted") == .unpriced(.model))
        #expect(try reason("claude-sonnet-4-6") { $0.tier = .flex } == .unpriced(.tier))
        #expect(try reason("claude-sonnet-4-6") { $0.speed = .fast } == .unpriced(.speed))
        #expect(try reason("gpt-5.2") { $0.region = .us } == .unpriced(.region))
        #expect(try reason("gpt-5.2") { $0.cacheWrite5mTokens = 1 } == .unpriced(.cacheWrite))
        #expect(try reason("gemini-3.6-flash") { $0.cacheReadTokens = 1 } == .unpriced(.cacheRead))
        #expect(try reason("gpt-5.2") { $0.webSearches = 1 } == .unpriced(.webSearch))
        #expect(try reason("claude-opus-5") { $0.kind = .sessionStart } == .unpriced(.nothingToPrice))
        #expect(
            book.price(try usage("claude-haiku-5-5"), effectiveMs: october7th - 1) == .unpriced(.time))
    }

    @Test("The largest event that the schema allows is priced exactly and traps nothing")
    func largest() throws {
        let most = Limits.tokensMax
        let book = try book(
            """
            {"provider":"x","models":["m"],"dated":false,"valid_from":null,"valid_to":null,
            "rates":{"input":1000000000000,"output":1000000000000,"cache_write_5m":1000000000000,
            "cache_write_1h":1000000000000,"cache_read":1000000000000},
            "speeds":{"fast":{"times":[100,1]}},"web_search_per_1000":100000000000,
            "source":"s","checked_on":"2026-01-01"}
            """)
        let event = try usage("m") {
            ($0.inputTokens, $0.outputTokens, $0.cacheReadTokens) = (most, most, most)
            ($0.cacheWrite5mTokens, $0.cacheWrite1hTokens, $0.cacheWriteUnknownTokens) = (most, most, most)
            ($0.webSearches, $0.speed) = (.max, .fast)
        }
        let tokens = Int128(6) * Int128(most) * 100_000_000_000_000_000
        let searches = Int128(UInt16.max) * 100_000_000_000_000_000
        #expect(book.price(event, effectiveMs: 0).money == Money(femtoUSD: tokens + searches))
    }

    @Test("The prices of the parts of a call add up to the price of the whole", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func parts(seed: UInt64) throws {
        print("seed \(seed)")
        var random = Seeded(seed)
        var pricer = Pricer(book: try builtIn())
        let models = ["claude-haiku-5-5", "claude-sonnet-4-5-20250929", "us.anthropic.claude-opus-4-6-v1"]
        for _ in 0..<200 {
            let context = UInt32.random(in: 1...400_000, using: &random)
            let tier: Tier = Bool.random(using: &random) ? .batch : .standard
            let empty = try usage(models.randomElement(using: &random) ?? "") {
                ($0.kind, $0.contextTokens, $0.tier, $0.region) = (.correction, context, tier, .us)
            }
            var whole = empty
            var sum = Money.zero
            for _ in 0..<5 {
                var part = empty
                part.inputTokens = .random(in: 0...1_000, using: &random)
                part.outputTokens = .random(in: 0...1_000, using: &random)
                part.cacheReadTokens = .random(in: 0...100_000, using: &random)
                part.cacheWrite1hTokens = .random(in: 0...10_000, using: &random)
                part.cacheWriteUnknownTokens = .random(in: 0...10_000, using: &random)
                sum += try require(pricer.price(part, effectiveMs: november2026).money)
                add(part, to: &whole)
            }
            #expect(pricer.price(whole, effectiveMs: november2026).money == sum, "seed \(seed)")
            #expect(
                pricer.price(whole, effectiveMs: november2026) == pricer.book.price(whole, effectiveMs: november2026))
        }
    }

    private func add(_ part: Event, to whole: inout Event) {
        for path in [
            \Event.inputTokens, \.outputTokens, \.cacheReadTokens, \.cacheWrite1hTokens, \.cacheWriteUnknownTokens,
        ] as [WritableKeyPath<Event, UInt32>] {
            whole[keyPath: path] += part[keyPath: path]
        }
    }
}
