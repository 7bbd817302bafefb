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

    /// Whether the cells without sessions are the sums of those with.
    package func tablesAgree() throws(StorageError) -> Bool {
        let key = "quarter, workstation, agent, model, origin, project"
        let sums = RollupColumns.sumExpressions.joined(separator: ", ")
        let query = { (table: String) in "SELECT \(key), \(sums) FROM \(table) GROUP BY \(key)" }
        return try guarded {
            for (left, right) in [("rollup", "session_rollup"), ("session_rollup", "rollup")] {
                let differing = try Row.fetchCursor(database, sql: "\(query(left)) EXCEPT \(query(right))")
                while let row = try differing.next() {
                    // Halves of money may be cut differently in one cell and in the sum of several.
                    guard try isSame(row, key, sums) else { return false }
                }
            }
            return true
        }
    }

    private func isSame(_ row: Row, _ key: String, _ sums: String) throws -> Bool {
        let place = try (0..<6).map { try row.int($0) }
        let both = try ["rollup", "session_rollup"].map { table in
            try Row.fetchOne(
                database.cachedStatement(
                    sql: "SELECT COUNT(*), \(sums) FROM \(table) WHERE (\(key)) = (?, ?, ?, ?, ?, ?)"),
                arguments: StatementArguments(place)
            ).flatMap { try $0.int(0) == 0 ? nil : RollupColumns.sums($0, from: 1) }
        }
        return both[0] != nil && both[0] == both[1]
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
