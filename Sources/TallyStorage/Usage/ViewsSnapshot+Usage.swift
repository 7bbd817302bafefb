import Foundation
import GRDB
package import TallyModel

/// A report out of the views: grouped and added up by SQLite on the dictionaries' small numbers, so that
/// Swift sees one row a group.
extension ViewsSnapshot {
    /// The report of `query` over the views and the caller's cells: those behind `position`, and those of the
    /// plan's edges up to it. `extraGaps` are the gaps behind `position`.
    package func report(
        _ query: UsageQuery, tenant: TenantName, workstations: [WorkstationID: WorkstationLabel],
        extra: [(RollupKey, RollupCounts)] = [], extraGaps: GapTotals = GapTotals()
    ) throws(StorageError) -> UsageReport {
        var fold = UsageFold(query, workstations: workstations)
        try add(to: &fold)
        try fold.add(extra)
        var gaps = try gapTotals(workstations: query.workstations)
        gaps.events += extraGaps.events
        gaps.reportedNanoUSD += extraGaps.reportedNanoUSD
        return try fold.report(tenant: tenant, gaps: gaps)
    }

    /// Adds the views' groups over the whole quarter-hours of the query's plan.
    package func add(to fold: inout UsageFold) throws(StorageError) {
        let whole = fold.query.plan().whole
        guard !whole.isEmpty else { return }
        try guarded {
            let select = try UsageSelect(fold.query, database)
            guard let select else { return }
            guard let held = try select.quartersHeld(whole, database) else { return }
            let isByTime = fold.query.by.contains(.day) || fold.query.by.contains(.hour)
            let runs =
                isByTime
                ? ZoneRuns(fold.query.timeZone, quarters: held).runs : [ZoneRuns.Run(quarters: held, offset: 0)]
            let statement = try database.makeStatement(sql: select.sql)
            var names = ViewsNames()
            for run in runs.flatMap(UsageSelect.pieces) {
                let rows = try Row.fetchCursor(
                    statement, arguments: [run.quarters.lowerBound, run.quarters.upperBound, run.offset])
                while let row = try rows.next() {
                    let keys = try fold.query.by.indices.map { index in
                        try names.text(row, index, fold.query.by[index], run.offset, fold, database)
                    }
                    try fold.add(try RollupColumns.sums(row, from: fold.query.by.count), keys: keys)
                }
            }
        }
    }
}

/// The statement of a report. Arguments: first quarter-hour, the one behind the last, the zone's offset.
private struct UsageSelect {
    let sql: String
    private let table: String

    /// SQLite sorts a piece in order to group it: a few days are sorted in memory, a year would go through a
    /// temporary file.
    private static let pieceQuarters: Int64 = 4 * 96

    static func pieces(_ run: ZoneRuns.Run) -> [ZoneRuns.Run] {
        stride(from: run.quarters.lowerBound, to: run.quarters.upperBound, by: Int(pieceQuarters)).map { start in
            ZoneRuns.Run(
                quarters: start..<min(start + pieceQuarters, run.quarters.upperBound), offset: run.offset)
        }
    }

    /// Nil if the filters let nothing through.
    init?(_ query: UsageQuery, _ database: Database) throws {
        table = query.by.contains(.session) ? "session_rollup" : "rollup"
        // The offset is named in every statement, so that all take the same arguments.
        var conditions = ["quarter >= ?1", "quarter < ?2", "?3 IS NOT NULL"]
        if let model = query.model {
            let row = try Row.fetchOne(database, sql: "SELECT id FROM models WHERE value = ?", arguments: [model.text])
            guard let row else { return nil }
            conditions.append("model = \(try row.int(0))")
        }
        if let workstations = query.workstations {
            guard !workstations.isEmpty else { return nil }
            let numbers = workstations.map { String($0.value.pattern) }.sorted().joined(separator: ", ")
            conditions.append("workstation IN (\(numbers))")
        }
        let keys = query.by.map { dimension in
            switch dimension {
            // As `LocalTime` says it.
            case .day: "(quarter * \(Quarter.seconds) + ?3 + 86400) / 86400 - 1"
            case .hour: "(quarter * \(Quarter.seconds) + ?3 + 86400) / 3600 - 24"
            case .model, .agent, .workstation, .project, .session, .origin: dimension.rawValue
            }
        }
        let groups = query.by.indices.map { String($0 + 1) }.joined(separator: ", ")
        sql = """
            SELECT \((keys + RollupColumns.sumExpressions).joined(separator: ", ")) FROM \(table)
            WHERE \(conditions.joined(separator: " AND ")) GROUP BY \(groups)
            """
    }

    /// The stretch of `quarters` that holds rows at all; nil if none does. Two steps in the key.
    func quartersHeld(_ quarters: Range<Int64>, _ database: Database) throws -> Range<Int64>? {
        let bounds: StatementArguments = [quarters.lowerBound, quarters.upperBound]
        let period = "FROM \(table) WHERE quarter >= ? AND quarter < ?"
        guard
            let low = try Row.fetchOne(
                database, sql: "SELECT quarter \(period) ORDER BY quarter LIMIT 1", arguments: bounds),
            let high = try Row.fetchOne(
                database, sql: "SELECT quarter \(period) ORDER BY quarter DESC LIMIT 1", arguments: bounds)
        else { return nil }
        return try low.int(0)..<(high.int(0) + 1)
    }
}

/// The texts behind the dictionaries' numbers, read as they come up.
private struct ViewsNames {
    private var models: [Int64: String] = [:]
    private var projects: [Int64: String] = [:]
    private var sessions: [Int64: String] = [:]

    /// The key of column `column`, which `dimension` made.
    mutating func text(
        _ row: Row, _ column: Int, _ dimension: UsageDimension, _ offset: Int64, _ fold: UsageFold,
        _ database: Database
    ) throws -> String? {
        switch dimension {
        case .day: LocalTime.text(day: try row.int(column))
        case .hour: fold.text(hour: try row.int(column), offset: offset)
        case .agent: (try row.vocabulary(column) as Agent).name
        case .origin: (try row.vocabulary(column) as Origin).name
        case .workstation: fold.text(WorkstationID(try row.word(column)))
        case .model:
            try ViewsNames.look(try row.int(column), in: &models, "models", database) { try $0.text(0) }
        case .project:
            try row.int(column) == 0
                ? nil
                : ViewsNames.look(try row.int(column), in: &projects, "projects", database) {
                    try $0.bytes16(0).uuidText
                }
        case .session:
            try ViewsNames.look(try row.int(column), in: &sessions, "session_ids", database) {
                try $0.bytes16(0).uuidText
            }
        }
    }

    private static func look(
        _ id: Int64, in known: inout [Int64: String], _ table: String, _ database: Database,
        _ read: (Row) throws -> String
    ) throws -> String {
        if let text = known[id] { return text }
        let statement = try database.cachedStatement(sql: "SELECT value FROM \(table) WHERE id = ?")
        guard let row = try Row.fetchOne(statement, arguments: [id]) else { throw UnreadableValue.type }
        let text = try read(row)
        known[id] = text
        return text
    }
}
