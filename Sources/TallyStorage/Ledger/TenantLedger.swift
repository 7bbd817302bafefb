import TallyHash
package import TallyLog
package import TallyModel
import TallyWire

/// One tenant's ledger with one owner: its log and what the log says so far.
///
/// Everything is appended through here, so `state` is always the fold of the log. What is appended is not yet durable:
/// the owner runs the barrier (`sync`, or `barrier` and `markSynced`) and only then tells anyone.
package struct TenantLedger: ~Copyable, Sendable {
    package let tenant: TenantID
    package private(set) var state: LedgerState
    private var log: SegmentLog
    private let disk: any LogDisk
    /// The content hash of the book that new records name. It is on stable storage.
    package var book: UInt64
    private let entropy: Entropy

    /// Bytes of the batches appended since it was opened.
    package private(set) var bytesAppended: UInt64 = 0

    package static let folderName = "ledger"

    /// Opens and recovers, or begins, the ledger in the folder `disk`. `viewsThrough` is the last ordinal that the
    /// views hold: views follow the barrier, so it proves that much durable.
    package init(
        tenant: Tenant, disk: any LogDisk, book: UInt64, viewsThrough: UInt64, nowMs: Int64,
        options: LogOptions = LogOptions(), entropy: Entropy = .system
    ) throws(LedgerError) {
        self.tenant = tenant.id
        self.book = book
        self.entropy = entropy
        var state = LedgerState()
        log = try Self.open(
            &state, tenant: tenant, disk: disk, book: book, viewsThrough: viewsThrough, nowMs: nowMs, options: options,
            entropy: entropy)
        self.state = state
        self.disk = disk
    }

    private static func open(
        _ state: inout LedgerState, tenant: Tenant, disk: any LogDisk, book: UInt64, viewsThrough: UInt64, nowMs: Int64,
        options: LogOptions, entropy: Entropy
    ) throws(LedgerError) -> SegmentLog {
        let log: SegmentLog
        do throws(LogError) {
            log = try SegmentLog.open(on: disk, options: options, evidence: LogEvidence(durableThrough: viewsThrough))
        } catch {
            guard error == .absent else { throw .log(error) }
            return try create(&state, tenant: tenant, disk: disk, nowMs: nowMs, options: options, entropy: entropy)
        }
        // The last segment begins with a checkpoint of everything before it.
        var replay = try LedgerReplay(disk: disk, segment: log.segments.last?.number ?? 1)
        try replay.fold(into: &state)
        return log
    }

    private static func create(
        _ state: inout LedgerState, tenant: Tenant, disk: any LogDisk, nowMs: Int64, options: LogOptions,
        entropy: Entropy
    ) throws(LedgerError) -> SegmentLog {
        let epoch = EpochRecord(.created, epoch: tenant.epoch, before: StoreEpoch(0), atMs: nowMs)
        let record = NewRecord(RecordDraft(.epoch, receivedAtMs: nowMs), body: epoch.encode())
        do throws(LedgerFault) {
            try state.apply(record.draft, body: record.body, batchTotals: nil)
        } catch {
            throw .fault(error)
        }
        do throws(LogError) {
            return try SegmentLog.create(
                on: disk, options: options, lineage: entropy.bytes16(), nowMs: nowMs, salt: entropy.word(),
                first: [record])
        } catch {
            throw .log(error)
        }
    }

    // MARK: Facts

    package var epoch: StoreEpoch { state.epoch ?? StoreEpoch(0) }
    package var durable: LedgerPosition { log.durable }
    package var appended: LedgerPosition { log.appended }
    /// What opening it found.
    package var recovery: LogRecovery { log.recovery }
    package var isDirty: Bool { log.appended != log.durable }
    /// What a reader of this ledger opens.
    package var readable: any LogDisk { disk }

    // MARK: Appending

    /// Makes room: seals a full segment and begins the next with a checkpoint. What was appended is then durable.
    package mutating func rollIfDue(nowMs: Int64) throws(LogError) {
        guard log.isRollDue else { return }
        try log.roll(
            nowMs: nowMs, salt: entropy.word(), first: state.checkpoint(priceBook: book).newRecords(nowMs: nowMs))
    }

    /// Appends a batch. Nothing is appended where it does not continue its stream; nothing is copied on the way.
    package mutating func append(
        batch draft: RecordDraft, body: Span<UInt8>, totals: RunningTotals
    ) throws(LedgerError) {
        var draft = draft
        draft.priceBook = book
        let step: LedgerState.Step
        do throws(LedgerFault) {
            step = try state.step(draft, count: UInt64(draft.count), totals: totals)
        } catch {
            throw .fault(error)
        }
        let local: [UInt8] = []
        do throws(LogError) { try log.append(draft, body: body, local: local.span) } catch { throw .log(error) }
        bytesAppended &+= UInt64(body.count)
        state.take(step)
    }

    /// Appends a rare record that concerns stream `number` alone, or none (0): a gap, a stream's change, an epoch.
    package mutating func append(_ draft: RecordDraft, body: [UInt8], of number: UInt32) throws(LedgerError) {
        let undo = state.undo(of: number)
        do throws(LedgerFault) {
            try state.apply(draft, body: body, batchTotals: nil)
        } catch {
            state.revert(to: undo)
            throw .fault(error)
        }
        do throws(LogError) {
            try log.append(draft, body: body)
        } catch {
            state.revert(to: undo)
            throw .log(error)
        }
    }

    /// Binds a new stream to its workstation; its chain begins at `chain(0)`.
    package mutating func openStream(
        _ id: StreamID, workstation: WorkstationID, nowMs: Int64
    ) throws(LedgerError) -> LedgerState.Stream {
        let record = StreamRecord(
            .opened, number: state.nextNumber, stream: id, workstation: workstation, generation: Generation(0),
            atMs: nowMs)
        var draft = RecordDraft(.stream, receivedAtMs: nowMs)
        draft.chainAfter = Chain.initial(id)
        try append(draft, body: record.encode(), of: record.number)
        guard let stream = state.stream(id) else { throw .fault(.unknownStream(record.number)) }
        return stream
    }

    /// Notes a change of a stream that stands in the ledger.
    package mutating func changeStream(
        _ number: UInt32, _ reason: StreamRecord.Reason, workstation: WorkstationID? = nil,
        generation: Generation? = nil, isClosed: Bool? = nil, nowMs: Int64
    ) throws(LedgerError) {
        guard let stream = state.streams[number] else { throw .fault(.unknownStream(number)) }
        let record = StreamRecord(
            reason, number: number, stream: stream.id, workstation: workstation ?? stream.workstation,
            generation: generation ?? stream.generation, isClosed: isClosed ?? stream.isClosed,
            isAdopting: stream.isAdopting, atMs: nowMs)
        try append(RecordDraft(.stream, receivedAtMs: nowMs), body: record.encode(), of: number)
    }

    /// A new life of the store, because acknowledged data is missing.
    package mutating func raiseEpoch(to epoch: StoreEpoch, nowMs: Int64) throws(LedgerError) {
        // Whoever restores has just opened it, and a stop between a seal and its successor leaves a full segment.
        do throws(LogError) { try rollIfDue(nowMs: nowMs) } catch { throw .log(error) }
        let record = EpochRecord(
            .restored, epoch: epoch, before: self.epoch, atMs: nowMs, restoredThrough: log.appended.ordinal)
        try append(RecordDraft(.epoch, receivedAtMs: nowMs), body: record.encode(), of: 0)
    }

    // MARK: Durability

    package mutating func flush() throws(LogError) { try log.flush() }
    package mutating func sync() throws(LogError) { try log.sync() }

    /// A barrier over the file system that began after `flush` has succeeded.
    package mutating func markSynced() { log.markSynced(through: log.flushed) }

    package mutating func close() throws(LogError) { try log.close() }
}
