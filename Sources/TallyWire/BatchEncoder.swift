import TallyLZ4
package import TallyModel

/// Events as a raw canonical body, with everything that a BATCH says about them except where they stand.
package struct EncodedBatch: Hashable, Sendable {
    package var count: Int
    package var raw: [UInt8]
    package var controlTokens: UInt64
    package var reportedNanoUSD: UInt64
    package var chainAfter: ChainValue

    package init(
        count: Int, raw: [UInt8], controlTokens: UInt64, reportedNanoUSD: UInt64, chainAfter: ChainValue
    ) {
        self.count = count
        self.raw = raw
        self.controlTokens = controlTokens
        self.reportedNanoUSD = reportedNanoUSD
        self.chainAfter = chainAfter
    }
}

/// Makes batches from events. Keeps its states and its scratch space for the next one.
package struct BatchEncoder: ~Copyable {
    private var collector = BatchCollector()
    private var writer = BodyWriter()
    private var batch = Batch()
    private var compressor = LZ4Compressor(
        dictionary: PresetDictionary.bytes, inputBytesMax: Limits.batchRawBytesMax)

    package init() {}

    /// Encodes as many of the leading `events` as one batch may hold; `count` of the result says how many.
    ///
    /// Throws for an event that breaks a rule of the schema: `index` tells which. Precondition: there is one event
    /// at least. A body grows with each row, so a body that is too long is cut in proportion and made again;
    /// a single row is about 300 bytes at most.
    package mutating func encode(
        _ events: Span<Event>, after chain: ChainValue
    ) throws(BatchRefusal) -> EncodedBatch {
        precondition(!events.isEmpty, "an empty batch does not exist")
        var count = min(events.count, Limits.batchEventsMax)
        var raw: [UInt8] = []
        while true {
            try collector.collect(events, count: count, into: &batch)
            raw.removeAll(keepingCapacity: true)
            writer.write(batch, into: &raw)
            if raw.count <= Limits.batchRawBytesMax { break }
            // Strictly fewer each time, and one always fits.
            count = max(1, min(count - 1, count * Limits.batchRawBytesMax / raw.count))
        }
        return EncodedBatch(
            count: count, raw: raw, controlTokens: batch.controlTokens, reportedNanoUSD: batch.reportedNanoUSD,
            chainAfter: Chain.advance(chain, over: batch))
    }

    /// The same body from columns, for whoever holds a batch that decoded: `decode` then `encode` changes nothing.
    package mutating func encode(_ batch: borrowing Batch, after chain: ChainValue) -> EncodedBatch {
        var raw: [UInt8] = []
        writer.write(batch, into: &raw)
        return EncodedBatch(
            count: batch.count, raw: raw, controlTokens: batch.controlTokens,
            reportedNanoUSD: batch.reportedNanoUSD, chainAfter: Chain.advance(chain, over: batch))
    }

    /// The frame that carries `encoded` as the events from `first` on: an LZ4 block where that is shorter.
    package mutating func frame(_ encoded: EncodedBatch, first: Sequence64) -> BatchFrame {
        var body: [UInt8] = []
        let isLZ4 = compressor.compress(encoded.raw.span, appendingTo: &body)
        let header = BatchHeader(
            first: first, count: UInt32(truncatingIfNeeded: encoded.count),
            rawBytes: UInt32(truncatingIfNeeded: encoded.raw.count), controlTokens: encoded.controlTokens,
            reportedNanoUSD: encoded.reportedNanoUSD, chainAfter: encoded.chainAfter, isLZ4: isLZ4)
        return BatchFrame(header: header, body: isLZ4 ? body : encoded.raw)
    }
}
