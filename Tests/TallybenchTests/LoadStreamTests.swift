import TallyModel
import TallyWire
import Testing

@testable import tallybench

/// A stream of a load against the rules of the wire, without a connection.
@Suite("A stream of a load")
struct LoadStreamTests {
    private static let events = 10
    private static let nowMs: Int64 = 1_795_000_000_000

    private func pool() throws -> BatchPool {
        try BatchPool(eventsPerBatch: Self.events, seed: 3, nowMs: Self.nowMs)
    }

    private func stream(
        _ pool: BatchPool, inFlightMax: Int = 8, credit: Credit = Credit(events: 65_536, bytes: 1 << 20),
        prepared: Int = 100
    ) -> LoadStream {
        var stream = LoadStream(
            id: StreamID(Bytes16(high: 1, low: 2)), line: 0, offset: 5, eventsPerBatch: Self.events,
            inFlightMax: inFlightMax, credit: credit)
        stream.prepare(prepared, pool)
        return stream
    }

    /// What `bytes` hold, as a gateway would read it.
    private func frames(_ bytes: [UInt8]) throws -> [BatchFrame] {
        var reader = FrameReader(side: .gateway)
        reader.phase = .open
        var found: [BatchFrame] = []
        var start = 0
        while case .frame(let slice) = reader.next(in: bytes.span, from: start) {
            guard case .batch(let batch) = try FrameCodec.decode(slice, in: bytes.span) else { break }
            found.append(batch)
            start = slice.body.upperBound
        }
        #expect(start == bytes.count)
        return found
    }

    @Test("Every batch opens, decodes, and has its control totals and its chain, prepared or not")
    func valid() throws {
        let pool = try pool()
        var stream = stream(pool, inFlightMax: 400, prepared: 120)
        var bytes: [UInt8] = []
        for _ in 0..<300 {
            #expect(stream.maySend(pool))
            stream.send(pool, instant: 0, to: &bytes)
        }
        #expect(stream.chainsLate == 300 - 120)
        var chain = Chain.initial(stream.id)
        var opener = BatchOpener()
        var decoder = BatchDecoder(hashSeed: 9)
        var batch = Batch()
        for (index, frame) in try frames(bytes).enumerated() {
            #expect(frame.header.first.value == UInt64(index * Self.events + 1))
            try opener.open(frame.header, body: frame.body.span)
            try opener.decode(frame.header, with: &decoder, into: &batch)
            try batch.verify(frame.header, after: chain)
            chain = frame.header.chainAfter
        }
    }

    @Test("No event is ahead of the clock, nor as old as a week")
    func times() throws {
        for entry in try pool().entries {
            for row in 0..<entry.batch.count {
                let ageMs = Self.nowMs - (try #require(entry.batch.event(at: row))).timeMs
                #expect(ageMs >= 60_000 && ageMs < 7 * 86_400_000)
            }
        }
    }

    @Test("Window and credit hold a stream back, an ACK lets it go on, and each instant is told once")
    func window() throws {
        let pool = try pool()
        var stream = stream(pool, inFlightMax: 3)
        var bytes: [UInt8] = []
        for instant in 1...3 { stream.send(pool, instant: Int64(instant), to: &bytes) }
        #expect(!stream.maySend(pool))
        let sent = try frames(bytes)
        var told: [Int64] = []
        let credit = Credit(events: 65_536, bytes: 1 << 20)
        let first = Ack(
            committed: Sequence64(20), chain: sent[1].header.chainAfter, credit: credit, backedUpThrough: .zero)
        #expect(stream.acknowledge(first, pool) { told.append($0) } == nil)
        #expect(stream.acknowledge(first, pool) { told.append($0) } == nil, "the same again is no news")
        #expect(told == [1, 2])
        #expect(stream.maySend(pool))
        #expect(stream.tokens == sent[0].header.controlTokens + sent[1].header.controlTokens)
        let paused = Ack(
            committed: Sequence64(30), chain: sent[2].header.chainAfter, credit: .paused, backedUpThrough: .zero)
        #expect(stream.acknowledge(paused, pool) { told.append($0) } == nil)
        #expect(told == [1, 2, 3])
        #expect(!stream.maySend(pool), "without credit nothing is sent")
    }

    @Test("A stream never sends beyond the bytes of its credit")
    func bytes() throws {
        let pool = try pool()
        let one = pool.entries[5].body.count
        var stream = stream(pool, credit: Credit(events: 65_536, bytes: UInt32(one)))
        var bytes: [UInt8] = []
        #expect(stream.maySend(pool))
        stream.send(pool, instant: 0, to: &bytes)
        #expect(!stream.maySend(pool))
    }

    @Test("An ACK for what was not sent, within a batch, or with another chain is found out")
    func wrong() throws {
        let pool = try pool()
        let credit = Credit(events: 65_536, bytes: 1 << 20)
        for (committed, isRight) in [(20, false), (5, false), (10, true)] {
            var stream = stream(pool)
            var bytes: [UInt8] = []
            stream.send(pool, instant: 0, to: &bytes)
            let chain = try frames(bytes)[0].header.chainAfter
            let ack = Ack(
                committed: Sequence64(UInt64(committed)), chain: chain, credit: credit, backedUpThrough: .zero)
            #expect((stream.acknowledge(ack, pool) { _ in } == nil) == isRight, "\(committed)")
        }
        var stream = stream(pool)
        var bytes: [UInt8] = []
        stream.send(pool, instant: 0, to: &bytes)
        let other = Ack(committed: Sequence64(10), chain: ChainValue(1), credit: credit, backedUpThrough: .zero)
        #expect(stream.acknowledge(other, pool) { _ in } != nil)
    }
}
