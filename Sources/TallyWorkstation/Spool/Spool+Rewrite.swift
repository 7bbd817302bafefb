import TallyHash
import TallyLog
package import TallyModel
import TallyWire

/// Two changes of what was already written. Both copy the events behind some place and take effect in one step,
/// with the record that ends the copy; until then, and after a crash before it, everything is as it was.
extension Spool {
    /// Gives the models of `run` the name `unlisted`; the chain changes from there on.
    package func relabel(_ run: ClosedRange<Sequence64>, nowMs: Int64) throws(WorkstationError) {
        try sync()
        var cursor = try SpoolCursor(disk, state, from: run.lowerBound)
        guard let part = try cursor.advance(state) else { return }
        // A record is valid as a whole: the copy begins with the batch that holds the run.
        var walk = SpoolWalk(disk)
        let start = try recordStart(of: part.first)
        let before = try walk.cursor(at: Sequence64(start.value - 1), from: state.floor, state)
        try rewrite(behind: before, as: state.number, stream: state.stream, .opened, nowMs: nowMs) { sequence, event in
            guard run.contains(sequence) else { return event }
            var event = event
            event.model = .unlisted
            return event
        }
        // As a new stream does: a checkpoint of what is now stands right behind the rewrite.
        try roll(nowMs: nowMs)
    }

    /// Begins a new stream with the events behind `after`, numbered from 1. The old one is never written again.
    package func openNewStream(after: Sequence64, nowMs: Int64) throws(WorkstationError) {
        let stream = StreamID(entropy.bytes16())
        let held = max(after, Sequence64(state.lowestHeld.value - 1))
        let start = StreamCursor(sequence: .zero, chain: Chain.initial(stream), totals: .zero)
        try rewrite(
            from: held.advanced(by: 1), behind: start, as: state.number + 1, stream: stream, .opened, nowMs: nowMs
        ) { _, event in event }
        try roll(nowMs: nowMs)
    }

    private func rewrite(
        from: Sequence64? = nil, behind: StreamCursor, as number: UInt32, stream: StreamID,
        _ reason: StreamRecord.Reason, nowMs: Int64, _ change: (Sequence64, Event) -> Event
    ) throws(WorkstationError) {
        try sync()
        let generation = nextGeneration
        var reached = behind
        var events: [Event] = []
        let first = from ?? behind.sequence.advanced(by: 1)
        let old = state
        if first <= old.tip.sequence {
            var walk = SpoolWalk(disk)
            try walk.forEach(first...old.tip.sequence, old) { sequence, event throws(WorkstationError) in
                events.append(change(sequence, event))
                guard events.count == Limits.spoolRecordEventsMax || sequence == old.tip.sequence else { return }
                try stage(events, &reached, number, generation, nowMs)
                events.removeAll(keepingCapacity: true)
            }
        }
        try commitRewrite(
            StreamRecord(
                reason, number: number, stream: stream, workstation: WorkstationID(0),
                generation: Generation(generation), atMs: nowMs), nowMs: nowMs)
    }

    private func stage(
        _ events: [Event], _ reached: inout StreamCursor, _ number: UInt32, _ generation: UInt32, _ nowMs: Int64
    ) throws(WorkstationError) {
        let record = makeRecord(events, after: reached, delta: [])
        var draft = record.draft
        draft.receivedAtMs = nowMs
        draft.stream = number
        draft.generation = Generation(generation)
        reached = StreamCursor(
            sequence: reached.sequence.advanced(by: UInt64(events.count)), chain: draft.chainAfter,
            totals: record.totals)
        try stage(NewRecord(draft, body: record.body, local: record.local), totals: record.totals)
    }

    /// The first event of the record that holds `sequence`.
    private func recordStart(of sequence: Sequence64) throws(WorkstationError) -> Sequence64 {
        var start = sequence
        do throws(LogError) {
            let entry = state.index.last { $0.first <= sequence }
            var reader = try LogReader(on: disk, from: entry?.behind)
            while let header = try reader.next() {
                let draft = header.draft
                guard draft.kind == .batch, draft.stream == state.number,
                    draft.generation.value == state.generation(of: sequence), draft.firstSequence <= sequence,
                    draft.firstSequence.value + UInt64(draft.count) > sequence.value
                else { continue }
                start = draft.firstSequence
                break
            }
        } catch {
            throw .log(error)
        }
        return start
    }
}
