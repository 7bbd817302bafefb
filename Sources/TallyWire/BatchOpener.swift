import TallyLZ4
package import TallyModel

/// The sizes and the LZ4 block of a BATCH (SPEC.md TG-4-1, TG-4-7): what is checked before its columns are read.
///
/// Keeps the raw body, which is what a ledger stores, until the next one is opened.
package struct BatchOpener: Sendable {
    private var decompressor = LZ4Decompressor(
        dictionary: PresetDictionary.bytes, outputBytesMax: Limits.batchRawBytesMax)

    /// Where the raw body stands in `buffer`.
    package private(set) var raw: Range<Int> = 0..<0
    package var buffer: [UInt8] { decompressor.buffer }

    package init() {}

    /// Checks the sizes that `header` tells and makes the raw body of `body`.
    package mutating func open(_ header: BatchHeader, body: Span<UInt8>) throws(BatchRefusal) {
        raw = decompressor.outputStart..<decompressor.outputStart
        let rows = Int(header.count)
        let rawBytes = Int(header.rawBytes)
        let isSized =
            header.isLZ4 ? rawBytes <= 255 * body.count + 64 : rawBytes == body.count
        guard (1...Limits.batchEventsMax).contains(rows), rawBytes <= Limits.batchRawBytesMax, isSized else {
            throw .whole(.size, rows: rows)
        }
        do throws(LZ4Refusal) {
            if header.isLZ4 {
                try decompressor.decompress(body, rawBytes: rawBytes)
            } else {
                try decompressor.store(body)
            }
        } catch {
            throw .whole(.decompress, rows: rows)
        }
        raw = decompressor.outputStart..<decompressor.outputStart + rawBytes
    }

    /// Overwrites the raw body that was opened last.
    package mutating func wipe() {
        decompressor.wipe()
        raw = decompressor.outputStart..<decompressor.outputStart
    }

    /// Decodes the raw body that was opened last.
    package func decode(
        _ header: BatchHeader, with decoder: inout BatchDecoder, into batch: inout Batch
    ) throws(BatchRefusal) {
        try decoder.decode(decompressor.buffer.span.extracting(raw), count: Int(header.count), into: &batch)
    }
}

extension Batch {
    /// Compares what `header` says of the rows with the rows themselves: the control totals (TG-4-9), then the
    /// chain from the value before `header.first` (TG-5-2).
    package func verify(_ header: BatchHeader, after chain: ChainValue) throws(BatchRefusal) {
        guard controlTokens == header.controlTokens, reportedNanoUSD == header.reportedNanoUSD else {
            throw .whole(.controlTotal, rows: count)
        }
        guard Chain.advance(chain, over: self) == header.chainAfter else {
            throw .whole(.chainMismatch, rows: count)
        }
    }
}
