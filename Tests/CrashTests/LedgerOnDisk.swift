import CrashDisk
import Synchronization
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyRollup
import TallyStorage
import TallyUsage
import TallyWire
import TestDisk

/// A tenant's ledger on a lying disk, with seeded events to append: what views have to follow.
final class LedgerOnDisk {
    let disk: LyingDisk
    private let tenant: Tenant
    private var random: SeededRandom
    private var ledger: TenantLedger?
    private var encoder = BatchEncoder()
    private var decoder = BatchDecoder(hashSeed: 3)
    private var folder = BatchFolder(book: LedgerOnDisk.books.current)
    /// What was appended since the last harvest.
    private var from: LedgerPosition?
    private var sums: Aggregator
    private var gaps: [GapRow] = []
    private var moved: Set<UInt32> = []
    private var events: UInt64 = 0
    private static let hashKey = HashKey(first: 5, second: 6)
    /// Read once: parsing the built-in book takes longer than a life.
    static let books = BookShelf()
    static let nowMs: Int64 = 1_760_000_000_000

    init(seed: UInt64) throws {
        random = SeededRandom(seed)
        disk = LyingDisk(seed: random.next())
        sums = Aggregator(book: Self.books.current, hashKey: Self.hashKey)
        tenant = try LedgerOnDisk.tenant(seed)
    }

    static func tenant(_ seed: UInt64) throws -> Tenant {
        let disk = CrashDisk(name: "tenant-\(seed)-\(Random.uint64())", seed: seed)
        guard let name = TenantName("demo") else { throw Unfit() }
        let bytes = (0..<TenantDraws.bytesCount).map { UInt8(truncatingIfNeeded: $0 &+ Int(truncatingIfNeeded: seed)) }
        return try Catalog(folder: disk.root, on: disk).createTenant(
            name, plan: .pro, draws: TenantDraws(random: bytes), by: Stamp(actor: .gateway, timeMs: nowMs))
    }

    var durable: LedgerPosition? { ledger?.durable }
    var streams: [StreamRow] {
        (ledger?.state.streams.values.map { StreamRow($0) } ?? []).sorted { $0.number < $1.number }
    }

    /// Recovers it, or begins it. `evidence` is what the views prove.
    func open(evidence: UInt64) throws {
        var options = LogOptions()
        options.preallocationBytes = 4_096
        options.segmentBytes = 6_000 + random.below(20_000)
        let draws = Guarded(SeededRandom(random.next()))
        let opened = try TenantLedger(
            tenant: tenant, disk: disk, book: Self.books.current.id.value, viewsThrough: evidence, nowMs: Self.nowMs,
            options: options, entropy: Entropy { draws.withLock { $0.next() } })
        ledger = consume opened
        from = ledger?.appended
    }

    /// Appends a few records and makes them durable.
    func grow() throws {
        for _ in 0...random.below(3) { try append() }
        try ledger?.sync()
    }

    private func append() throws {
        try ledger?.rollIfDue(nowMs: Self.nowMs)
        let id = StreamID(Bytes16(high: 1, low: UInt64(random.below(3))))
        if ledger?.state.stream(id) == nil {
            _ = try ledger?.openStream(id, workstation: WorkstationID(UInt64(random.below(3) + 1)), nowMs: Self.nowMs)
        }
        guard let stream = ledger?.state.stream(id) else { throw Unfit() }
        moved.insert(stream.number)
        switch random.below(12) {
        case 0:
            try ledger?.changeStream(
                stream.number, .workstationChanged, workstation: WorkstationID(UInt64(random.below(4) + 1)),
                nowMs: Self.nowMs)
        case 1: try appendGap(stream)
        default: try appendBatch(stream)
        }
    }

    private func appendBatch(_ stream: LedgerState.Stream) throws {
        var events: [Event] = []
        for _ in 0...random.below(12) { events.append(try event()) }
        let encoded = try encoder.encode(events.span, after: stream.chain)
        var draft = RecordDraft(.batch, receivedAtMs: Self.nowMs + Int64(random.below(1_000)))
        draft.schema = 1
        draft.stream = stream.number
        draft.count = UInt32(encoded.count)
        draft.firstSequence = stream.sequence.advanced(by: 1)
        draft.lowestTimeMs = events.map(\.timeMs).min() ?? 0
        draft.highestTimeMs = events.map(\.timeMs).max() ?? 0
        draft.chainBefore = stream.chain
        draft.chainAfter = encoded.chainAfter
        try ledger?.append(
            batch: draft, body: encoded.raw.span,
            totals: RunningTotals(
                tokens: UInt128(encoded.controlTokens), reportedNanoUSD: UInt128(encoded.reportedNanoUSD)))
        var batch = Batch()
        try decoder.decode(encoded.raw.span, count: encoded.count, into: &batch)
        self.events += UInt64(
            folder.fold(
                batch, of: stream.workstation, receivedMs: draft.receivedAtMs, offsetMs: 0, into: &sums))
    }

