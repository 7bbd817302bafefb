package import TallyModel

/// What one batch adds to a tenant's sums, without the tenant: a few cells for many rows, made where the batch is decoded
/// and merged later by an `Aggregator`, which then need not see the rows.
///
/// A key may occur more than once; sums saturate like the aggregator's.
package struct BatchSums: Sendable {
    struct Session: Sendable {
        var id: Bytes16
        var span: SessionDelta
    }

    struct Cell: Sendable {
        var counts: RollupCounts
        var quarter: Int64
        var project: Bytes16
        /// Places in `sessions` and `models`.
        var session: UInt16
        var model: UInt16
        /// Agent and origin, 8 bits each.
        var served: UInt16
    }

    var sessions: [Session] = []
    var models: [Label] = []
    var cells: [Cell] = []
    /// Rows that were counted.
    package var events = 0
    /// The highest time and the book by which it was made; see `holds`.
    var latestMs = Int64.min
    package var book: UInt64 = 0

    package init() {}

    /// Sums made of the rows' own times are those of a record that was received at `receivedMs` from a workstation whose
    /// clock is `offsetMs` behind, unless a row lies ahead of it (`EffectiveTime`).
    package func holds(receivedMs: Int64, offsetMs: Int64) -> Bool {
        let (latest, isOver) = receivedMs.addingReportingOverflow(Limits.aheadMsMax)
        let (corrected, isFar) = latestMs.addingReportingOverflow(offsetMs)
        return !isOver && !isFar && latestMs <= latest && corrected <= latest
    }

    /// Roughly what it takes in memory.
    package var bytes: Int {
        sessions.count * MemoryLayout<Session>.stride + cells.count * MemoryLayout<Cell>.stride + 128
    }
}

extension Aggregator {
    /// Adds what a batch of `workstation` came to. Its owner drains when `isFull`, before the next.
    package mutating func merge(_ sums: borrowing BatchSums, workstation: WorkstationID) {
        precondition(cells.count < 4 * cellsMax + Limits.batchEventsMax, "a full aggregator was not drained")
        places.removeAll(keepingCapacity: true)
        for session in sums.sessions {
            let index = sessions.index(of: SessionCellKey(session.id, workstation), empty: session.span)
            sessions.values[index].merge(session.span)
            places.append(UInt32(index))
        }
        numbers.removeAll(keepingCapacity: true)
        for label in sums.models { numbers.append(labels.entry(label, pricer: &pricer).number) }
        var project = (value: Bytes16(high: 0, low: 0), index: UInt32.max)
        for cell in sums.cells {
            let isSame = project.value.high == cell.project.high && project.value.low == cell.project.low
            if project.index == .max || !isSame {
                project = (cell.project, UInt32(projects.index(of: ProjectCellKey(cell.project), empty: ())))
            }
            let key = CellKey(
                session: places[Int(cell.session)], project: project.index, quarter: cell.quarter,
                label: numbers[Int(cell.model)], served: cell.served)
            let index = cells.index(of: key, empty: RollupCounts())
            cells.values[index].merge(cell.counts)
        }
    }
}
