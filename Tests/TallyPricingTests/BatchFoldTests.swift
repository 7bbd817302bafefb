import TallyModel
import TallyPricing
import TallyRollup
import TallyWire
import Testing

/// A batch folded by its columns against the same events folded one by one.
@Suite("Folding batches")
struct BatchFoldTests {
    struct Record {
        var events: [Event]
        var workstation: WorkstationID
        var receivedMs: Int64
        var offsetMs: Int64
    }

    /// Batches of random valid events, some of them ahead of the gateway's clock, with speeds, tiers and regions.
    static func records(_ count: Int, _ random: inout Seeded) throws -> [Record] {
        var records: [Record] = []
        for _ in 0..<count {
            var events: [Event] = []
            for arrival in try AggregatorTests.arrivals(1 + Int(random.next() % 60), &random) {
                var event = arrival.event
                event.timeMs = arrival.ms
                if event.kind == .usage || event.kind == .correction, random.next() % 4 == 0 {
                    event.speed = Speed.allCases.randomElement(using: &random) ?? .unknown
                    event.tier = Tier.allCases.randomElement(using: &random) ?? .unknown
                    event.region = Region.allCases.randomElement(using: &random) ?? .unknown
                    event.billing = Billing.allCases.randomElement(using: &random) ?? .unknown
                    event.cacheWrite1hTokens = UInt32(random.next() % 300_000)
                    event.cacheWrite5mTokens = UInt32(random.next() % 300_000_000)
                }
                events.append(event)
            }
            let offsets: [Int64] = [0, 0, 5, -5, 1_200_000, -1_200_000]
            records.append(
                Record(
                    events: events, workstation: WorkstationID(random.next() % 3),
                    // Some of the times lie more than ten minutes ahead of it.
                    receivedMs: november2026 + Int64(random.next() % 14_000_000),
                    offsetMs: offsets.randomElement(using: &random) ?? 0))
        }
        return records
    }

    @Test(
        "A batch folded by its columns gives what its events give one by one",
        arguments: 31...36 as ClosedRange<UInt64>)
    func columns(seed: UInt64) throws {
        print("seed \(seed)")
        var random = Seeded(seed)
        let book = try builtIn()
        let periods: [Range<Int64>]? =
            seed % 2 == 0 ? nil : [november2026 + 1_000_000..<november2026 + 4_000_000, 0..<november2026 + 300_000]
        var byColumns = Aggregator(book: book, hashKey: AggregatorTests.hashKey)
        var byEvents = Aggregator(book: book, hashKey: AggregatorTests.hashKey)
        var encoder = BatchEncoder()
        var decoder = BatchDecoder(hashSeed: random.next())
        var batch = Batch()
        var folder = BatchFolder(book: book)
        var held = 0
        for record in try Self.records(200, &random) {
            let encoded = try encoder.encode(record.events.span, after: ChainValue(0))
            try decoder.decode(encoded.raw.span, count: record.events.count, into: &batch)
            let counted = folder.fold(
                batch, of: record.workstation, receivedMs: record.receivedMs, offsetMs: record.offsetMs,
                within: periods, into: &byColumns)
            let highest = record.events.map(\.timeMs).max() ?? 0
            let areAsSent = record.events.allSatisfy {
                EffectiveTime(timeMs: $0.timeMs, receivedMs: record.receivedMs, offsetMs: record.offsetMs).basis
                    == .asSent
            }
            #expect(
                EffectiveTime.areAsSent(
                    through: highest, receivedMs: record.receivedMs, offsetMs: record.offsetMs) == areAsSent)
            held += areAsSent ? 1 : 0
            var expected = 0
            for event in record.events {
                let ms = EffectiveTime(
                    timeMs: event.timeMs, receivedMs: record.receivedMs, offsetMs: record.offsetMs
                ).ms
                if let periods, !periods.contains(where: { $0.contains(ms) }) { continue }
                byEvents.add(event, workstation: record.workstation, effectiveMs: ms)
                expected += 1
            }
            #expect(counted == expected)
        }
        let (columns, events) = (byColumns.deltas(), byEvents.deltas())
        #expect(AggregatorTests.cells(columns) == AggregatorTests.cells(events), "seed \(seed)")
        #expect(AggregatorTests.sessions(columns) == AggregatorTests.sessions(events), "seed \(seed)")
        #expect(held > 20 && held < 180, "the test must see batches of both sorts")
        #expect(columns.cells.map(\.key) == events.cells.map(\.key), "the order of arrival is the same")
        #expect(byColumns.count > 200, "the test must fill many cells")
        #expect(byColumns.deltas().cells.contains { $0.counts.unpricedEvents > 0 })
    }
}
