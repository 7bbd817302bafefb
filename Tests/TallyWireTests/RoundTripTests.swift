import TallyModel
import TestEffort
import Testing

@testable import TallyWire

@Suite("Rows survive the wire")
struct RoundTripTests {
    static let seed: UInt64 = 0x7461_6c6c_7900_0001

    @Test("What is encoded is decoded to the same events, and encoded again to the same bytes")
    func roundTrip() throws {
        print("seed \(Self.seed)")
        var events = RandomEvents(seed: Self.seed)
        var encoder = BatchEncoder()
        var decoder = BatchDecoder(hashSeed: 1)
        var batch = Batch()
        for turn in 0..<Effort.of(2_000) {
            let rows = events.batch(turn % 100 == 99 ? 4_096 : Int.random(in: 1...120, using: &events.random))
            let before = ChainValue(events.random.next())
            let encoded = try encoder.encode(rows.span, after: before)
            #expect(encoded.count == rows.count || encoded.raw.count > Limits.batchRawBytesMax / 2)
            #expect(encoded.raw.count <= Limits.batchRawBytesMax)
            try decoder.decode(encoded.raw.span, count: encoded.count, into: &batch)
            #expect(batch.events == Array(rows.prefix(encoded.count)))
            #expect(encoder.encode(batch, after: before) == encoded)
            #expect(encoded.controlTokens == rows.prefix(encoded.count).reduce(0) { $0 + $1.controlTokens })
        }
    }

    @Test("Cutting a run of events into batches anywhere changes no chain value")
    func splitting() throws {
        print("seed \(Self.seed)")
        var events = RandomEvents(seed: Self.seed)
        var encoder = BatchEncoder()
        for _ in 0..<200 {
            let rows = events.batch(100)
            let start = Chain.initial(StreamID(Bytes16(high: events.random.next(), low: 1)))
            let whole = try encoder.encode(rows.span, after: start)
            var chain = start
            var done = 0
            while done < rows.count {
                let count = Int.random(in: 1...(rows.count - done), using: &events.random)
                let part = try encoder.encode(rows.span.extracting(done..<done + count), after: chain)
                chain = part.chainAfter
                done += part.count
            }
            #expect(chain == whole.chainAfter)
        }
    }
}
