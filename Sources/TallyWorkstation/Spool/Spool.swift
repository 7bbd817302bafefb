import TallyHash
import TallyIO
package import TallyLog
package import TallyModel
import TallyWire

/// The workstation's durable queue: events and reading positions in one log, so that they can never disagree.
///
/// Promise: what `sync` returned for is found again after a power loss, and each line of a source gives its
/// events once. One owner, on one queue. After an error of `append` or `sync` the value is of no use: nothing is
/// lost, the next start recovers and reads again what was not written.
package final class Spool {
    package internal(set) var state: SpoolState
    /// The highest event that is on stable storage: nothing behind it may be sent.
    package private(set) var durable: Sequence64
    package let recovery: LogRecovery
    package let disk: any LogDisk
    let entropy: Entropy
    private var log: SegmentLog
    private var encoder = BatchEncoder()
    private var unsyncedBytes = 0
    /// What the current segment began with; 0 where another life began it.
    private var headBytes = 0

    package static var options: LogOptions {
        var options = LogOptions()
        options.segmentBytes = Limits.spoolSegmentBytes
        options.birthBytesMax = Limits.spoolSnapshotBytesMax
        options.segmentBytesHard = Limits.spoolSegmentBytesMax + Limits.segmentSlackBytesMax
        return options
    }

    /// Opens the spool or makes a new one, as `stream` or under a name drawn now. The caller holds the home's lock.
    package init(
        on disk: any LogDisk, options: LogOptions = Spool.options, stream: StreamID? = nil, nowMs: Int64,
        entropy: Entropy = .system
    ) throws(WorkstationError) {
        self.disk = disk
        self.entropy = entropy
        var isNew = false
        do throws(LogError) {
            log = try SegmentLog.open(on: disk, options: options)
        } catch {
            guard error == .absent else { throw .log(error) }
            isNew = true
            var fresh = SpoolState(newStream: stream ?? StreamID(entropy.bytes16()))
            fresh.adoption = AdoptionTerms(isAdopting: true, bornMs: nowMs)
            let first = Spool.head(fresh, nowMs: nowMs)
            do throws(LogError) {
                log = try SegmentLog.create(
                    on: disk, options: options, lineage: entropy.bytes16(), nowMs: nowMs,
                    salt: entropy.word(), first: first)
            } catch {
                throw .log(error)
            }
        }
        recovery = log.recovery
        headBytes = isNew ? log.segmentBytes : 0
        state = try SpoolState.load(disk, through: log.durable.ordinal)
        durable = state.tip.sequence
        // The last stop came between the end of a segment and the beginning of the next.
        if log.isSealed { try roll(nowMs: nowMs) }
    }

    /// The counter, for the scan to fill. Drain it with `commit` only.
    package var counter: Counter {
        get { state.counter }
        _modify { yield &state.counter }
    }

    package var isFull: Bool { log.segments.count > Limits.spoolSegmentsMax }
    package var isSyncDue: Bool { unsyncedBytes >= Limits.spoolUnsyncedBytesMax }
    package var hasUnsynced: Bool { unsyncedBytes > 0 }

    // MARK: Appending

    /// Drains the counter into one record. Events before `oldestMs` are dropped and counted.
    package func commit(nowMs: Int64, oldestMs: Int64) throws(WorkstationError) {
        guard state.counter.hasChanges else { return }
        let drained = state.counter.drain()
        let kept = drained.events.filter { $0.timeMs >= oldestMs }
        state.tooOld += UInt64(drained.events.count - kept.count)
        try append(kept, delta: drained.delta, nowMs: nowMs)
    }

    func append(
        _ events: [Event], delta: [UInt8], resent: DeadLetter.ID? = nil, nowMs: Int64
    ) throws(WorkstationError) {
        let record = makeRecord(events, after: state.tip, delta: delta, resent: resent)
        var draft = record.draft
        draft.receivedAtMs = nowMs
        draft.stream = state.number
        draft.generation = Generation(state.generation)
        let behind = try write(NewRecord(draft, body: record.body, local: record.local))
        if draft.kind == .batch {
            let isNoted = state.note(draft, totals: record.totals, behind: behind)
            precondition(isNoted, "a new record continues the stream")
        }
    }

    struct EncodedRecord {
        var draft: RecordDraft
        var body: [UInt8]
        var local: [UInt8]
        var totals: RunningTotals
    }

    /// Lays out events as one record behind `cursor`.
    func makeRecord(
        _ events: [Event], after cursor: StreamCursor, delta: [UInt8], resent: DeadLetter.ID? = nil
    ) -> EncodedRecord {
        var draft = RecordDraft(events.isEmpty ? .sourceDelta : .batch)
        var local = SpoolLocal(tooOld: state.tooOld, totals: cursor.totals)
        local.delta = delta
        local.resent = resent
        var body: [UInt8] = []
        var chain = cursor.chain
        var start = 0
        // Each turn takes at least one event.
        while start < events.count {
            let part: EncodedBatch
            do throws(BatchRefusal) {
                part = try encoder.encode(events.span.extracting(start..<events.count), after: chain)
            } catch {
                preconditionFailure("the counter makes valid events only")
            }
            local.parts.append(SpoolLocal.Part(count: part.count, bytes: part.raw.count))
            body += part.raw
            chain = part.chainAfter
            let added = RunningTotals(
                tokens: UInt128(part.controlTokens), reportedNanoUSD: UInt128(part.reportedNanoUSD))
            // At most 2⁵⁶ events of 6 · 10⁹ tokens: the sum always fits.
            local.totals = local.totals.adding(added) ?? local.totals
            start += part.count
        }
        draft.count = UInt32(events.count)
        draft.schema = SchemaTable.version
        draft.firstSequence = events.isEmpty ? .zero : cursor.sequence.advanced(by: 1)
        draft.lowestTimeMs = events.map(\.timeMs).min() ?? 0
        draft.highestTimeMs = events.map(\.timeMs).max() ?? 0
        draft.chainBefore = cursor.chain
        draft.chainAfter = chain
        return EncodedRecord(draft: draft, body: body, local: local.encode(), totals: local.totals)
    }

    /// Appends one record; returns the position before it.
    @discardableResult
    func write(_ record: NewRecord) throws(WorkstationError) -> LedgerPosition {
        do throws(LogError) {
            let behind = log.appended
            try log.append(record.draft, body: record.body, local: record.local)
            unsyncedBytes += RecordHeader.overheadBytes + record.body.count + record.local.count
            return behind
        } catch {
            throw .log(error)
        }
    }

    /// Everything appended so far is on stable storage when this returns.
    package func sync() throws(WorkstationError) {
        do throws(LogError) { try log.sync() } catch { throw .log(error) }
        unsyncedBytes = 0
        durable = state.tip.sequence
    }

    /// Hands what is appended to the kernel, so that readers see it.
    func flush() throws(WorkstationError) {
        do throws(LogError) { try log.flush() } catch { throw .log(error) }
    }

    package func close() throws(WorkstationError) {
        do throws(LogError) { try log.close() } catch { throw .log(error) }
    }

    /// Encodes events for the dead letters.
    func encode(_ events: Span<Event>) throws(BatchRefusal) -> EncodedBatch {
        try encoder.encode(events, after: ChainValue(0))
    }

    // MARK: Segments

    /// The segment has its size, and holds as much as it began with: a snapshot larger than a segment would otherwise be
    /// written anew behind every record, and what is kept for a restored gateway would be pushed out by snapshots.
    package var isRollDue: Bool {
        log.isSealed || log.isRollDue && log.segmentBytes >= min(2 * headBytes, Limits.spoolSegmentBytesMax)
    }

    /// Begins a new segment with a snapshot of all that is remembered. Precondition: the counter is drained.
    package func roll(nowMs: Int64) throws(WorkstationError) {
        do throws(LogError) {
            try log.roll(nowMs: nowMs, salt: entropy.word(), first: Spool.head(state, nowMs: nowMs))
        } catch {
            if case .segmentFull = error { throw .memoryTooLarge }
            throw .log(error)
        }
        unsyncedBytes = 0
        headBytes = log.segmentBytes
        durable = state.tip.sequence
        if let newest = log.segments.last {
            state.segmentStarts.append(
                SpoolState.SegmentStart(
                    segment: newest.number, number: state.number, tip: state.tip, createdAtMs: nowMs,
                    isMidRewrite: state.staged != nil))
        }
    }

    /// Unlinks leading segments whose events are all acknowledged, and either backed up or beyond what is kept. True if
    /// any went: a reader that stands in one of them finds no way on.
    @discardableResult
    package func trim(nowMs: Int64) throws(WorkstationError) -> Bool {
        var hasTrimmed = false
        while let next = trimmable(nowMs: nowMs),
            let segment = log.segments.first(where: { $0.number == next.segment })
        {
            do throws(LogError) {
                let end = LedgerPosition(
                    lineage: log.lineage, segment: next.segment - 1, ordinal: segment.firstOrdinal - 1, checksum: 0)
                guard try log.trim(through: end) > 0 else { break }
            } catch {
                throw .log(error)
            }
            state.trimmed(to: next)
            hasTrimmed = true
        }
        return hasTrimmed
    }

    /// The first segment in front of which nothing is needed any more.
    private func trimmable(nowMs: Int64) -> SpoolState.SegmentStart? {
        let isOld = (state.segmentStarts.first?.createdAtMs ?? nowMs) < nowMs - Limits.spoolKeptMs
        let keptBytes = (state.segmentStarts.count - 1) * Limits.spoolSegmentBytes
        let isBeyond = isOld || keptBytes > Limits.spoolKeptBytesMax
        for next in state.segmentStarts.dropFirst() {
            guard next.number == state.number else {
                // A rewrite that filled a segment: its first events stand in front of a checkpoint of the old stream.
                if next.segment <= state.index.first?.behind.segment ?? .max {
                    return isBeyond || !state.isKept(before: next) ? next : nil
                }
                continue
            }
            guard next.tip.sequence <= state.acknowledged.sequence else { return nil }
            guard isBeyond || next.tip.sequence <= state.backedUpThrough && !state.isKept(before: next) else {
                return nil
            }
            return next
        }
        return nil
    }

    // MARK: Rewriting

    var nextGeneration: UInt32 { state.highestGeneration + 1 }

    func stage(_ record: NewRecord, totals: RunningTotals) throws(WorkstationError) {
        let behind = try write(record)
        let isNoted = state.note(record.draft, totals: totals, behind: behind)
        precondition(isNoted, "a rewrite is continuous")
        if isRollDue { try roll(nowMs: record.draft.receivedAtMs) }
    }

    /// Ends a rewrite: with `birth`, if it changes what is known of the stream.
    func commitRewrite(
        _ record: StreamRecord, _ birth: AdoptionRecord? = nil, nowMs: Int64
    ) throws(WorkstationError) {
        if let birth {
            try write(NewRecord(RecordDraft(.adoption, receivedAtMs: nowMs), body: birth.encode()))
            state.take(birth)
        }
        try write(NewRecord(RecordDraft(.stream, receivedAtMs: nowMs), body: record.encode()))
        try sync()
        state.commit(record)
        durable = state.tip.sequence
    }
}