    private func appendGap(_ stream: LedgerState.Stream) throws {
        let first = stream.sequence.advanced(by: 1)
        let gap = GapRecord(
            reason: 1, first: first, last: first.advanced(by: UInt64(random.below(5))),
            chainAfter: ChainValue(random.next()), totals: RunningTotals(tokens: 3, reportedNanoUSD: 5), groups: [])
        var draft = RecordDraft(.gap, receivedAtMs: Self.nowMs)
        draft.stream = stream.number
        draft.count = UInt32(gap.events)
        draft.firstSequence = first
        draft.chainBefore = stream.chain
        draft.chainAfter = gap.chainAfter
        try ledger?.append(draft, body: gap.encode(), of: stream.number)
        gaps.append(GapRow(gap, of: StreamRow(stream), receivedMs: draft.receivedAtMs))
    }

    private func event() throws -> Event {
        guard let session = SessionID(Bytes16(high: 7, low: UInt64(random.below(4) + 1))),
            let model = Label(random.chance(50) ? "claude-opus-4-5" : "a-model-without-price")
        else { throw Unfit() }
        var event = Event(
            timeMs: Self.nowMs - Int64(random.below(7_200_000)), session: session, agent: .claudeCode, model: model)
        event.inputTokens = UInt32(random.below(5_000))
        event.outputTokens = UInt32(random.below(900))
        event.speed = .standard
        return event
    }

    /// What was appended since the last harvest, and is durable; nil where that is nothing.
    func harvest() -> LedgerStretch? {
        guard let from, let through = durable, from != through else { return nil }
        let rows = streams.filter { moved.contains($0.number) }
        defer {
            self.from = through
            sums = Aggregator(book: Self.books.current, hashKey: Self.hashKey)
            gaps = []
            moved = []
            events = 0
        }
        return LedgerStretch(
            tenant: tenant.id, from: from, through: through,
            content: LedgerStretch.Content(sums: [sums], gaps: gaps, streams: rows, events: events))
    }

    /// The process is gone, and whatever the disk does next is the caller's.
    func letGo() { ledger = nil }

    struct Unfit: Error {}
}

/// What views hold, or ought to.
struct ViewsPicture: Equatable {
    var position: LedgerPosition?
    var cells: [RollupKey: RollupCounts] = [:]
    var gaps = GapTotals()
    var streams: [StreamRow] = []

    init() {}

    /// What a reader sees of the views on `disk`. Nil where there are none yet.
    init?(of disk: CrashDisk) throws {
        let reader: ViewsReader
        do throws(StorageError) {
            reader = try ViewsReader(folder: disk.root, on: disk)
        } catch {
            guard case .absent = error else { throw error }
            return nil
        }
        self = try reader.read { snapshot in
            var picture = ViewsPicture()
            picture.position = snapshot.position
            try snapshot.forEachCell { key, counts in picture.cells[key] = counts }
            picture.gaps = try snapshot.gapTotals()
            picture.streams = try snapshot.streams()
            guard try snapshot.tablesAgree() else { throw LedgerOnDisk.Unfit() }
            return picture
        }
    }

    /// What the ledger on `disk` says through `position`: a fold from its start.
    init(of disk: LyingDisk, through position: LedgerPosition?) throws {
        guard let position else { return }
        self.position = position
        var fold = try LedgerFold(disk: disk, from: nil, through: position, books: LedgerOnDisk.books)
        var found: [UInt32: StreamRow] = [:]
        while let result = try fold.next() {
            for (key, counts) in result.cells { cells[key, default: RollupCounts()] += counts }
            for gap in result.gaps {
                gaps.events += Int128(gap.events)
                gaps.reportedNanoUSD += Int128(gap.reportedNanoUSD)
            }
            for stream in result.streams { found[stream.number] = stream }
        }
        cells = cells.filter { $0.value.events > 0 }
        streams = found.values.sorted { $0.number < $1.number }
    }
}
