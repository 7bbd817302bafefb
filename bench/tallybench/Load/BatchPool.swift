import TallyGenerator
import TallyModel
import TallyWire

/// Batches that are made once and sent again and again, by every stream: bodies as they travel, with all that their
/// header says but where they stand.
///
/// 64 to 256 of them, of consecutive events of `EventLoad`, so that sessions go through many batches. They recur: a long
/// run has no more sessions than its pool, while its events are as many as one likes.
struct BatchPool: Sendable {
    struct Entry: Sendable {
        let body: [UInt8]
        let rawBytes: UInt32
        let controlTokens: UInt64
        let reportedNanoUSD: UInt64
        let isLZ4: Bool
        /// The rows, for the chain.
        let batch: Batch
    }

    let entries: [Entry]
    let eventsPerBatch: Int

    /// The youngest event is so much older than the run's start.
    private static let ageMs: Int64 = 60_000

    /// Throws where so many events do not fit one batch. The latest event lies a minute before `nowMs`.
    init(eventsPerBatch: Int, seed: UInt64, nowMs: Int64) throws(LoadError) {
        self.eventsPerBatch = eventsPerBatch
        let count = min(256, max(64, 25_600 / eventsPerBatch))
        var load = EventLoad(seed: seed, startMs: 1_000_000_000_000)
        var events: [Event] = []
        events.reserveCapacity(count * eventsPerBatch)
        for _ in 0..<count * eventsPerBatch { events.append(load.nextEvent()) }
        let shiftMs = nowMs - BatchPool.ageMs - (events.last?.timeMs ?? 0)
        for index in events.indices { events[index].timeMs += shiftMs }
        var made: [Entry] = []
        var encoder = BatchEncoder()
        var decoder = BatchDecoder(hashSeed: seed)
        for index in 0..<count {
            let rows = events.span.extracting(index * eventsPerBatch..<(index + 1) * eventsPerBatch)
            made.append(try BatchPool.entry(rows, &encoder, &decoder))
        }
        entries = made
    }

    private static func entry(
        _ events: Span<Event>, _ encoder: inout BatchEncoder, _ decoder: inout BatchDecoder
    ) throws(LoadError) -> Entry {
        let encoded = valid { () throws(BatchRefusal) in try encoder.encode(events, after: ChainValue(0)) }
        guard encoded.count == events.count else { throw .batchTooLarge(fits: encoded.count) }
        var batch = Batch()
        valid { () throws(BatchRefusal) in
            try decoder.decode(encoded.raw.span, count: encoded.count, into: &batch)
        }
        let frame = encoder.frame(encoded, first: Sequence64(1))
        return Entry(
            body: frame.body, rawBytes: frame.header.rawBytes, controlTokens: encoded.controlTokens,
            reportedNanoUSD: encoded.reportedNanoUSD, isLZ4: frame.header.isLZ4, batch: batch)
    }

    private static func valid<Result>(_ body: () throws(BatchRefusal) -> Result) -> Result {
        do throws(BatchRefusal) {
            return try body()
        } catch {
            preconditionFailure("the generator's events are valid: \(error.reason)")
        }
    }

    /// The entry of a stream's batch number `batch`, where the stream begins at `offset`.
    func index(_ batch: Int, offset: Int) -> Int { (batch + offset) % entries.count }
}
