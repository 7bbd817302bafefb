import TallyModel
import TallyRollup
import TallyWire
import Testing

@testable import TallyPricing

/// Cache writes whose lifetime the reported cost tells, or does not.
@Suite("Lifetimes by reported cost")
struct CacheLifetimeTests {
    private static let short: Int128 = 10_276_100
    private static let long: Int128 = 15_260_600

    private static func call(reported: UInt64?, _ change: (inout Event) -> Void = { _ in }) throws -> Event {
        try usage("claude-haiku-4-5") {
            ($0.inputTokens, $0.outputTokens, $0.cacheReadTokens) = (10, 41, 17_536)
            $0.cacheWriteUnknownTokens = 6_646
            $0.reportedCostNanoUSD = reported
            change(&$0)
        }
    }

    struct Case: Sendable {
        let name: String
        let reported: UInt64?
        let nanoUSD: Int128
        let isAssumed: Bool
    }

    static let cases = [
        Case(name: "an hour, to the nano", reported: 15_260_600, nanoUSD: long, isAssumed: false),
        Case(name: "five minutes, to the nano", reported: 10_276_100, nanoUSD: short, isAssumed: false),
        Case(name: "an hour, rounded to the micro", reported: 15_261_000, nanoUSD: long, isAssumed: false),
        Case(name: "five minutes, rounded to the micro", reported: 10_276_000, nanoUSD: short, isAssumed: false),
        Case(name: "an hour, cut to the micro", reported: 15_260_000, nanoUSD: short, isAssumed: true),
        Case(name: "a nano beside the hour", reported: 15_260_601, nanoUSD: short, isAssumed: true),
        Case(name: "a nano beside five minutes", reported: 10_276_099, nanoUSD: short, isAssumed: true),
        Case(name: "between the two", reported: 12_768_350, nanoUSD: short, isAssumed: true),
        Case(name: "nothing", reported: 0, nanoUSD: short, isAssumed: true),
        Case(name: "the most that there is", reported: Limits.reportedCostNanoUSDMax, nanoUSD: short, isAssumed: true),
        Case(name: "no word", reported: nil, nanoUSD: short, isAssumed: true),
    ]

    @Test(
        "The lifetime that alone explains the reported cost prices the call; else it is assumed as before",
        arguments: cases)
    func told(_ wanted: Case) throws {
        let price = try builtIn().price(Self.call(reported: wanted.reported), effectiveMs: november2026)
        let femto = wanted.nanoUSD * 1_000_000
        #expect(price == .priced(Money(femtoUSD: femto), assumedCacheLifetime: wanted.isAssumed), "\(wanted.name)")
    }

    @Test("Where both lifetimes explain it, by equal rates or a write too small to tell, none is told")
    func both() throws {
        let row =
            #"{"provider":"x","models":["m"],"dated":false,"valid_from":null,"valid_to":null,"rates":{"input":1000000,"#
            + #""output":0,"cache_write_5m":2000000,"cache_write_1h":LONG},"source":"a test","checked_on":"2026-11-23"}"#
        func price(_ long: String, _ tokens: UInt32, _ reported: UInt64) throws -> Price {
            let event = try usage("m") {
                ($0.cacheWriteUnknownTokens, $0.reportedCostNanoUSD) = (tokens, reported)
            }
            let text = row.split(separator: "LONG").joined(separator: long)
            return try book(text).price(event, effectiveMs: november2026)
        }
        let two = Money(femtoUSD: 2_000 * 1_000_000_000)
        #expect(try price("2000000", 1_000, 2_000_000) == .priced(two, assumedCacheLifetime: true))
        #expect(try price("4000000", 1_000, 2_000_000) == .priced(two, assumedCacheLifetime: false))
        // A token costs less than half a micro-USD either way.
        let tiny = Money(femtoUSD: 200_000_000)
        let cheap = row.split(separator: "2000000").joined(separator: "200000")
        let event = try usage("m") { ($0.cacheWriteUnknownTokens, $0.reportedCostNanoUSD) = (1, 0) }
        let text = cheap.split(separator: "LONG").joined(separator: "400000")
        #expect(try book(text).price(event, effectiveMs: november2026) == .priced(tiny, assumedCacheLifetime: true))
        // Another book, other rates: the same event may be explained there.
        #expect(try price("1000000", 1_000, 1_000_000).money == Money(femtoUSD: 1_000 * 1_000_000_000))
    }

