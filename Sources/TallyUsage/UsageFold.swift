package import TallyModel

/// Gathers groups of a report, from cells in memory and from the views; then makes the report.
///
/// A group's key is already the text that the report shows, so that two numbers with one name (a workstation
/// enrolled twice, two offsets of one day) become one row.
package struct UsageFold {
    private static let offsetsMax = 65_536

    private let by: [UsageDimension]
    private let zone: UsageZone
    private let labels: [WorkstationID: WorkstationLabel]
    private var groups: [[String?]: UsageSums] = [:]
    /// Offsets already asked for, by quarter-hour; forgotten all at once.
    private var offsets: [Int64: Int64] = [:]

    /// `by` has at least one dimension, none twice.
    package init(
        by: [UsageDimension], zone: UsageZone, workstations labels: [WorkstationID: WorkstationLabel] = [:]
    ) {
        self.by = by
        self.zone = zone
        self.labels = labels
    }

    /// Adds cells: all of them are inside the report's period and pass its filters.
    package mutating func add(_ cells: some Sequence<(RollupKey, RollupCounts)>) throws(UsageError) {
        for (key, counts) in cells where !counts.isEmpty {
            var keys: [String?] = []
            for dimension in by { keys.append(text(key, dimension)) }
            try add(UsageSums(counts), keys: keys)
        }
    }

    package mutating func add(_ sums: UsageSums, keys: [String?]) throws(UsageError) {
        try groups[keys, default: UsageSums()].add(sums)
        guard groups.count <= Limits.reportRowsMax else { throw .tooManyRows }
    }

    /// The report of everything that was added.
    package func report(tenant: TenantName?, gaps: GapTotals) throws(UsageError) -> UsageReport {
        var totals = UsageSums()
        for sums in groups.values { try totals.add(sums) }
        let rows = groups.map { UsageRow(keys: $0.key, sums: $0.value) }.sorted { UsageRow.precedes($0.keys, $1.keys) }
        return UsageReport(tenant: tenant, by: by, rows: rows, totals: totals, gaps: gaps)
    }

    // MARK: Keys as text

    package func text(hour: Int64, offset: Int64) -> String {
        LocalTime.text(hour: hour, offset: offset, isUTC: zone.isUTC)
    }

    package func text(_ workstation: WorkstationID) -> String {
        labels[workstation]?.text ?? "#\(workstation.value)"
    }

    private mutating func text(_ key: RollupKey, _ dimension: UsageDimension) -> String? {
        switch dimension {
        case .day: LocalTime.text(day: LocalTime.day(quarter: key.quarter, offset: offset(key.quarter)))
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
        if offsets.count >= UsageFold.offsetsMax { offsets.removeAll() }
        let offset = zone.offset(quarter * (Limits.quarterMs / 1_000))
        offsets[quarter] = offset
        return offset
    }
}
