import TallyHash
package import TallyLog
package import TallyModel
package import TallyWire

/// Reads a tenant's ledger record by record: recovery, views, reports and `verify` all go through here.
///
/// Replay is not a second admission: it checks checksums, the canonical form, contiguity, chain and totals, and never
/// time, caps, plans or revocations.
package struct LedgerReplay: ~Copyable {
    private var reader: LogReader
    private var decoding: Decoding
    package private(set) var header: RecordHeader?
    /// False where `next(within:)` passed a batch over.
    package private(set) var isDecoded = false

    /// A decoder with its rows: lent to a closure as one, never copied.
    private struct Decoding: Sendable {
        var decoder: BatchDecoder
        var batch = Batch()
        var isValid = false

        mutating func decode(_ body: Span<UInt8>, count: Int) {
            do throws(BatchRefusal) {
                try decoder.decode(body, count: count, into: &batch)
                isValid = true
            } catch {
                isValid = false
            }
        }
    }

    /// The rows of the batch that `next` returned last.
    package var batch: Batch { decoding.batch }

    /// Behind `from`, or from the oldest record; every record up to `through` must be there. `place`: where an earlier one
    /// came to.
    package init(
        disk: any LogDisk, from: LedgerPosition?, through: UInt64?, place: LogReader.Place? = nil,
        entropy: Entropy = .system
    ) throws(LedgerError) {
        decoding = Decoding(decoder: BatchDecoder(hashSeed: entropy.word()))
        do throws(LogError) {
            reader = try LogReader(on: disk, from: from, through: through, place: place)
        } catch {
            throw .log(error)
        }
    }

    /// The last segment alone: its checkpoint and what follows.
    package init(disk: any LogDisk, segment: UInt32, entropy: Entropy = .system) throws(LedgerError) {
        decoding = Decoding(decoder: BatchDecoder(hashSeed: entropy.word()))
        do throws(LogError) { reader = try LogReader(on: disk, segment: segment) } catch { throw .log(error) }
    }

    package var position: LedgerPosition { reader.position }
    package var place: LogReader.Place? { reader.place }

    /// The next record with its body, decoded into `batch` if it is one; nil at the end. A batch none of whose events can
    /// have its effective time in `periods` is checked, but not decoded.
    package mutating func next(
        _ periods: [Range<Int64>]? = nil
    ) throws(LedgerError) -> (draft: RecordDraft, body: [UInt8])? {
        try next { header in periods.map { header.draft.mayTouch($0) } ?? true }
    }

    /// The same; a batch that `wants` has no use for is checked, but not decoded.
    package mutating func next(
        decoding wants: (RecordHeader) -> Bool
    ) throws(LedgerError) -> (draft: RecordDraft, body: [UInt8])? {
        isDecoded = false
        let next: RecordHeader?
        do throws(LogError) { next = try reader.next() } catch { throw .log(error) }
        guard let header = next else { return nil }
        self.header = header
        guard header.kind == .batch else { return (header.draft, reader.content().body) }
        guard wants(header) else { return (header.draft, []) }
        isDecoded = false
        reader.withContent(of: &decoding) { body, _, decoding in
            decoding.decode(body, count: Int(header.draft.count))
        }
        isDecoded = decoding.isValid
        guard isDecoded else { throw .fault(.undecodable(ordinal: header.ordinal)) }
        return (header.draft, [])
    }

    /// The control totals of the decoded batch.
    package var batchTotals: RunningTotals {
        RunningTotals(tokens: UInt128(batch.controlTokens), reportedNanoUSD: UInt128(batch.reportedNanoUSD))
    }

    /// Folds everything that is left into `state`.
    package mutating func fold(into state: inout LedgerState) throws(LedgerError) {
        while let record = try next() {
            do throws(LedgerFault) {
                let totals = record.draft.kind == .batch ? batchTotals : nil
                try state.apply(record.draft, body: record.body, batchTotals: totals)
            } catch {
                throw .fault(error)
            }
        }
    }
}

extension RecordDraft {
    /// Whether an event of this batch may have its effective time in one of `periods`: it is the row's own time, or the
    /// receive time, or, only for rows ahead of the gateway's clock, something between.
    fileprivate func mayTouch(_ periods: [Range<Int64>]) -> Bool {
        guard highestTimeMs <= receivedAtMs.addingReportingOverflow(Limits.aheadMsMax).partialValue else { return true }
        return periods.contains { period in
            period.contains(receivedAtMs) || (lowestTimeMs < period.upperBound && highestTimeMs >= period.lowerBound)
        }
    }
}

/// Why a ledger cannot be used.
package enum LedgerError: Error, Hashable, Sendable, CustomStringConvertible {
    case log(LogError)
    case fault(LedgerFault)

    package var description: String {
        switch self {
        case .log(let error): "\(error)"
        case .fault(let fault): "\(fault); nothing was changed: restore the tenant from a backup or set it aside"
        }
    }
}
