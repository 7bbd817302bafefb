import TallyModel
package import TallyWire

/// The space in which the connections of one shard decode their batches, one after the other: about 200 KB that no
/// connection has to hold. Between two batches it means nothing.
package struct IngestScratch: Sendable {
    private var opener = BatchOpener()
    private var decoder: BatchDecoder
    /// The rows decoded last.
    package private(set) var batch = Batch()
    private var bodies: [UInt8] = []
    /// What was accepted comes to; nil where nobody wants to know.
    package var sums: ShardSums?
    /// What the connections hold; they say so to it themselves.
    package var held: HeldBytes
    /// Who looks at what is new; nil where nobody does.
    private var gate: NewcomerGate?

    /// `hashSeed` is random and not told to peers.
    package init(
        hashSeed: UInt64, sums: ShardSums? = nil, held: HeldBytes = HeldBytes(), gate: NewcomerGate? = nil
    ) {
        decoder = BatchDecoder(hashSeed: hashSeed)
        self.sums = sums
        self.held = held
        self.gate = gate
    }

    /// Opens and decodes a BATCH's body into `batch`.
    mutating func decode(_ header: BatchHeader, body: Span<UInt8>) throws(BatchRefusal) {
        try opener.open(header, body: body)
        try opener.decode(header, with: &decoder, into: &batch)
    }

    /// Turns away more labels and sessions than a tenant may bring anew. `isFolded`: the rows will be among the sums.
    mutating func checkNewcomers(of tenant: TenantID, isFolded: Bool, now: MonotonicInstant) throws(BatchRefusal) {
        guard gate != nil else { return }
        let lately = isFolded ? sums?.sessions(of: tenant) : nil
        try gate?.check(batch, of: tenant, lately: lately, now: now)
    }

    /// Overwrites what is left here of a batch that was refused.
    mutating func wipe() {
        opener.wipe()
        decoder.wipe()
        batch.wipe()
    }

    /// Adds the rows decoded last to the sums of the tenant. False where that was not done.
    mutating func fold(of workstation: WorkstationID, _ tenant: TenantID) -> Bool {
        sums?.fold(batch, of: workstation, tenant) ?? false
    }

    /// Keeps the canonical body of the batch decoded last, as a ledger stores it, with those before it.
    mutating func keepBody() -> BatchBody {
        let start = bodies.count
        bodies.append(contentsOf: opener.buffer[opener.raw])
        return .part(start..<bodies.count)
    }

    /// The bodies that were kept, to be handed over with the commands that name them.
    package mutating func takeBodies() -> [UInt8] {
        guard !bodies.isEmpty else { return [] }
        // The next round is likely to be of this size, and is spared the growing.
        let size = bodies.count
        defer {
            bodies = []
            bodies.reserveCapacity(size + size / 4)
        }
        return bodies
    }
}
