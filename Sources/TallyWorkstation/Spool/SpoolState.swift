import TallyIO
package import TallyLog
package import TallyModel
package import TallyWire

/// What the records of a spool add up to: the stream, how far it goes, what the gateway has, what was counted.
///
/// Replaying a spool (`load`) and writing it (`Spool`) end in the same state; nothing else is kept anywhere.
/// Every segment begins with a checkpoint of all this, so the counter is rebuilt from the last segment alone.
///
/// Invariants: acknowledged ≤ tip; lowestHeld ≤ tip + 1; gaps ascend and do not overlap; a batch record is valid
/// for a sequence only if it has the stream's number and the generation that `generations` names for it.
package struct SpoolState: Sendable {
    package internal(set) var stream = StreamID(Bytes16(high: 0, low: 0))
    /// Counts the streams of this spool.
    package internal(set) var number: UInt32 = 0
    /// The highest event ever appended, and the sums up to it.
    package internal(set) var tip = StreamCursor(sequence: .zero, chain: ChainValue(0), totals: .zero)
    package internal(set) var acknowledged = StreamCursor(sequence: .zero, chain: ChainValue(0), totals: .zero)
    package internal(set) var lowestHeld = Sequence64(1)
    package internal(set) var epoch = StoreEpoch(0)
    package internal(set) var backedUpThrough = Sequence64.zero
    /// The chain and sums in front of `lowestHeld`.
    package internal(set) var floor = StreamCursor(sequence: .zero, chain: ChainValue(0), totals: .zero)
    package internal(set) var tooOld: UInt64 = 0
    package internal(set) var deadLetterEvents: UInt64 = 0
    package internal(set) var gaps: [GapRecord] = []
    /// What of this stream may have been counted before, and what was left out for it in the spool's whole life.
    package internal(set) var adoption = AdoptionTerms.none
    package internal(set) var adopted = AdoptionReport()
    /// Nothing behind it is in question.
    package internal(set) var suspect = Sequence64.zero
    package internal(set) var counts = SpoolCounts()
    var letters = DeadLetters()
    /// Earlier streams that are still held, oldest first.
    package internal(set) var kept: [KeptStream] = []
    package var counter = Counter(eventsMax: Limits.spoolRecordEventsMax)

    struct GenerationStart: Hashable, Sendable {
        var from: Sequence64
        var generation: UInt32
    }
    struct IndexEntry: Hashable, Sendable {
        var first: Sequence64
        /// The record before the one that begins with `first`.
        var behind: LedgerPosition
    }
    struct SegmentStart: Hashable, Sendable {
        var segment: UInt32
        var number: UInt32
        var tip: StreamCursor
        var createdAtMs: Int64
        /// A rewrite was under way: what it had written stands in front, too.
        var isMidRewrite = false
    }
    /// A rewrite whose end has not been read yet.
    struct Staged: Hashable, Sendable {
        var number: UInt32
        var generation: UInt32
        var first: Sequence64
        var tip: StreamCursor
        var index: [IndexEntry] = []
    }

    var generations: [GenerationStart] = []
    var highestGeneration: UInt32 = 1
    var index: [IndexEntry] = []
    var segmentStarts: [SegmentStart] = []
    var staged: Staged?
    /// Takes effect with the rewrite of its generation.
    private var pending: AdoptionRecord?
    private var recordsSinceIndex = 0
    private var isFresh = true
    private static let indexStride = 16

    init() {}

    /// The state of a spool that holds nothing yet.
    init(newStream: StreamID) {
        isFresh = false
        open(newStream, number: 1, generation: 1)
    }

    var generation: UInt32 { generations.last?.generation ?? 1 }

    func generation(of sequence: Sequence64) -> UInt32 {
        generations.last { $0.from <= sequence }?.generation ?? generation
    }

    package var deadLetters: [DeadLetter] { letters.kept }
    package var isFull: Bool { segmentStarts.count > Limits.spoolSegmentsMax }

    package var unacknowledged: UInt64 { tip.sequence.value - acknowledged.sequence.value }

    /// The gap that holds `sequence`, or the first one behind it.
    package func gap(atOrAfter sequence: Sequence64) -> GapRecord? { gaps.first { $0.last >= sequence } }

    // MARK: Replay

    /// Reads a whole spool, also one that another process is writing.
    package static func load(_ disk: any LogDisk, through: UInt64? = nil) throws(WorkstationError) -> SpoolState {
        do throws(LogError) {
            var state = SpoolState()
            var reader = try LogReader(on: disk, through: through)
            var behind = reader.position
            while let header = try reader.next() {
                let failure = reader.withContent { body, local -> WorkstationError? in
                    do throws(WorkstationError) {
                        try state.apply(header, body, local, behind: behind)
                        return nil
                    } catch {
                        return error
                    }
                }
                if let failure = failure ?? nil { throw SpoolFailure.wrap(failure, header) }
                behind = reader.position
            }
            return state
        } catch {
            throw .log(error)
        }
    }

    mutating func apply(
        _ header: RecordHeader, _ body: Span<UInt8>, _ local: Span<UInt8>, behind: LedgerPosition
    ) throws(WorkstationError) {
        var bytes: [UInt8] = []
        var isForeign = false
        if header.kind != .batch { bytes.append(copying: body) }
        do throws(MalformedBody) {
            switch header.kind {
            case .checkpoint: take(try CheckpointRecord(decoding: bytes), header)
            case .acknowledged: take(try AcknowledgedRecord(decoding: bytes))
            case .deadLetter: take(try DeadLetterRecord(decoding: bytes), header.draft)
            case .gap: take(try GapRecord(decoding: bytes), header.draft)
            case .stream: commit(try StreamRecord(decoding: bytes))
            case .adoption: take(try AdoptionRecord(decoding: bytes))
            case .batch, .sourceDelta: break
            case .seal: return
            case .purge, .husk, .priceBook, .epoch: isForeign = true
            }
        } catch {
            throw .spoolDamaged(ordinal: header.ordinal)
        }
        if isForeign { throw .spoolDamaged(ordinal: header.ordinal) }
        if header.kind == .acknowledged, !local.isEmpty {
            counts = try SpoolCounts(decoding: local, ordinal: header.ordinal)
        }
        guard header.kind == .batch || header.kind == .sourceDelta else { return }
        let section = try SpoolLocal(decoding: local, header: header)
        if !section.delta.isEmpty {
            do throws(CounterError) { try counter.apply(section.delta.span) } catch {
                if case .newerVersion(let version) = error { throw .stateNewer(version) }
                throw .spoolDamaged(ordinal: header.ordinal)
            }
            tooOld = section.tooOld
        }
        if header.kind == .batch {
            guard note(header.draft, totals: section.totals, behind: behind) else {
                throw .spoolDamaged(ordinal: header.ordinal)
            }
            if let id = section.resent { noteResent(id) }
        }
    }

    private mutating func take(_ record: CheckpointRecord, _ header: RecordHeader) {
        counter = Counter(eventsMax: Limits.spoolRecordEventsMax)
        guard let entry = record.streams.first else { return }
        let cursor = StreamCursor(sequence: entry.committed, chain: entry.chain, totals: entry.totals)
        segmentStarts.append(
            SegmentStart(
                segment: header.segment, number: entry.number, tip: cursor, createdAtMs: header.draft.receivedAtMs,
                isMidRewrite: staged != nil))
        tooOld = record.events
        // The end of a rewrite is there, and its beginning has been trimmed: what the checkpoint says is all there is.
        if !isFresh, entry.number == number, cursor != tip {
            (tip, floor) = (cursor, cursor)
            lowestHeld = cursor.sequence.advanced(by: 1)
            generations = [GenerationStart(from: lowestHeld, generation: entry.generation.value)]
            index = []
            gaps.removeAll { $0.last < lowestHeld }
        }
        guard isFresh else { return }
        isFresh = false
        stream = entry.stream
        number = entry.number
        tip = cursor
        floor = cursor
        lowestHeld = cursor.sequence.advanced(by: 1)
        epoch = record.epoch
        deadLetterEvents = entry.gapEvents
        generations = [GenerationStart(from: lowestHeld, generation: entry.generation.value)]
        highestGeneration = max(highestGeneration, entry.generation.value)
        acknowledged = StreamCursor(sequence: .zero, chain: Chain.initial(stream), totals: .zero)
    }

    mutating func take(_ record: AcknowledgedRecord) {
        guard record.stream == stream else { return takeKept(record) }
        acknowledged = StreamCursor(sequence: record.committed, chain: record.chain, totals: record.totals)
        if record.epoch != epoch { oweKept() }
        epoch = record.epoch
        backedUpThrough = record.backedUpThrough
    }

    /// A gap of an earlier stream names it.
    private mutating func take(_ gap: GapRecord, _ draft: RecordDraft) {
        if draft.stream != 0, draft.stream != number { return noteKept(gap, number: draft.stream) }
        note(gap, isRepeated: draft.admissionFlags != 0)
    }

    mutating func note(_ gap: GapRecord, isRepeated: Bool) {
        let before = gaps.lastIndex { $0.first <= gap.last }
        if let before, gaps[before].last >= gap.first { return }
        if !isRepeated { tell(gap) }
        gaps.insert(gap, at: before.map { $0 + 1 } ?? 0)
        // A forgotten gap that a restored gateway lost as well is refused, and given up, once more.
        if gaps.count > Limits.spoolGapsMax, gaps[0].last <= acknowledged.sequence { gaps.removeFirst() }
    }

    /// Counts what has just been given up.
    mutating func tell(_ gap: GapRecord) {
        deadLetterEvents += gap.events
        counts.refused = counts.refused.adding(gap.totals) ?? counts.refused
        counts.droppedEvents += letters.settle(gap)
    }

    mutating func take(_ record: DeadLetterRecord, _ draft: RecordDraft) {
        let letter = DeadLetter(
            id: DeadLetter.ID(number: draft.stream, first: record.first), record: record, atMs: draft.receivedAtMs)
        if draft.admissionFlags == 0 { letters.expect(letter) } else { letters.repeated(letter) }
    }

    mutating func noteResent(_ id: DeadLetter.ID) {
        guard let letter = letters.remove(id) else { return }
        counts.resentEvents += UInt64(letter.record.count)
    }

    /// Takes a batch record at the end of the stream or of a rewrite. False if it does not continue it.
    mutating func note(_ draft: RecordDraft, totals: RunningTotals, behind: LedgerPosition) -> Bool {
        let last = Sequence64(draft.firstSequence.value &+ UInt64(draft.count) &- 1)
        guard draft.count > 0, draft.firstSequence > .zero, last.value <= Limits.sequenceMax else { return false }
        let after = StreamCursor(sequence: last, chain: draft.chainAfter, totals: totals)
        let entry = IndexEntry(first: draft.firstSequence, behind: behind)
        highestGeneration = max(highestGeneration, draft.generation.value)
        if draft.stream == number, draft.generation.value == generation {
            guard draft.firstSequence == tip.sequence.advanced(by: 1), draft.chainBefore == tip.chain else {
                return false
            }
            if index.isEmpty || recordsSinceIndex >= SpoolState.indexStride {
                index.append(entry)
                recordsSinceIndex = 0
            }
            recordsSinceIndex += 1
            tip = after
            if adoption.isAdopting || draft.lowestTimeMs <= adoption.bornMs { suspect = last }
            return true
        }
        if var staged, staged.number == draft.stream, staged.generation == draft.generation.value {
            guard draft.firstSequence == staged.tip.sequence.advanced(by: 1) else { return false }
            staged.tip = after
            staged.index.append(entry)
            self.staged = staged
        } else {
            staged = Staged(
                number: draft.stream, generation: draft.generation.value, first: draft.firstSequence, tip: after,
                index: [entry])
        }
        return true
    }

    mutating func take(_ record: AdoptionRecord) {
        guard record.stream == stream, record.generation.value == generation else {
            pending = record
            return
        }
        adoption = record.terms
        adopted = record.report
    }

    /// A rewrite is whole: what it wrote takes the place of what it read.
    mutating func commit(_ record: StreamRecord) {
        highestGeneration = max(highestGeneration, record.generation.value)
        let rewritten = staged.flatMap {
            $0.number == record.number && $0.generation == record.generation.value ? $0 : nil
        }
        let birth = pending.flatMap {
            $0.stream == record.stream && $0.generation == record.generation ? $0 : nil
        }
        staged = nil
        pending = nil
        if record.number != number {
            let copied = min(rewritten?.tip.sequence.value ?? 0, tip.sequence.value)
            let through = Sequence64(tip.sequence.value - copied)
            letters.renewed(number, after: through)
            retire(through: through)
            open(record.stream, number: record.number, generation: record.generation.value)
            segmentStarts.removeAll { $0.isMidRewrite }
        } else if let first = rewritten?.first ?? birth?.behind?.sequence.advanced(by: 1) {
            index.removeAll { $0.first >= first }
            generations.append(GenerationStart(from: first, generation: record.generation.value))
            forgetStarts(from: first)
        }
        if let birth {
            adoption = birth.terms
            adopted = birth.report
            if let behind = birth.behind {
                tip = StreamCursor(sequence: behind.sequence, chain: behind.chain, totals: behind.totals)
            }
        }
        if let rewritten {
            index += rewritten.index
            tip = rewritten.tip
        }
        suspect = adoption.isAdopting ? tip.sequence : min(suspect, tip.sequence)
    }

    /// A segment that began on events which a rewrite has replaced is no place to begin from any more.
    private mutating func forgetStarts(from first: Sequence64) {
        guard let oldest = segmentStarts.first else { return }
        segmentStarts.removeAll {
            $0.segment != oldest.segment && ($0.isMidRewrite || ($0.number == number && $0.tip.sequence >= first))
        }
    }

    private mutating func open(_ stream: StreamID, number: UInt32, generation: UInt32) {
        self.stream = stream
        self.number = number
        let start = StreamCursor(sequence: .zero, chain: Chain.initial(stream), totals: .zero)
        (tip, acknowledged, floor) = (start, start, start)
        lowestHeld = Sequence64(1)
        backedUpThrough = .zero
        gaps = []
        index = []
        generations = [GenerationStart(from: Sequence64(1), generation: generation)]
    }

    /// The oldest segments are gone; what is held begins at `start`.
    mutating func trimmed(to start: SegmentStart) {
        segmentStarts.removeAll { $0.segment < start.segment }
        trimKept(to: start)
        guard start.number == number else { return }
        floor = start.tip
        lowestHeld = start.tip.sequence.advanced(by: 1)
        gaps.removeAll { $0.last < lowestHeld }
        index.removeAll { $0.first < lowestHeld }
        while generations.count > 1, generations[1].from <= lowestHeld { generations.removeFirst() }
    }
}

/// Carries a failure of replay through the log's own error type.
enum SpoolFailure {
    /// The log's reader can throw only its own errors; what a record's content breaks is told by its ordinal.
    static func wrap(_ error: WorkstationError, _ header: RecordHeader) -> LogError {
        if case .stateNewer(let version) = error { return .newerVersion(UInt16(version)) }
        return .malformedBody(kind: header.kind, ordinal: header.ordinal)
    }
}
