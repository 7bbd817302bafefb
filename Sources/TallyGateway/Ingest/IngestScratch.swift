package import TallyPricing
import TallyRollup
package import TallyWire

/// The space in which the connections of one shard decode their batches, one after the other: about 200 KB that no
/// connection has to hold. Between two batches it means nothing.
package struct IngestScratch: Sendable {
    private var opener = BatchOpener()
    private var decoder: BatchDecoder
    private var folder: BatchFolder?
    /// The rows decoded last.
    package private(set) var batch = Batch()

    /// `hashSeed` is random and not told to peers. With a book batches are summed up as they come, so that the views need
    /// not decode them again.
    package init(hashSeed: UInt64, book: PriceBook? = nil) {
        decoder = BatchDecoder(hashSeed: hashSeed)
        folder = book.map { BatchFolder(book: $0) }
    }

    /// Opens and decodes a BATCH's body into `batch`.
    mutating func decode(_ header: BatchHeader, body: Span<UInt8>) throws(BatchRefusal) {
        try opener.open(header, body: body)
        try opener.decode(header, with: &decoder, into: &batch)
    }

    /// What the rows decoded last come to.
    mutating func sums() -> BatchSums? { folder?.fold(batch) }

    /// The canonical body of the batch decoded last, as a ledger stores it.
    var rawBody: [UInt8] { Array(opener.buffer[opener.raw]) }
}