    @Test("A row without a rate for five minutes prices a write that is told to live an hour, and no other")
    func oneRate() throws {
        let row =
            #"{"provider":"x","models":["m"],"dated":false,"valid_from":null,"valid_to":null,"rates":{"input":1000000,"#
            + #""output":0,"cache_write_1h":4000000},"source":"a test","checked_on":"2026-11-23"}"#
        func price(_ reported: UInt64?) throws -> Price {
            let event = try usage("m") { ($0.cacheWriteUnknownTokens, $0.reportedCostNanoUSD) = (1_000, reported) }
            return try book(row).price(event, effectiveMs: november2026)
        }
        #expect(try price(4_000_000) == .priced(Money(femtoUSD: 4_000_000_000_000), assumedCacheLifetime: false))
        #expect(try price(4_000_001) == .unpriced(.cacheWrite))
        #expect(try price(nil) == .unpriced(.cacheWrite))
    }

    @Test("A correction's cost tells nothing of its tokens, and a lifetime that is given is never another")
    func correction() throws {
        let book = try builtIn()
        let growth = try Self.call(reported: 15_260_600) { ($0.kind, $0.contextTokens) = (.correction, 24_192) }
        #expect(book.price(growth, effectiveMs: november2026).money == Money(femtoUSD: Self.short * 1_000_000))
        let given = try Self.call(reported: 15_260_600) {
            ($0.cacheWriteUnknownTokens, $0.cacheWrite5mTokens) = (0, 6_646)
        }
        #expect(book.price(given, effectiveMs: november2026).money == Money(femtoUSD: Self.short * 1_000_000))
    }

    @Test("A part of the write that is given is taken into account, and so are speed, region and searches")
    func parts() throws {
        let book = try builtIn()
        func check(_ change: (inout Event) -> Void) throws {
            for lifetime in [\Event.cacheWrite5mTokens, \.cacheWrite1hTokens] {
                var event = try Self.call(reported: nil, change)
                let unknown = event.cacheWriteUnknownTokens
                event.cacheWriteUnknownTokens = 0
                event[keyPath: lifetime] += unknown
                let known = try require(book.price(event, effectiveMs: november2026).money)
                event[keyPath: lifetime] -= unknown
                event.cacheWriteUnknownTokens = unknown
                event.reportedCostNanoUSD = UInt64(known.nanoUSDRounded)
                #expect(book.price(event, effectiveMs: november2026) == .priced(known, assumedCacheLifetime: false))
            }
        }
        try check { $0.cacheWrite5mTokens = 100 }
        try check { ($0.cacheWrite1hTokens, $0.region) = (77, .us) }
        try check { ($0.webSearches, $0.tier) = (3, .batch) }
        try check { ($0.model, $0.speed) = (Label("claude-opus-4-6"), .fast) }
    }

    @Test("A batch that is folded by its columns prices each of them as events one by one")
    func columns() throws {
        let book = try builtIn()
        var events: [Event] = []
        for wanted in Self.cases {
            events.append(try Self.call(reported: wanted.reported))
            events.append(try Self.call(reported: wanted.reported) { $0.webSearches = 2 })
            events.append(
                try Self.call(reported: wanted.reported) { ($0.kind, $0.contextTokens) = (.correction, 24_192) })
            events.append(try Self.call(reported: wanted.reported) { $0.model = Label("gpt-5.2") })
        }
        for event in events {
            var byColumns = Aggregator(book: book, hashKey: AggregatorTests.hashKey)
            var byEvents = Aggregator(book: book, hashKey: AggregatorTests.hashKey)
            var encoder = BatchEncoder()
            var decoder = BatchDecoder(hashSeed: 1)
            var batch = Batch()
            var folder = BatchFolder(book: book)
            let encoded = try encoder.encode([event].span, after: ChainValue(0))
            try decoder.decode(encoded.raw.span, count: 1, into: &batch)
            _ = folder.fold(
                batch, of: WorkstationID(1), receivedMs: november2026, offsetMs: 0, within: nil, into: &byColumns)
            byEvents.add(event, workstation: WorkstationID(1), effectiveMs: november2026)
            #expect(AggregatorTests.cells(byColumns.deltas()) == AggregatorTests.cells(byEvents.deltas()))
        }
    }
}
