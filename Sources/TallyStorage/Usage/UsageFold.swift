import Foundation
package import TallyModel

/// Gathers groups of a report, from cells in memory and from the views; then makes the report.
///
/// A group's key is already the text that the report shows, so that two numbers with one name (a workstation
/// enrolled twice, two offsets of one day) become one row.
package struct UsageFold {
    let query: UsageQuery
    private let labels: [WorkstationID: WorkstationLabel]
    private let isUTC: Bool
    private var groups: [[String?]: UsageSums] = [:]
    /// Offsets already asked for, by quarter-hour. At most as many as the caller's cells.
    private var offsets: [Int64: Int64] = [:]

    package init(_ query: UsageQuery, workstations labels: [WorkstationID: WorkstationLabel]) {
        self.query = query
        self.labels = labels
        isUTC = ["GMT", "UTC", "Etc/UTC", "Etc/GMT"].contains(query.timeZone.identifier)
    }

    /// Adds cells that the caller folded from the ledger: what lies behind the views' position and the cut
    /// edges of the period (`UsageQuery.plan`). They hold only events inside the period; the filters on
    /// model and workstation are applied here.
    package mutating func add(_ cells: [(RollupKey, RollupCounts)]) throws(StorageError) {
        for (key, counts) in cells where query.admits(key) && !counts.isEmpty {
            var keys: [String?] = []
            for dimension in query.by { keys.append(text(key, dimension)) }
            try add(UsageSums(counts), keys: keys)
        }
    }

    mutating func add(_ sums: UsageSums, keys: [String?]) throws(StorageError) {
        do {
            try groups[keys, default: UsageSums()].add(sums)
        } catch {
            throw .amountTooLarge(file: Views.fileName)
        }
        guard groups.count <= Limits.reportRowsMax else { throw .reportTooLarge }
    }

    /// The report of everything that was added.
    package func report(tenant: TenantName, gaps: GapTotals) throws(StorageError) -> UsageReport {
        var totals = UsageSums()
        for sums in groups.values {
            do { try totals.add(sums) } catch { throw .amountTooLarge(file: Views.fileName) }
        }
        let rows = groups.map { UsageRow(keys: $0.key, sums: $0.value) }.sorted { UsageRow.precedes($0.keys, $1.keys) }
        return UsageReport(tenant: tenant, by: query.by, rows: rows, totals: totals, gaps: gaps)
    }

    // MARK: Keys as text

    func text(day quarter: Int64, offset: Int64) -> String {
        LocalTime.text(day: LocalTime.day(quarter: quarter, offset: offset))
    }

    func text(hour: Int64, offset: Int64) -> String {
        LocalTime.text(hour: hour, offset: offset, isUTC: isUTC)
    }

    func text(_ workstation: WorkstationID) -> String {
        labels[workstation]?.text ?? "#\(workstation.value)"
    }

    private mutating func text(_ key: RollupKey, _ dimension: UsageDimension) -> String? {
        switch dimension {
        case .day: text(day: key.quarter, offset: offset(key.quarter))
        case .hour:
            text(
                hour: LocalTime.hour(quarter: key.quarter, offset: offset(key.quarter)), offset: offset(key.quarter))
        case .model: key.model.text
        case .agent: key.agent.name
        case .workstation: text(key.workstation)
        case .project: key.project?.value.uuidText
        case .session: key.session.value.uuidText
        case .origin: key.origin.name
        }
    }

    private mutating func offset(_ quarter: Int64) -> Int64 {
        if let known = offsets[quarter] { return known }
        let offset = ZoneRuns.offset(of: query.timeZone, at: quarter)
        offsets[quarter] = offset
        return offset
    }
}
