import TallyModel
import TallyPricing
import TallyWire

/// What `BatchFolder` does to an aggregator: numbers for a batch's dictionaries, cells for its rows, and the sums.
extension Aggregator {
    /// Rows that may be added up before a drain: fewer than 2³¹ addends below 2³² each cannot overflow a sum of 63 bits.
    static let rowsMax = 1 << 30

    mutating func begin(rows added: Int) {
        precondition(
            cells.count < 4 * cellsMax + Limits.batchEventsMax && rows < Self.rowsMax,
            "a full aggregator was not drained")
        rows += added
    }

    mutating func number(of session: Bytes16, _ workstation: WorkstationID) -> UInt32 {
        UInt32(truncatingIfNeeded: sessions.number(of: SessionCellKey(session, workstation)))
    }

    mutating func number(ofProject project: Bytes16) -> UInt32 {
        UInt32(truncatingIfNeeded: projects.index(of: ProjectCellKey(project), empty: ()))
    }

    mutating func number(of label: Label, hash: UInt64) -> UInt32 { labels.number(label, hash: hash, pricer: &pricer) }

    mutating func see(_ delta: SessionDelta, session: UInt32) { sessions.spans[Int(session)].merge(delta) }

    /// In place of a row's cell: it has none, its effective time is not wanted, it is of another kind.
    static let none = UInt32.max
    static let unwanted = UInt32.max - 1
    static let other = UInt32.max - 2

    /// The cell of each row, by the numbers of its dictionaries' entries; `other` where its kind has none, and how many
    /// these are. Narrowed: those that are `unwanted` get `none`.
    mutating func place(
        _ batch: borrowing Batch, isNarrowed: Bool, sessions numbers: Span<UInt32>, projects: Span<UInt32>,
        labels: Span<UInt32>, times: Span<Int64>, into cellNumbers: inout [UInt32]
    ) -> Int {
        var places = cellNumbers.mutableSpan
        let rows = batch.count
        let capacity = batch.capacity
        let bytes = batch.bytes.span
        let kinds = bytes.extracting(0..<rows)
        let agents = bytes.extracting(capacity..<capacity + rows)
        let origins = bytes.extracting(2 * capacity..<2 * capacity + rows)
        let shorts = batch.shorts.span
        let ofSession = shorts.extracting(0..<rows)
        let ofProject = shorts.extracting(capacity..<capacity + rows)
        let ofModel = shorts.extracting(2 * capacity..<2 * capacity + rows)
        let lastWithCell = EventKind.correction.rawValue
        let quarterMs = Limits.quarterMs
        var others = 0
        var quarter: Int64 = 0
        // Behind every time, so that the first row sets it.
        var quarterStart = Int64.max
        for row in 0..<rows {
            if isNarrowed, places[row] == Self.unwanted {
                places[row] = Self.none
                continue
            }
            if kinds[row] > lastWithCell {
                places[row] = Self.other
                others += 1
                continue
            }
            let time = times[row]
            if time < quarterStart || time &- quarterStart >= quarterMs {
                quarter = Aggregator.quarter(time)
                quarterStart = quarter * quarterMs
            }
            let session = numbers[Int(ofSession[row])]
            let key = CellKey(
                session: session, project: projects[Int(ofProject[row])], quarter: quarter,
                label: labels[Int(ofModel[row])], served: UInt16(agents[row]) << 8 | UInt16(origins[row]))
            let known = sessions.entries[Int(session)]
            if known.firstKey == key {
                places[row] = known.first
                continue
            }
            var cell = known.second
            if cell == Self.none || cells.keys[Int(cell)] != key {
                cell = UInt32(truncatingIfNeeded: cells.index(of: key, empty: RollupCounts()))
            }
            sessions.note(Int(session), cell, key)
            places[row] = cell
        }
        return others
    }

    /// Adds each row that has a cell to it. Sessions are found again in their cells (`deltas`).
    mutating func add(
        _ batch: borrowing Batch, cells places: Span<UInt32>, times: Span<Int64>, prices: Span<Int128>
    ) {
        let rows = batch.count
        let capacity = batch.capacity
        let kinds = batch.bytes.span.extracting(0..<rows)
        let words = batch.words.span
        let costs = batch.longs.span.extracting(Slot.cost * capacity..<Slot.cost * capacity + rows)
        let billings = batch.bytes.span.extracting(8 * capacity..<8 * capacity + rows)
        let usage = EventKind.usage.rawValue
        let subscription = Billing.subscription.rawValue
        var sums = cells.values.mutableSpan
        for row in 0..<rows where places[row] != Self.none {
            let numbers = RowNumbers(
                words, row, capacity, reported: costs[row], isUsage: kinds[row] == usage,
                isSubscription: billings[row] == subscription)
            sums[Int(places[row])].fold(numbers, femtoUSD: prices[row], effectiveMs: times[row])
        }
    }
}
