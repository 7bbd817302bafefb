import TallyHash
import TallyLog
package import TallyModel
package import TallyProtocol
import TallyWire

/// Changes of what was already written. All copy the events behind some place and take effect in one step, with the
/// record that ends the copy; until then, and after a crash before it, everything is as it was.
extension Spool {
    /// What a copy is written as.
    private struct Target {
        var number: UInt32
        var stream: StreamID
        var generation: UInt32
    }

    /// Gives the models of `run` the name `unlisted`; the chain changes from there on.
    package func relabel(_ run: ClosedRange<Sequence64>, nowMs: Int64) throws(WorkstationError) {
        try sync()
        guard let before = try rewriteStart(run.lowerBound) else { return }
        let target = Target(number: state.number, stream: state.stream, generation: nextGeneration)
        try copy(from: before.sequence.advanced(by: 1), behind: before, as: target, nowMs) { sequence, event in
            guard run.contains(sequence) else { return event }
            var event = event
            event.model = .unlisted
            return event
        }
        try end(target, nil, nowMs)
        // As a new stream does: a checkpoint of what is now stands right behind the rewrite.
        try roll(nowMs: nowMs)
    }

    /// Takes the drops of `cut` out, so that what stands behind them moves up, and changes its changes. Its report is
    /// added to what was left out before.
    package func cut(_ cut: AdoptionCut, nowMs: Int64) throws(WorkstationError) {
        try sync()
        let firsts = [cut.drops.first?.lowerBound, cut.changes.first?.sequence].compactMap { $0 }
        guard let first = firsts.min(), let before = try rewriteStart(first) else { return }
        let target = Target(number: state.number, stream: state.stream, generation: nextGeneration)
        var sum = state.adopted
        sum.add(cut.report)
        let birth = AdoptionRecord(
            stream: state.stream, generation: Generation(target.generation), terms: state.adoption, report: sum,
            behind: AdoptionRecord.Place(sequence: before.sequence, chain: before.chain, totals: before.totals))
        var rest = cut.drops[...]
        var changes = cut.changes[...]
        try copy(from: before.sequence.advanced(by: 1), behind: before, as: target, nowMs) { sequence, event in
            while let drop = rest.first, drop.upperBound < sequence { rest.removeFirst() }
            if rest.first?.contains(sequence) == true { return nil }
            guard let change = changes.first, change.sequence == sequence else { return event }
            changes.removeFirst()
            return change.applied(to: event)
        }
        try end(target, birth, nowMs)
        // A segment that begins behind the cut, so that those before it can be trimmed again.
        try roll(nowMs: nowMs)
    }

    /// Begins a new stream with the events behind `after`, numbered from 1. The old one is never written again.
    package func openNewStream(after: Sequence64, nowMs: Int64) throws(WorkstationError) {
        try sync()
        let stream = StreamID(entropy.bytes16())
        let held = max(after, Sequence64(state.lowestHeld.value - 1))
        let start = StreamCursor(sequence: .zero, chain: Chain.initial(stream), totals: .zero)
        let target = Target(number: state.number + 1, stream: stream, generation: nextGeneration)
        let birth = AdoptionRecord(
            stream: stream, generation: Generation(target.generation),
            terms: AdoptionTerms(isAdopting: true, bornMs: nowMs, prior: state.stream, priorThrough: held),
            report: state.adopted)
        try copy(from: held.advanced(by: 1), behind: start, as: target, nowMs) { _, event in event }
        try end(target, birth, nowMs)
        try roll(nowMs: nowMs)
    }

    /// Copies the events from `first` on behind `place`, each as `change` gives it back, or not at all.
    private func copy(
        from first: Sequence64, behind place: StreamCursor, as target: Target, _ nowMs: Int64,
        _ change: (Sequence64, Event) -> Event?
    ) throws(WorkstationError) {
        let old = state
        guard first <= old.tip.sequence else { return }
        var reached = place
        var events: [Event] = []
        var walk = SpoolWalk(disk)
        try walk.forEach(first...old.tip.sequence, old) { sequence, event throws(WorkstationError) in
            if let changed = change(sequence, event) { events.append(changed) }
            guard events.count == Limits.spoolRecordEventsMax || sequence == old.tip.sequence, !events.isEmpty else {
                return
            }
            try stage(events, &reached, target, nowMs)
            events.removeAll(keepingCapacity: true)
        }
    }

    private func end(_ target: Target, _ birth: AdoptionRecord?, _ nowMs: Int64) throws(WorkstationError) {
        try commitRewrite(
            StreamRecord(
                .opened, number: target.number, stream: target.stream, workstation: WorkstationID(0),
                generation: Generation(target.generation), atMs: nowMs), birth, nowMs: nowMs)
    }

    /// The place in front of the record that holds `sequence`: a record is valid as a whole, so a copy begins there.
    private func rewriteStart(_ sequence: Sequence64) throws(WorkstationError) -> StreamCursor? {
        guard sequence <= state.tip.sequence else { return nil }
        var cursor = try SpoolCursor(disk, state, from: sequence)
        guard let part = try cursor.advance(state) else { return nil }
        var walk = SpoolWalk(disk)
        let start = try recordStart(of: part.first)
        return try walk.cursor(at: Sequence64(start.value - 1), from: state.floor, state)
    }

    private func stage(
        _ events: [Event], _ reached: inout StreamCursor, _ target: Target, _ nowMs: Int64
    ) throws(WorkstationError) {
        let record = makeRecord(events, after: reached, delta: [])
        var draft = record.draft
        draft.receivedAtMs = nowMs
        draft.stream = target.number
        draft.generation = Generation(target.generation)
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
