package import TallyLog
package import TallyModel

/// What a tenant's ledger says about its streams, as of one record: the fold of a checkpoint and all records behind it.
///
/// The same fold serves the running gateway (each record as it is appended), recovery and `verify`. It checks what
/// replay may check (contiguity, chain, totals) and nothing that was decided at admission. Invariants: every stream
/// number is bound before it is used; a stream's sequences are contiguous; `totals` is the sum of its streams' totals.
package struct LedgerState: Sendable {
    package struct Stream: Hashable, Sendable {
        package var number: UInt32
        package var id: StreamID
        package var workstation: WorkstationID
        package var generation: Generation
        /// The last sequence in the ledger, gaps included, and the chain after it.
        package var sequence: Sequence64
        package var chain: ChainValue
        package var totals: RunningTotals
        package var gapEvents: UInt64
        package var gapTotals: RunningTotals
        package var isClosed: Bool
        package var isAdopting: Bool
        package var backedUpThrough: Sequence64
    }

    package private(set) var epoch: StoreEpoch?
    package private(set) var streams: [UInt32: Stream] = [:]
    package private(set) var totals: RunningTotals = .zero
    /// Events ever committed, gaps left out.
    package private(set) var events: UInt64 = 0
    /// The highest receive time of any record: the clock is trusted only if it is not behind it.
    package private(set) var newestReceivedAtMs: Int64 = 0
    private var numbers: [StreamID: UInt32] = [:]
    private var highestNumber: UInt32 = 0
    /// Parts of a checkpoint that is still being read.
    private var partsLeft: UInt16 = 0

    package init() {}

    package func stream(_ id: StreamID) -> Stream? { numbers[id].flatMap { streams[$0] } }

    /// The number for a stream that has none.
    package var nextNumber: UInt32 { highestNumber + 1 }

    // MARK: Records

    /// Folds one record in. `totals` are the control totals of a batch's rows, which the header does not hold.
    package mutating func apply(
        _ draft: RecordDraft, body: [UInt8], batchTotals: RunningTotals?
    ) throws(LedgerFault) {
        newestReceivedAtMs = max(newestReceivedAtMs, draft.receivedAtMs)
        switch draft.kind {
        case .batch:
            guard let batchTotals else { throw .malformed(.batch) }
            take(try step(draft, count: UInt64(draft.count), totals: batchTotals))
        case .gap: try fold(draft, try decoded(.gap) { () throws(MalformedBody) in try GapRecord(decoding: body) })
        case .stream:
            try bind(try decoded(.stream) { () throws(MalformedBody) in try StreamRecord(decoding: body) }, draft)
        case .checkpoint:
            try take(try decoded(.checkpoint) { () throws(MalformedBody) in try CheckpointRecord(decoding: body) })
        case .epoch:
            epoch = try decoded(.epoch) { () throws(MalformedBody) in try EpochRecord(decoding: body) }.epoch
        case .husk: try fold(draft, try decoded(.husk) { () throws(MalformedBody) in try HuskRecord(decoding: body) })
        case .priceBook, .purge, .seal: return
        case .sourceDelta, .acknowledged, .deadLetter, .adoption: throw .malformed(draft.kind)
        }
    }

    private func decoded<Body>(
        _ kind: RecordKind, _ decode: () throws(MalformedBody) -> Body
    ) throws(LedgerFault) -> Body {
        do throws(MalformedBody) { return try decode() } catch { throw .malformed(kind) }
    }

    private mutating func fold(_ draft: RecordDraft, _ gap: GapRecord) throws(LedgerFault) {
        guard draft.firstSequence == gap.first, draft.chainAfter == gap.chainAfter else { throw .malformed(.gap) }
        move(try step(draft, count: gap.events, totals: gap.totals))
        guard var stream = streams[draft.stream], let sum = stream.gapTotals.adding(gap.totals) else {
            throw .overflow(stream: draft.stream)
        }
        stream.gapEvents += gap.events
        stream.gapTotals = sum
        streams[draft.stream] = stream
    }

    private mutating func fold(_ draft: RecordDraft, _ husk: HuskRecord) throws(LedgerFault) {
        move(try step(draft, count: husk.events, totals: husk.totals))
        if husk.was == .batch { events += husk.events }
    }

    /// What one batch changes: checked, but not yet taken.
    package struct Step: Sendable {
        fileprivate var stream: Stream
        fileprivate var totals: RunningTotals
        fileprivate var events: UInt64
        fileprivate var receivedAtMs: Int64
    }

    /// Checks that `draft` continues its stream over `count` events.
    package func step(
        _ draft: RecordDraft, count: UInt64, totals added: RunningTotals
    ) throws(LedgerFault) -> Step {
        guard var stream = streams[draft.stream] else { throw .unknownStream(draft.stream) }
        guard draft.firstSequence.value == stream.sequence.value + 1 else {
            throw .notContiguous(stream: draft.stream, first: draft.firstSequence)
        }
        guard draft.chainBefore == stream.chain else { throw .chain(stream: draft.stream, first: draft.firstSequence) }
        guard let streamTotals = stream.totals.adding(added), let all = totals.adding(added) else {
            throw .overflow(stream: draft.stream)
        }
        stream.sequence = stream.sequence.advanced(by: count)
        stream.chain = draft.chainAfter
        stream.totals = streamTotals
        stream.generation = max(stream.generation, draft.generation)
        return Step(stream: stream, totals: all, events: count, receivedAtMs: draft.receivedAtMs)
    }

    /// Takes a batch's step, which came from this very state.
    package mutating func take(_ step: Step) {
        move(step)
        events += step.events
    }

    /// The same for a gap or a husk, whose events are not counted here.
    private mutating func move(_ step: Step) {
        streams[step.stream.number] = step.stream
        totals = step.totals
        newestReceivedAtMs = max(newestReceivedAtMs, step.receivedAtMs)
    }

    private mutating func bind(_ record: StreamRecord, _ draft: RecordDraft) throws(LedgerFault) {
        if var stream = streams[record.number] {
            guard stream.id == record.stream else { throw .malformed(.stream) }
            stream.workstation = record.workstation
            stream.generation = max(stream.generation, record.generation)
            stream.isClosed = record.isClosed
            stream.isAdopting = record.isAdopting
            streams[record.number] = stream
            return
        }
        guard numbers[record.stream] == nil else { throw .malformed(.stream) }
        numbers[record.stream] = record.number
        highestNumber = max(highestNumber, record.number)
        streams[record.number] = Stream(record, draft)
    }

    /// A checkpoint says all there is. Where the records before it were read too, it must agree with them.
    private mutating func take(_ record: CheckpointRecord) throws(LedgerFault) {
        let isFirstPart = record.part == 0
        guard isFirstPart || partsLeft == record.parts - record.part else { throw .malformed(.checkpoint) }
        let before = self
        if isFirstPart, before.epoch == nil {
            totals = record.totals
            events = record.events
        } else if isFirstPart {
            guard totals == record.totals, events == record.events else { throw .malformed(.checkpoint) }
        }
        epoch = record.epoch
        newestReceivedAtMs = max(newestReceivedAtMs, record.newestReceivedAtMs)
        for entry in record.streams {
            let stream = Stream(entry)
            if let known = before.streams[entry.number] {
                guard known.isSamePlace(as: stream) else { throw .malformed(.checkpoint) }
            }
            streams[entry.number] = stream
            numbers[entry.stream] = entry.number
            highestNumber = max(highestNumber, entry.number)
        }
        partsLeft = record.parts - record.part - 1
    }

    // MARK: Undoing

    /// What one rare record can change, as it was before: far less than a copy of everything.
    package struct Undo: Sendable {
        fileprivate let number: UInt32
        fileprivate let stream: Stream?
        fileprivate let highestNumber: UInt32
        fileprivate let epoch: StoreEpoch?
        fileprivate let totals: RunningTotals
        fileprivate let events: UInt64
        fileprivate let newestReceivedAtMs: Int64
    }

    /// For a record that is about to be applied and concerns no stream but `number`.
    package func undo(of number: UInt32) -> Undo {
        Undo(
            number: number, stream: streams[number], highestNumber: highestNumber, epoch: epoch, totals: totals,
            events: events, newestReceivedAtMs: newestReceivedAtMs)
    }

    package mutating func revert(to undo: Undo) {
        if undo.stream == nil, let added = streams[undo.number] { numbers[added.id] = nil }
        streams[undo.number] = undo.stream
        highestNumber = undo.highestNumber
        epoch = undo.epoch
        totals = undo.totals
        events = undo.events
        newestReceivedAtMs = undo.newestReceivedAtMs
    }

    // MARK: Checkpoint

    /// Everything, for the head of a new segment.
    package func checkpoint(priceBook: UInt64) -> CheckpointRecord {
        CheckpointRecord(
            epoch: epoch ?? StoreEpoch(0), priceBook: priceBook, newestReceivedAtMs: newestReceivedAtMs, events: events,
            totals: totals, streams: streams.values.sorted { $0.number < $1.number }.map(\.entry))
    }

    /// The formula of the doc comment.
    package func checkInvariants() {
        var sum = RunningTotals.zero
        for stream in streams.values {
            guard let next = sum.adding(stream.totals) else { preconditionFailure("totals overflow") }
            sum = next
        }
        precondition(sum == totals, "the tenant's totals are the sum of its streams'")
    }
}

