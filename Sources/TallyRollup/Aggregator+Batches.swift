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
        let number = sessions.index(of: SessionCellKey(session, workstation), empty: .unseen)
        if latestCells.count < sessions.count { latestCells.append(.max) }
        return UInt32(truncatingIfNeeded: number)
    }

    mutating func number(ofProject project: Bytes16) -> UInt32 {
        UInt32(truncatingIfNeeded: projects.index(of: ProjectCellKey(project), empty: ()))
    }

    mutating func number(of label: Label, hash: UInt64) -> UInt32 { labels.number(label, hash: hash, pricer: &pricer) }

    mutating func see(_ delta: SessionDelta, session: UInt32) { sessions.values[Int(session)].merge(delta) }

    /// The cell of each of `rows`, by the numbers of their dictionaries' entries.
    mutating func place(
        _ batch: borrowing Batch, rows: Range<Int>, sessions numbers: Span<UInt32>, projects: Span<UInt32>,
        labels: Span<UInt32>, times: Span<Int64>, into cellNumbers: inout [UInt32]
    ) {
        var places = cellNumbers.mutableSpan
        let capacity = batch.capacity
        let agents = batch.bytes.span.extracting(capacity..<capacity + rows.upperBound)
        let origins = batch.bytes.span.extracting(2 * capacity..<2 * capacity + rows.upperBound)
        let ofSession = batch.shorts.span.extracting(0..<rows.upperBound)
        let ofProject = batch.shorts.span.extracting(capacity..<capacity + rows.upperBound)
        let ofModel = batch.shorts.span.extracting(2 * capacity..<2 * capacity + rows.upperBound)
        var quarter: Int64 = 0
        // Behind every time, so that the first row sets it.
        var quarterStart = Int64.max
        for row in rows {
            let time = times[row]
            if time < quarterStart || time &- quarterStart >= Limits.quarterMs {
                quarter = Aggregator.quarter(time)
                quarterStart = quarter * Limits.quarterMs
            }
            let session = numbers[Int(ofSession[row])]
            let key = CellKey(
                session: session, project: projects[Int(ofProject[row])], quarter: quarter,
                label: labels[Int(ofModel[row])], served: UInt16(agents[row]) << 8 | UInt16(origins[row]))
            var cell = latestCells[Int(session)]
            if cell == .max || cells.keys[Int(cell)] != key {
                cell = UInt32(truncatingIfNeeded: cells.index(of: key, empty: RollupCounts()))
                latestCells[Int(session)] = cell
            }
            places[row] = cell
        }
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
        let usage = EventKind.usage.rawValue
        var sums = cells.values.mutableSpan
        for row in 0..<rows where places[row] != .max {
            let numbers = RowNumbers(words, row, capacity, reported: costs[row], isUsage: kinds[row] == usage)
            sums[Int(places[row])].fold(numbers, femtoUSD: prices[row], effectiveMs: times[row])
        }
    }
}
