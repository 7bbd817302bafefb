import GRDB
package import TallyModel

/// The views cell by cell, for `verify`: what they hold is compared with what the ledger says.
extension ViewsSnapshot {
    /// Calls `body` with every cell, in the order of its quarter-hour, each key once.
    package func forEachCell(_ body: (RollupKey, RollupCounts) throws -> Void) throws {
        let rows = try guarded {
            try Row.fetchCursor(
                database,
                sql: """
                    SELECT r.quarter, r.workstation, r.agent, m.value, r.origin, p.value, s.value,
                        \(RollupColumns.plainExpressions.map { "r.\($0)" }.joined(separator: ", "))
                    FROM session_rollup r
                    LEFT JOIN models m ON m.id = r.model
                    LEFT JOIN projects p ON p.id = r.project
                    LEFT JOIN session_ids s ON s.id = r.session
                    ORDER BY r.quarter
                    """)
        }
        while let (key, counts) = try guarded({ try rows.next().map(ViewsSnapshot.cell) }) { try body(key, counts) }
    }

    /// Whether the rollups hold the same: the hours are the sums of their quarter-hours, and the coarser hours those of
    /// the finer.
    package func tablesAgree() throws(StorageError) -> Bool {
        return try guarded {
            guard try agree(("rollup", HourSums.key), ("session_rollup", HourSums.keyOfQuarters), keys: 6) else {
                return false
            }
            return try agree(("hour_rollup", HourSums.coarseKey), ("rollup", HourSums.coarseKey), keys: 3)
        }
    }

    /// Whether two tables have the same sums by their keys. Both are read in order, side by side: the halves in which
    /// money is added up may differ where their sums do not.
    private func agree(_ left: (table: String, key: String), _ right: (table: String, key: String), keys: Int) throws
        -> Bool
    {
        let order = (1...keys).map(String.init).joined(separator: ", ")
        let sides = try [left, right].map { side in
            try Row.fetchCursor(
                database,
                sql: """
                    SELECT \(side.key), \(RollupColumns.sumExpressions.joined(separator: ", ")) FROM \(side.table)
                    GROUP BY \(order) ORDER BY \(order)
                    """)
        }
        while true {
            let one = try sides[0].next()
            let other = try sides[1].next()
            guard let one, let other else { return one == nil && other == nil }
            for key in 0..<keys where try one.int(key) != other.int(key) { return false }
            guard try RollupColumns.sums(one, from: keys) == RollupColumns.sums(other, from: keys) else {
                return false
            }
        }
    }

    private static func cell(_ row: Row) throws -> (RollupKey, RollupCounts) {
        guard let model = Label(try row.text(3)), let session = SessionID(try row.bytes16(6)) else {
            throw UnreadableValue.type
        }
        let project = row.isNull(5) ? nil : ProjectID(try row.bytes16(5))
        let key = RollupKey(
            quarter: try row.int(0), workstation: WorkstationID(try row.word(1)), agent: try row.vocabulary(2),
            model: model, origin: try row.vocabulary(4), project: project, session: session)
        return (key, try RollupColumns.counts(row, from: 7))
    }
}
