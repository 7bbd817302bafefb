package import TallyLog
package import TallyModel
package import TallyWire

/// What a spool writes besides events: how far the gateway has come, what was given up, and what a segment begins
/// with.
extension Spool {
    /// The gateway has committed up to `cursor`.
    package func acknowledge(
        _ cursor: StreamCursor, epoch: StoreEpoch, backedUpThrough: Sequence64, nowMs: Int64
    ) throws(WorkstationError) {
        let record = AcknowledgedRecord(
            stream: state.stream, epoch: epoch, committed: cursor.sequence, chain: cursor.chain,
            backedUpThrough: backedUpThrough, totals: cursor.totals, atMs: nowMs)
        state.take(record)
        try writeMarks(nowMs: nowMs)
    }

    /// Notes that events were given up that nobody holds any more; durable with the next acknowledgement.
    package func noteTrimmed(events: UInt64, _ totals: RunningTotals) {
        state.counts.trimmedEvents += events
        state.counts.trimmed = state.counts.trimmed.adding(totals) ?? state.counts.trimmed
    }

    /// Notes that the spool has become full, or has room again after `afterMs`.
    func noteFull(afterMs: UInt64?, nowMs: Int64) throws(WorkstationError) {
        if let afterMs { state.counts.fullMs += afterMs } else { state.counts.fullTimes += 1 }
        try writeMarks(nowMs: nowMs)
        try sync()
    }

    private func writeMarks(nowMs: Int64) throws(WorkstationError) { try write(Spool.marks(state, nowMs: nowMs)) }

    /// What the gateway has, and what the spool has gone through.
    private static func marks(_ state: SpoolState, nowMs: Int64) -> NewRecord {
        let record = AcknowledgedRecord(
            stream: state.stream, epoch: state.epoch, committed: state.acknowledged.sequence,
            chain: state.acknowledged.chain, backedUpThrough: state.backedUpThrough,
            totals: state.acknowledged.totals, atMs: nowMs)
        return NewRecord(
            RecordDraft(.acknowledged, receivedAtMs: nowMs), body: record.encode(), local: state.counts.encode())
    }

    /// What was there before the stream has all been read, asked about and cut: only what is older than the stream is
    /// in question from now on.
    package func endAdoption(nowMs: Int64) throws(WorkstationError) {
        var terms = state.adoption
        terms.isAdopting = false
        let birth = Spool.birth(state, terms: terms, nowMs: nowMs)
        try write(birth.record)
        state.take(birth.adoption)
    }

    /// What is known of the stream's birth.
    private static func birth(
        _ state: SpoolState, terms: AdoptionTerms, nowMs: Int64
    ) -> (adoption: AdoptionRecord, record: NewRecord) {
        let adoption = AdoptionRecord(
            stream: state.stream, generation: Generation(state.generation), terms: terms, report: state.adopted)
        return (adoption, NewRecord(RecordDraft(.adoption, receivedAtMs: nowMs), body: adoption.encode()))
    }

    /// Puts events that were refused for ever aside, durably: their bodies and the gap that they leave.
    /// `kept` is the number of an earlier stream, where they are that stream's.
    package func giveUp(
        _ letters: [DeadLetterRecord], _ gap: GapRecord, of kept: UInt32? = nil, nowMs: Int64
    ) throws(WorkstationError) {
        for letter in letters {
            let draft = Spool.letterDraft(kept ?? state.number, atMs: nowMs)
            try write(NewRecord(draft, body: letter.encode()))
            state.take(letter, draft)
        }
        var draft = RecordDraft(.gap, receivedAtMs: nowMs)
        draft.stream = kept ?? 0
        try write(NewRecord(draft, body: gap.encode()))
        try sync()
        if let kept { state.noteKept(gap, number: kept) } else { state.note(gap, isRepeated: false) }
    }

    private static func letterDraft(_ number: UInt32, atMs: Int64) -> RecordDraft {
        var draft = RecordDraft(.deadLetter, receivedAtMs: atMs)
        draft.stream = number
        return draft
    }

    /// What a segment begins with.
    static func head(_ state: SpoolState, nowMs: Int64) -> SpoolHead {
        var entry = CheckpointRecord.Entry(
            number: state.number, generation: Generation(state.generation), stream: state.stream,
            workstation: WorkstationID(0), committed: state.tip.sequence, chain: state.tip.chain)
        entry.totals = state.tip.totals
        entry.gapEvents = state.deadLetterEvents
        let checkpoint = CheckpointRecord(
            epoch: state.epoch, newestReceivedAtMs: nowMs, events: state.tooOld, totals: state.tip.totals,
            streams: [entry])
        var records = [
            NewRecord(RecordDraft(.checkpoint, receivedAtMs: nowMs), body: checkpoint.encode()),
            marks(state, nowMs: nowMs),
            birth(state, terms: state.adoption, nowMs: nowMs).record,
        ]
        for letter in state.deadLetters {
            var draft = letterDraft(letter.id.number, atMs: letter.atMs)
            draft.admissionFlags = 1
            records.append(NewRecord(draft, body: letter.record.encode()))
        }
        for gap in state.gaps {
            var draft = RecordDraft(.gap, receivedAtMs: nowMs)
            draft.admissionFlags = 1
            records.append(NewRecord(draft, body: gap.encode()))
        }
        return SpoolHead(records, state, nowMs: nowMs)
    }
}
