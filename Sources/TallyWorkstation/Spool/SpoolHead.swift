import TallyLog
import TallyModel
import TallyWire

/// What a segment begins with, made record by record while it is being written: a snapshot of a large counter is
/// tens of megabytes, of which one record at a time is held.
///
/// Stands for the counter as it was when this was made; whoever changes it meanwhile would copy it.
struct SpoolHead: Sequence, IteratorProtocol {
    private var first: ArraySlice<NewRecord>
    private var place = SnapshotCursor()
    private let counter: Counter
    private let tooOld: UInt64
    private let totals: RunningTotals
    private let nowMs: Int64

    /// `first` come before the snapshot. Precondition: the counter is drained.
    init(_ first: [NewRecord], _ state: SpoolState, nowMs: Int64) {
        self.first = first[...]
        counter = state.counter
        tooOld = state.tooOld
        totals = state.tip.totals
        self.nowMs = nowMs
    }

    mutating func next() -> NewRecord? {
        if let record = first.popFirst() { return record }
        guard let chunk = counter.snapshotChunk(&place) else { return nil }
        var local = SpoolLocal(tooOld: tooOld, totals: totals)
        local.delta = chunk
        return NewRecord(RecordDraft(.sourceDelta, receivedAtMs: nowMs), local: local.encode())
    }
}
