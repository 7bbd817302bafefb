import TallyModel
import TallyStorage

/// What a ledger has grown by since the last harvest, as far as the views need it.
struct LedgerGrowth {
    /// Where the last harvest was.
    private(set) var from: LedgerPosition
    /// Batches, and those of them that a shard has added up, with their events.
    var batches: UInt64 = 0
    var foldedBatches: UInt64 = 0
    var foldedEvents: UInt64 = 0
    /// Streams that were begun, changed or went on.
    var streams = InsertionOrder<UInt32>()
    private var gaps: [GapRow] = []
    /// Its records name more than one price book: the shards may have priced by either.
    var hasManyBooks = false
    /// More gaps than are kept: the views read them.
    private var hasManyGaps = false

    private static let gapsMax = 1_024

    /// Records behind `from` were in the sums of the stretch before.
    private let isIncomplete: Bool

    init(from: LedgerPosition, isIncomplete: Bool = false) {
        self.from = from
        self.isIncomplete = isIncomplete
    }

    mutating func add(_ gap: GapRow) {
        guard gaps.count < Self.gapsMax else {
            hasManyGaps = true
            return
        }
        gaps.append(gap)
    }

    /// What the views can take without reading the ledger: nil where `sums` are not the sums of all its batches and
    /// nothing else.
    func content(_ sums: [TenantSums], book: UInt64, _ state: borrowing LedgerState) -> LedgerStretch.Content? {
        guard !isIncomplete, !hasManyGaps, !hasManyBooks, foldedBatches == batches,
            sums.allSatisfy({ $0.book == book }),
            sums.reduce(0, { $0 + $1.batches }) == foldedBatches, sums.reduce(0, { $0 + $1.events }) == foldedEvents
        else { return nil }
        var rows: [StreamRow] = []
        for number in streams.elements {
            if let stream = state.streams[number] { rows.append(StreamRow(stream)) }
        }
        return LedgerStretch.Content(sums: sums.map(\.aggregator), gaps: gaps, streams: rows, events: foldedEvents)
    }
}
