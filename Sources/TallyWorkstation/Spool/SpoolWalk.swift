import TallyHash
package import TallyLog
package import TallyModel
package import TallyWire

/// Goes over events of the spool: sums and chain values at any place, and the events themselves.
package struct SpoolWalk {
    private let disk: any LogDisk
    private var decoder = BatchDecoder(hashSeed: Random.uint64())
    private var batch = Batch()

    package init(_ disk: any LogDisk) { self.disk = disk }

    /// Calls `body` with every held event of `range`, in order. Precondition: the spool holds all of it.
    package mutating func forEach(
        _ range: ClosedRange<Sequence64>, _ state: SpoolState,
        _ body: (Sequence64, Event) throws(WorkstationError) -> Void
    ) throws(WorkstationError) {
        var cursor = try SpoolCursor(disk, state, from: range.lowerBound)
        while cursor.next <= range.upperBound, let part = try cursor.advance(state) {
            try decode(part)
            for row in 0..<part.count {
                let sequence = part.first.advanced(by: UInt64(row))
                guard range.contains(sequence), let event = batch.event(at: row) else { continue }
                try body(sequence, event)
            }
        }
    }

    package mutating func events(
        _ range: ClosedRange<Sequence64>, _ state: SpoolState
    ) throws(WorkstationError) -> [Event] {
        var events: [Event] = []
        try forEach(range, state) { _, event in events.append(event) }
        return events
    }

    /// The chain and the sums after `sequence`, from those after an earlier event. Precondition: the spool holds
    /// what lies between.
    package mutating func cursor(
        at sequence: Sequence64, from start: StreamCursor, _ state: SpoolState
    ) throws(WorkstationError) -> StreamCursor {
        var reached = start
        guard sequence > start.sequence else { return start }
        var cursor = try SpoolCursor(disk, state, from: start.sequence.advanced(by: 1))
        while reached.sequence < sequence, let part = try cursor.advance(state) {
            try decode(part)
            let from = Int(reached.sequence.value + 1 - part.first.value)
            let to = Int(min(part.last, sequence).value + 1 - part.first.value)
            reached.chain = Chain.advance(reached.chain, over: batch, rows: from..<to)
            for row in from..<to {
                guard let event = batch.event(at: row) else { continue }
                let added = RunningTotals(
                    tokens: UInt128(event.controlTokens), reportedNanoUSD: UInt128(event.reportedCostNanoUSD ?? 0))
                reached.totals = reached.totals.adding(added) ?? reached.totals
            }
            reached.sequence = part.first.advanced(by: UInt64(to) - 1)
        }
        return reached
    }

    private mutating func decode(_ part: SpoolPart) throws(WorkstationError) {
        do throws(BatchRefusal) {
            try decoder.decode(part.raw.span, count: part.count, into: &batch)
        } catch {
            throw .spoolDamaged(ordinal: part.first.value)
        }
    }
}
