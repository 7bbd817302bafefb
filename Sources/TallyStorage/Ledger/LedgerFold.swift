import TallyHash
package import TallyLog
package import TallyModel
package import TallyPricing
package import TallyRollup
import TallyWire

/// Folds a stretch of a tenant's ledger into what it adds to the views: behind the ACK, for a reader's tail, for a
/// rebuild and for `verify` alike, so that all of them count the same.
///
/// Each batch is priced by the book that its record names, at each event's effective time; or, to see what another book
/// would say, all of them by that one.
package struct LedgerFold: ~Copyable {
    /// What one stretch added.
    package struct Result: Sendable {
        package var cells: [(RollupKey, RollupCounts)] = []
        package var sessions: [(key: SessionKey, delta: SessionDelta)] = []
        package var gaps: [GapRow] = []
        /// The streams that moved, where they stand now; empty where a period narrows the fold.
        package var streams: [StreamRow] = []
        package var events: UInt64 = 0
        package var records: UInt64 = 0
        package var through: LedgerPosition?
    }

    /// What a fold knew when it ended: the next one need not walk there from its segment's start, nor be told the
    /// streams. Where it does not begin there, it is of no use and no harm.
    package struct Resume: Sendable {
        fileprivate let place: LogReader.Place
        fileprivate let streams: [UInt32: StreamRow]

        package func begins(at position: LedgerPosition?) -> Bool { place.position == position }
    }

    private let books: BookShelf
    /// Prices every batch, whatever its record names.
    private let onlyBook: PriceBook?
    private let hashKey: HashKey
    private var replay: LedgerReplay
    /// Whose stream a number is, and how far it has come.
    private var streams: [UInt32: StreamRow]
    private var moved: Set<UInt32> = []
    /// Only events whose effective time lies in one of these count; nil for all.
    private let within: [Range<Int64>]?
    private var aggregator: Aggregator
    private var folder: BatchFolder
    private var result = Result()
    /// Held back because it needs another book than the aggregator's.
    private var isWaiting = false

    /// Reads behind `from` up to `through`. `streams` are those of the ledger up to `from`, as views that stand there hold
    /// them: whose a stream is may change, and events before that are the earlier owner's.
    package init(
        disk: any LogDisk, from: LedgerPosition?, through: LedgerPosition, books: BookShelf,
        onlyBook: PriceBook? = nil, streams: [StreamRow] = [], within: [Range<Int64>]? = nil, resume: Resume? = nil,
        entropy: Entropy = .system
    ) throws(LedgerError) {
        let key = HashKey(first: entropy.word(), second: entropy.word())
        let reader = try LedgerReplay(
            disk: disk, from: from, through: through.ordinal, place: resume?.place, entropy: entropy)
        self.books = books
        self.onlyBook = onlyBook
        let known = resume.flatMap { $0.place.position == from ? $0.streams : nil }
        self.streams = known ?? Dictionary(streams.map { ($0.number, $0) }) { _, later in later }
        self.within = within
        hashKey = key
        replay = reader
        let first = onlyBook ?? books.current
        aggregator = Aggregator(book: first, hashKey: key)
        folder = BatchFolder(book: first)
    }

    /// What it knows where it came to; for the fold that goes on from there.
    package var resume: Resume? { replay.place.map { Resume(place: $0, streams: streams) } }

    /// Folds on until the aggregator is full, `bytesMax` bytes of bodies are read, or the end. Nil at the end.
    package mutating func next(bytesMax: Int = Limits.viewsFoldBytesMax) throws(LedgerError) -> Result? {
        result = Result()
        var bytes = 0
        while bytes < bytesMax, !aggregator.isFull {
            guard let record = try isWaiting ? (nil, []) : nextRecord() else { break }
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
        result.streams = moved.sorted().compactMap { streams[$0] }
        moved = []
        return result
    }

    private mutating func nextRecord() throws(LedgerError) -> (draft: RecordDraft?, body: [UInt8])? {
        try replay.next(within).map { ($0.draft, $0.body) }
    }

    /// False where the batch needs another book: what was folded so far goes out first.
    private mutating func foldBatch() throws(LedgerError) -> Bool {
        guard let header = replay.header else { return true }
        if onlyBook == nil, header.draft.priceBook != aggregator.book.id.value {
            guard aggregator.isEmpty else {
                isWaiting = true
                return false
            }
            guard let book = books.book(header.draft.priceBook) else {
                throw .fault(.unknownBook(ordinal: header.ordinal))
            }
            aggregator = Aggregator(book: book, hashKey: hashKey)
            folder = BatchFolder(book: book)
        }
        guard let stream = streams[header.draft.stream] else { throw .fault(.unknownStream(header.draft.stream)) }
        let events = folder.fold(
            replay.batch, of: stream.workstation, receivedMs: header.draft.receivedAtMs,
            offsetMs: Int64(header.draft.clockOffsetMs), within: within, into: &aggregator)
        result.events += UInt64(events)
        try advance(header.draft, by: UInt64(header.draft.count), replay.batchTotals)
        return true
    }

    /// The stream of `draft` goes on over `count` events.
    private mutating func advance(
        _ draft: RecordDraft, by count: UInt64, _ totals: RunningTotals
    ) throws(LedgerError) {
        guard within == nil else { return }
        guard var stream = streams[draft.stream] else { throw .fault(.unknownStream(draft.stream)) }
        guard draft.firstSequence == stream.committed.advanced(by: 1) else {
            throw .fault(.notContiguous(stream: draft.stream, first: draft.firstSequence))
        }
        guard let sum = stream.totals.adding(totals) else { throw .fault(.overflow(stream: draft.stream)) }
        stream.committed = stream.committed.advanced(by: count)
        stream.chain = draft.chainAfter
        stream.totals = sum
        stream.generation = max(stream.generation, draft.generation)
        streams[draft.stream] = stream
        moved.insert(draft.stream)
    }

    /// Streams that are bound, and gaps.
    private mutating func note(_ draft: RecordDraft, _ body: [UInt8]) throws(LedgerError) {
        switch draft.kind {
        case .stream:
            guard let record = try? StreamRecord(decoding: body) else { throw .fault(.malformed(.stream)) }
            if streams[record.number] == nil { streams[record.number] = StreamRow(LedgerState.Stream(record, draft)) }
            streams[record.number]?.take(record)
            moved.insert(record.number)
        case .checkpoint:
            guard let record = try? CheckpointRecord(decoding: body) else { throw .fault(.malformed(.checkpoint)) }
            for entry in record.streams where streams[entry.number] == nil {
                streams[entry.number] = StreamRow(LedgerState.Stream(entry))
                moved.insert(entry.number)
            }
        case .gap:
            guard let record = try? GapRecord(decoding: body), let stream = streams[draft.stream] else {
                throw .fault(.malformed(.gap))
            }
            result.gaps.append(GapRow(record, of: stream, receivedMs: draft.receivedAtMs))
            try advance(draft, by: record.events, record.totals)
        case .husk:
            guard let record = try? HuskRecord(decoding: body) else { throw .fault(.malformed(.husk)) }
            try advance(draft, by: record.events, record.totals)
        case .batch, .purge, .priceBook, .seal, .epoch, .sourceDelta, .acknowledged, .deadLetter, .adoption: break
        }
    }
}

extension GapRow {
    /// As a record of the stream has it.
    package init(_ record: GapRecord, of stream: StreamRow, receivedMs: Int64) {
        self.init(
            stream: stream.stream, workstation: stream.workstation, first: record.first, last: record.last,
            reason: UInt8(clamping: record.reason), events: record.events,
            reportedNanoUSD: UInt64(clamping: record.totals.reportedNanoUSD), receivedMs: receivedMs)
    }
}

extension StreamRow {
    /// As the ledger's state has it.
    package init(_ stream: LedgerState.Stream) {
        self.init(
            number: stream.number, stream: stream.id, workstation: stream.workstation, generation: stream.generation,
            committed: stream.sequence, chain: stream.chain, totals: stream.totals, isClosed: stream.isClosed)
    }

    fileprivate mutating func take(_ record: StreamRecord) {
        workstation = record.workstation
        generation = max(generation, record.generation)
        isClosed = record.isClosed
    }
}
