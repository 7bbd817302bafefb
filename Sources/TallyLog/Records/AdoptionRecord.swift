import TallyIO
package import TallyModel

/// What a spool knows of its stream's birth, and what adoption has left out so far. Takes effect at once, or, if it names
/// a generation to come, together with the STREAM record that ends that generation's rewrite.
///
///      0  layout (1)                         u16       64  before the rewrite: sequence    u64
///      2  flags (bit 0 adopting, 1 rewrite)  u8        72  its chain                       u64
///      3  zero                               u8        80  its totals                  2 × u128
///      4  generation                         u32      112  left out: events                u64
///      8  stream id                     16 bytes      120  its totals                  2 × u128
///     24  prior stream id, zero = none  16 bytes      152  sessions and models that differ u64
///     40  prior through                      u64      160  missing                     2 × u128
///     48  born, ms                           i64      192  surplus                     2 × u128
///     56  zero                               u64
package struct AdoptionRecord: Hashable, Sendable {
    /// What stands in front of a rewrite.
    package struct Place: Hashable, Sendable {
        package var sequence: Sequence64
        package var chain: ChainValue
        package var totals: RunningTotals

        package init(sequence: Sequence64, chain: ChainValue, totals: RunningTotals) {
            self.sequence = sequence
            self.chain = chain
            self.totals = totals
        }
    }

    package var stream: StreamID
    package var generation: Generation
    package var terms: AdoptionTerms
    package var report: AdoptionReport
    /// Events were taken out behind it; nil where none were.
    package var behind: Place?

    package init(
        stream: StreamID, generation: Generation, terms: AdoptionTerms, report: AdoptionReport, behind: Place? = nil
    ) {
        self.stream = stream
        self.generation = generation
        self.terms = terms
        self.report = report
        self.behind = behind
    }

    package func encode() -> [UInt8] {
        var bytes = [UInt8].body()
        bytes.append((terms.isAdopting ? 1 : 0) | (behind == nil ? 0 : 2))
        bytes.appendZeros(1)
        bytes.append(littleEndian: generation.value)
        bytes.append(stream.value)
        bytes.append(terms.prior?.value ?? Bytes16(high: 0, low: 0))
        bytes.append(littleEndian: terms.priorThrough.value)
        bytes.append(littleEndian: terms.bornMs)
        bytes.appendZeros(8)
        bytes.append(littleEndian: behind?.sequence.value ?? 0)
        bytes.append(littleEndian: behind?.chain.value ?? 0)
        bytes.append(behind?.totals ?? .zero)
        bytes.append(littleEndian: report.events)
        bytes.append(report.totals)
        bytes.append(littleEndian: report.differing)
        bytes.append(report.missing)
        bytes.append(report.surplus)
        return bytes
    }

    package init(decoding bytes: [UInt8]) throws(MalformedBody) {
        var reader = try BodyReader(bytes)
        let flags = try reader.integer(UInt8.self)
        try reader.zeros(1)
        generation = Generation(try reader.integer(UInt32.self))
        stream = StreamID(try reader.bytes16())
        let prior = try reader.bytes16()
        let through = Sequence64(try reader.integer(UInt64.self))
        let born = try reader.integer(Int64.self)
        try reader.zeros(8)
        let place = Place(
            sequence: Sequence64(try reader.integer(UInt64.self)), chain: ChainValue(try reader.integer(UInt64.self)),
            totals: try reader.totals())
        report = AdoptionReport()
        report.events = try reader.integer(UInt64.self)
        report.totals = try reader.totals()
        report.differing = try reader.integer(UInt64.self)
        report.missing = try reader.totals()
        report.surplus = try reader.totals()
        guard flags <= 3, through.value <= Limits.sequenceMax, !prior.isZero || through == .zero,
            place.sequence.value < Limits.sequenceMax
        else { throw MalformedBody() }
        behind = flags & 2 == 0 ? nil : place
        terms = AdoptionTerms(
            isAdopting: flags & 1 != 0, bornMs: born, prior: prior.isZero ? nil : StreamID(prior),
            priorThrough: through)
        try reader.finish()
    }
}
