import TallyLog
package import TallyModel
package import TallyStorage
import TallyWire

/// Finds the chain value after an event by reading the ledger: for PROBE, which a workstation asks a few times in its
/// life. Only the segments that are left are read; an event that has been purged is unknown.
package struct ChainLookup: Sendable {
    let ledger: any LogDisk
    /// The last ordinal to read.
    let durable: UInt64
    /// The stream's number in this ledger.
    let number: UInt32
    let stream: StreamID

    /// Passes over the records without decoding them; then decodes the one that holds the event, if it ends behind it.
    package func chain(at sequence: Sequence64) throws(LedgerError) -> ChainValue? {
        if sequence == .zero { return Chain.initial(stream) }
        var replay = try LedgerReplay(disk: ledger, from: nil, through: durable)
        var before: LedgerPosition?
        while let record = try replay.next([]) {
            let draft = record.draft
            if draft.stream == number, draft.count > 0, draft.firstSequence <= sequence {
                let last = try draft.lastSequence(body: record.body).value
                if last == sequence.value { return draft.chainAfter }
                if last > sequence.value {
                    guard draft.kind == .batch else { return nil }
                    return try chain(at: sequence, inRecordAfter: before)
                }
            }
            before = replay.position
        }
        return nil
    }

    private func chain(
        at sequence: Sequence64, inRecordAfter position: LedgerPosition?
    ) throws(LedgerError) -> ChainValue? {
        var replay = try LedgerReplay(disk: ledger, from: position, through: durable)
        guard let record = try replay.next(), record.draft.kind == .batch else { return nil }
        let rows = Int(sequence.value - record.draft.firstSequence.value) + 1
        guard rows <= replay.batch.count else { return nil }
        return Chain.advance(record.draft.chainBefore, over: replay.batch, rows: 0..<rows)
    }
}

extension RecordDraft {
    /// The last event of a record with events. A gap's header counts only as far as 32 bits go.
    fileprivate func lastSequence(body: [UInt8]) throws(LedgerError) -> Sequence64 {
        guard kind == .gap else { return Sequence64(firstSequence.value + UInt64(count) - 1) }
        do throws(MalformedBody) { return try GapRecord(decoding: body).last } catch { throw .fault(.malformed(.gap)) }
    }
}
