import TallyLog
import TallyModel
import TallyStorage
import TallyWire

/// Finds the chain value after an event by reading the ledger: for PROBE, which a workstation asks a few times in its
/// life. Only the segments that are left are read; an event that has been purged is unknown.
enum ChainLookup {
    static func find(
        in ledger: borrowing TenantLedger, stream number: UInt32, at sequence: Sequence64
    ) throws(LedgerError) -> ChainValue? {
        if let stream = ledger.state.streams[number], sequence == .zero { return Chain.initial(stream.id) }
        var replay = try LedgerReplay(disk: ledger.readable, from: nil, through: ledger.durable.ordinal)
        while let record = try replay.next() {
            let draft = record.draft
            guard draft.stream == number, draft.count > 0, draft.firstSequence <= sequence else { continue }
            let last = draft.firstSequence.value + UInt64(draft.count) - 1
            if last == sequence.value { return draft.chainAfter }
            guard draft.kind == .batch, last > sequence.value else { continue }
            let rows = Int(sequence.value - draft.firstSequence.value) + 1
            return Chain.advance(draft.chainBefore, over: replay.batch, rows: 0..<rows)
        }
        return nil
    }
}
