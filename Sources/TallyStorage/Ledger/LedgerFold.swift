import TallyHash
package import TallyLog
package import TallyModel
import TallyPricing
package import TallyRollup
import TallyWire

/// Folds a stretch of a tenant's ledger into what it adds to the views: behind the ACK, for a reader's tail, for a
/// rebuild and for `verify` alike, so that all of them count the same.
///
/// Each batch is priced by the book that its record names, at each event's effective time.
package struct LedgerFold: ~Copyable {
    /// What one stretch added.
    package struct Result: Sendable {
        package var cells: [(RollupKey, RollupCounts)] = []
        package var sessions: [(key: SessionKey, delta: SessionDelta)] = []
        package var gaps: [GapRow] = []
        package var events: UInt64 = 0
        package var records: UInt64 = 0
        package var through: LedgerPosition?
    }

    private let books: BookShelf
    private let hashKey = HashKey(first: Random.uint64(), second: Random.uint64())
    private var replay: LedgerReplay
    /// Whose stream a number is; grows with the STREAM records that are read.
    package private(set) var streams: [UInt32: LedgerState.Stream]
    /// Only events whose effective time lies in one of these count; nil for all.
    private let within: [Range<Int64>]?
    private var aggregator: Aggregator
    private var result = Result()
    /// Held back because it needs another book than the aggregator's.
    private var isWaiting = false

    /// Reads behind `from` up to `through`. `streams` says whose stream a number is, as of any later record: numbers are
    /// never bound anew.
    package init(
        disk: any LogDisk, from: LedgerPosition?, through: LedgerPosition, books: BookShelf,
        streams: [UInt32: LedgerState.Stream], within: [Range<Int64>]? = nil
    ) throws(LedgerError) {
        self.books = books
        self.streams = streams
        self.within = within
        replay = try LedgerReplay(disk: disk, from: from, through: through.ordinal)
        aggregator = Aggregator(book: books.current, hashKey: hashKey)
    }

    /// Folds on until the aggregator is full, `bytesMax` bytes of bodies are read, or the end. Nil at the end.
    package mutating func next(bytesMax: Int = Limits.viewsFoldBytesMax) throws(LedgerError) -> Result? {
        result = Result()
        var bytes = 0
        while bytes < bytesMax, !aggregator.isFull {
            guard let record = try isWaiting ? (nil, []) : replay.next(within).map({ (Optional($0.draft), $0.body) })
            else {
                break
            }
            if let draft = record.0 { try note(draft, record.1) }
            guard let header = replay.header else { break }
            if header.kind == .batch, replay.isDecoded {
                guard try foldBatch() else { break }
            }
            isWaiting = false
            bytes += header.recordBytes
            result.records += 1
            result.through = replay.position
        }
        guard result.records > 0 else { return nil }
        let deltas = aggregator.drain()
        result.cells = deltas.cells.map { ($0.key, $0.counts) }
        result.sessions = deltas.sessions
        return result
    }

    /// False where the batch needs another book: what was folded so far goes out first.
    private mutating func foldBatch() throws(LedgerError) -> Bool {
        guard let header = replay.header else { return true }
        if header.draft.priceBook != aggregator.book.id.value {
            guard aggregator.isEmpty else {
                isWaiting = true
                return false
            }
            guard let book = books.book(header.draft.priceBook) else {
                throw .fault(.unknownBook(ordinal: header.ordinal))
            }
            aggregator = Aggregator(book: book, hashKey: hashKey)
        }
        guard let stream = streams[header.draft.stream] else { throw .fault(.unknownStream(header.draft.stream)) }
        for row in 0..<replay.batch.count {
            guard let event = replay.batch.event(at: row) else { throw .fault(.undecodable(ordinal: header.ordinal)) }
            let effective = EffectiveTime(
                timeMs: event.timeMs, receivedMs: header.draft.receivedAtMs,
                offsetMs: Int64(header.draft.clockOffsetMs)
            ).ms
            if let within, !within.contains(where: { $0.contains(effective) }) { continue }
            aggregator.add(event, workstation: stream.workstation, effectiveMs: effective)
            result.events += 1
        }
        return true
    }

    /// Streams that are bound, and gaps.
    private mutating func note(_ draft: RecordDraft, _ body: [UInt8]) throws(LedgerError) {
        switch draft.kind {
        case .stream:
            guard let record = try? StreamRecord(decoding: body) else { throw .fault(.malformed(.stream)) }
            if streams[record.number] == nil { streams[record.number] = LedgerState.Stream(record, draft) }
            streams[record.number]?.workstation = record.workstation
        case .checkpoint:
            guard let record = try? CheckpointRecord(decoding: body) else { throw .fault(.malformed(.checkpoint)) }
            for entry in record.streams where streams[entry.number] == nil {
                streams[entry.number] = LedgerState.Stream(entry)
            }
        case .gap:
            guard let record = try? GapRecord(decoding: body), let stream = streams[draft.stream] else {
                throw .fault(.malformed(.gap))
            }
            result.gaps.append(
                GapRow(
                    stream: stream.id, workstation: stream.workstation, first: record.first, last: record.last,
                    reason: UInt8(clamping: record.reason), events: record.events,
                    reportedNanoUSD: UInt64(clamping: record.totals.reportedNanoUSD), receivedMs: draft.receivedAtMs))
        case .batch, .purge, .husk, .priceBook, .seal, .epoch, .sourceDelta, .acknowledged, .deadLetter, .adoption:
            break
        }
    }
}
