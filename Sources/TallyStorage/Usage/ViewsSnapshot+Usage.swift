import Foundation
import GRDB
package import TallyModel
package import TallyUsage

/// A report out of the views: grouped and added up by SQLite on the dictionaries' small numbers, so that
/// Swift sees one row a group; out of the hours where they have what is asked for (`UsagePiece`).
extension ViewsSnapshot {
    /// The report of `query` over the views and the caller's cells: those behind `position`, and those of the
    /// plan's edges up to it. `extraGaps` are the gaps behind `position`.
    package func report(
        _ query: UsageQuery, tenant: TenantName, workstations: [WorkstationID: WorkstationLabel],
        extra: [(RollupKey, RollupCounts)] = [], extraGaps: GapTotals = GapTotals()
    ) throws(StorageError) -> UsageReport {
        var fold = UsageFold(by: query.by, zone: UsageZone(query.timeZone), workstations: workstations)
        try add(query, to: &fold)
        do throws(UsageError) {
            try fold.add(extra.lazy.filter { query.admits($0.0) })
        } catch {
            throw StorageError(error)
        }
        var gaps = try gapTotals(workstations: query.workstations)
        gaps.events += extraGaps.events
        gaps.reportedNanoUSD += extraGaps.reportedNanoUSD
        do throws(UsageError) {
            return try fold.report(tenant: tenant, gaps: gaps)
        } catch {
            throw StorageError(error)
        }
    }

    /// Adds the views' groups over the whole quarter-hours of the query's plan.
    private func add(_ query: UsageQuery, to fold: inout UsageFold) throws(StorageError) {
        let whole = query.plan().whole
        guard !whole.isEmpty else { return }
        try guarded {
            guard let select = try UsageSelect(query, database),
                let held = try select.quartersHeld(whole, database)
            else { return }
            let isByTime = query.by.contains(.day) || query.by.contains(.hour)
            let runs =
                isByTime
                ? ZoneRuns(query.timeZone, quarters: held).runs : [ZoneRuns.Run(quarters: held, offset: 0)]
            var names = ViewsNames()
            for piece in runs.flatMap({ UsagePiece.pieces($0, of: query) }) {
                let rows = try select.rows(piece, database)
                while let row = try rows.next() {
                    let keys = try query.by.indices.map { index in
                        try names.text(row, index, query.by[index], piece.offset, fold, database)
                    }
                    let sums = try RollupColumns.sums(row, from: query.by.count)
                    do throws(UsageError) { try fold.add(sums, keys: keys) } catch { throw StorageError(error) }
                }
            }
        }
    }
}

extension StorageError {
    /// What a report over the views met with. Other errors come before any view is read.
    init(_ error: UsageError) {
        switch error {
        case .tooManyRows: self = .reportTooLarge
        case .overflow, .dimensionUnknown, .dimensionTwice: self = .amountTooLarge(file: Views.fileName)
        }
    }
}

/// The statements of a report, one for each table that may answer a piece of it.
private struct UsageSelect {
    private let quarters: String
    private let hours: String

    /// Nil if the filters let nothing through.
    init?(_ query: UsageQuery, _ database: Database) throws {
        var conditions: [String] = []
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
        quarters = UsageSelect.sql(query, conditions, .quarters, step: "quarter", seconds: Quarter.seconds)
        hours = UsageSelect.sql(
            query, conditions, UsagePiece.table(ofHours: query) ?? .hours, step: "hour",
            seconds: Quarter.seconds * HourSums.quarters)
    }

    /// Arguments: the first step, the one behind the last, the zone's offset.
    private static func sql(
        _ query: UsageQuery, _ filters: [String], _ table: UsagePiece.Table, step: String, seconds: Int64
    ) -> String {
        let keys = query.by.map { dimension in
            switch dimension {
            // As `LocalTime` says it.
            case .day: "(\(step) * \(seconds) + ?3 + 86400) / 86400 - 1"
            case .hour: "(\(step) * \(seconds) + ?3 + 86400) / 3600 - 24"
            case .model, .agent, .workstation, .project, .session, .origin: dimension.rawValue
            }
        }
        // The offset is named in every statement, so that all take the same arguments.
        let conditions = ["\(step) >= ?1", "\(step) < ?2", "?3 IS NOT NULL"] + filters
        let groups = query.by.indices.map { String($0 + 1) }.joined(separator: ", ")
        return """
            SELECT \((keys + RollupColumns.sumExpressions).joined(separator: ", ")) FROM \(table.rawValue)
            WHERE \(conditions.joined(separator: " AND ")) GROUP BY \(groups)
            """
    }

    /// The groups of one piece.
    func rows(_ piece: UsagePiece, _ database: Database) throws -> RowCursor {
        let (sql, scale): (String, Int64) =
            switch piece.table {
            case .quarters: (quarters, 1)
            case .hours, .coarseHours: (hours, HourSums.quarters)
            }
        return try Row.fetchCursor(
            database.cachedStatement(sql: sql),
            arguments: [piece.quarters.lowerBound / scale, piece.quarters.upperBound / scale, piece.offset])
    }

    /// The stretch of `quarters` that holds rows at all; nil if none does. Two steps in the key.
    func quartersHeld(_ quarters: Range<Int64>, _ database: Database) throws -> Range<Int64>? {
        let bounds: StatementArguments = [quarters.lowerBound, quarters.upperBound]
        let period = "FROM \(UsagePiece.Table.quarters.rawValue) WHERE quarter >= ? AND quarter < ?"
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
