import TallyModel
package import TallyWire

/// The space in which the connections of one shard decode their batches, one after the other: about 200 KB that no
/// connection has to hold. Between two batches it means nothing.
package struct IngestScratch: Sendable {
    private var opener = BatchOpener()
    private var decoder: BatchDecoder
    /// The rows decoded last.
    package private(set) var batch = Batch()
    /// What was accepted comes to; nil where nobody wants to know.
    package var sums: ShardSums?

    /// `hashSeed` is random and not told to peers.
    package init(hashSeed: UInt64, sums: ShardSums? = nil) {
        decoder = BatchDecoder(hashSeed: hashSeed)
        self.sums = sums
    }

    /// Opens and decodes a BATCH's body into `batch`.
    mutating func decode(_ header: BatchHeader, body: Span<UInt8>) throws(BatchRefusal) {
        try opener.open(header, body: body)
        try opener.decode(header, with: &decoder, into: &batch)
    }

    /// Adds the rows decoded last to the sums of the tenant. False where that was not done.
    mutating func fold(of workstation: WorkstationID, _ tenant: TenantID) -> Bool {
        sums?.fold(batch, of: workstation, tenant) ?? false
    }

    /// The canonical body of the batch decoded last, as a ledger stores it.
    var rawBody: [UInt8] { Array(opener.buffer[opener.raw]) }
}