/// What a ledger contradicts itself in. The tenant is quarantined; nothing is changed.
package enum LedgerFault: Error, Hashable, Sendable, CustomStringConvertible {
    case malformed(RecordKind)
    case unknownStream(UInt32)
    case notContiguous(stream: UInt32, first: Sequence64)
    case chain(stream: UInt32, first: Sequence64)
    case overflow(stream: UInt32)
    case undecodable(ordinal: UInt64)
    case totals(ordinal: UInt64)
    case unknownBook(ordinal: UInt64)

    package var description: String {
        switch self {
        case .malformed(let kind): "a \(kind) record does not agree with the records before it"
        case .unknownStream(let number): "a record names stream \(number), which nothing bound"
        case .notContiguous(let stream, let first): "stream \(stream) does not continue at event \(first.value)"
        case .chain(let stream, let first): "stream \(stream) breaks its chain before event \(first.value)"
        case .overflow(let stream): "stream \(stream) overflows its running totals"
        case .undecodable(let ordinal): "the batch of record \(ordinal) does not decode"
        case .totals(let ordinal): "the batch of record \(ordinal) does not hold what its header says"
        case .unknownBook(let ordinal): "record \(ordinal) names a price book that is not in the folder's books"
        }
    }
}

extension LedgerState.Stream {
    /// A stream at its beginning; `draft` carries `chain(0)`.
    init(_ record: StreamRecord, _ draft: RecordDraft) {
        self.init(
            number: record.number, id: record.stream, workstation: record.workstation, generation: record.generation,
            sequence: .zero, chain: draft.chainAfter, totals: .zero, gapEvents: 0, gapTotals: .zero,
            isClosed: record.isClosed, isAdopting: record.isAdopting, backedUpThrough: .zero)
    }

    init(_ entry: CheckpointRecord.Entry) {
        self.init(
            number: entry.number, id: entry.stream, workstation: entry.workstation, generation: entry.generation,
            sequence: entry.committed, chain: entry.chain, totals: entry.totals, gapEvents: entry.gapEvents,
            gapTotals: entry.gapTotals, isClosed: entry.isClosed, isAdopting: entry.isAdopting,
            backedUpThrough: entry.backedUpThrough)
    }

    var entry: CheckpointRecord.Entry {
        var entry = CheckpointRecord.Entry(
            number: number, generation: generation, stream: id, workstation: workstation, committed: sequence,
            chain: chain)
        entry.backedUpThrough = backedUpThrough
        entry.isClosed = isClosed
        entry.isAdopting = isAdopting
        entry.totals = totals
        entry.gapEvents = gapEvents
        entry.gapTotals = gapTotals
        return entry
    }

    func isSamePlace(as other: Self) -> Bool {
        id == other.id && workstation == other.workstation && sequence == other.sequence && chain == other.chain
            && totals == other.totals && gapEvents == other.gapEvents && gapTotals == other.gapTotals
    }
}
