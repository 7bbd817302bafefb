import TallyGenerator
import TallyHash
import TallyModel
import TallyWire

extension Parts {
    /// Events of the generator in batches of one stream, on their way into frames.
    struct BatchLoad: ~Copyable {
        let events: [Event]
        let perBatch: Int
        let truth: RollupCounts
        private(set) var encoded: [EncodedBatch] = []
        private(set) var frames: [BatchFrame] = []
        /// Bytes of the last frame lists with their headers, as they travel.
        private(set) var frameBytes = 0
        private var encoder = BatchEncoder()

        static let stream = StreamID(Bytes16(high: 0xBE7C_4000, low: 0x8000_0000_0000_0001))

        init(seed: UInt64, events count: Int, perBatch: Int, sessions: Int = EventLoad.liveSessions) {
            var load = EventLoad(seed: seed, sessions: sessions)
            var events: [Event] = []
            events.reserveCapacity(count)
            for _ in 0..<count { events.append(load.nextEvent()) }
            self.events = events
            self.perBatch = perBatch
            truth = load.totals
        }

        /// All batches' raw bodies.
        mutating func encode() throws(BatchRefusal) {
            encoded.removeAll(keepingCapacity: true)
            let events = self.events
            var chain = Chain.initial(Self.stream)
            var start = 0
            // Each turn takes at least one event.
            while start < events.count {
                let end = min(start + perBatch, events.count)
                let batch = try encoder.encode(events.span.extracting(start..<end), after: chain)
                chain = batch.chainAfter
                start += batch.count
                encoded.append(batch)
            }
        }

        /// All batches' frames; also as the bytes that travel.
        mutating func makeFrames() {
            frames.removeAll(keepingCapacity: true)
            frameBytes = 0
            var first = Sequence64(1)
            var bytes: [UInt8] = []
            for batch in encoded {
                let frame = encoder.frame(batch, first: first)
                bytes.removeAll(keepingCapacity: true)
                FrameCodec.appendBatch(frame.header, body: frame.body, to: &bytes)
                frameBytes += bytes.count
                first = first.advanced(by: UInt64(batch.count))
                frames.append(frame)
            }
        }

        var rawBytes: Int { encoded.reduce(0) { $0 + $1.raw.count } }
        var bodyBytes: Int { frames.reduce(0) { $0 + $1.body.count } }

        /// Decodes every frame, and compares every row and the sum of all with what went in.
        func check() throws {
            var opener = BatchOpener()
            var decoder = BatchDecoder(hashSeed: Random.uint64())
            var batch = Batch()
            var chain = Chain.initial(Self.stream)
            var sum = RollupCounts()
            var index = 0
            for frame in frames {
                try opener.open(frame.header, body: frame.body.span)
                try opener.decode(frame.header, with: &decoder, into: &batch)
                try batch.verify(frame.header, after: chain)
                chain = frame.header.chainAfter
                for row in 0..<batch.count {
                    guard let event = batch.event(at: row), index < events.count, event == events[index] else {
                        throw Mismatch("row \(index) is not the event that was encoded")
                    }
                    sum += Truth.counts(event, cost: nil)
                    index += 1
                }
            }
            guard index == events.count, sum.events == truth.events, sum.inputTokens == truth.inputTokens,
                sum.outputTokens == truth.outputTokens, sum.cacheReadTokens == truth.cacheReadTokens,
                sum.cacheWrite5mTokens == truth.cacheWrite5mTokens, sum.cacheWrite1hTokens == truth.cacheWrite1hTokens
            else { throw Mismatch("the frames' totals are not the generator's") }
        }

        func sheet() -> Sheet {
            let count = Double(events.count)
            var sheet = Sheet()
            sheet.add("events", events.count)
            sheet.add("events_per_batch", perBatch)
            sheet.add("batches", encoded.count)
            sheet.add("raw_bytes_per_event", Double(rawBytes) / count)
            sheet.add("body_bytes_per_event", Double(bodyBytes) / count)
            sheet.add("wire_bytes_per_event", Double(frameBytes) / count)
            return sheet
        }
    }

    /// The receiving side with the scratch space that a gateway's lane keeps.
    struct BatchReading {
        enum Depth { case open, decode, verify }

        private var opener = BatchOpener()
        private var decoder = BatchDecoder(hashSeed: Random.uint64())
        private var batch = Batch()

        mutating func read(_ load: borrowing BatchLoad, _ depth: Depth) throws {
            var chain = Chain.initial(BatchLoad.stream)
            for frame in load.frames {
                try opener.open(frame.header, body: frame.body.span)
                if depth == .open { continue }
                try opener.decode(frame.header, with: &decoder, into: &batch)
                if depth == .decode { continue }
                try batch.verify(frame.header, after: chain)
                chain = frame.header.chainAfter
            }
        }
    }
}
