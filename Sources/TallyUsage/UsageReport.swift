package import TallyModel

/// What a tenant used: rows sorted by key, their sum, and what never arrived. Exact; rounding happens once,
/// where a number is shown.
package struct UsageReport: Sendable {
    /// Nil where one machine reports of itself.
    package let tenant: TenantName?
    package let by: [UsageDimension]
    package let rows: [UsageRow]
    package let totals: UsageSums
    package let gaps: GapTotals

    package init(tenant: TenantName?, by: [UsageDimension], rows: [UsageRow], totals: UsageSums, gaps: GapTotals) {
        self.tenant = tenant
        self.by = by
        self.rows = rows
        self.totals = totals
        self.gaps = gaps
    }

    /// The same with `dimension`'s keys called by other names: where two keys get one name, both rows stay.
    package func renaming(_ dimension: UsageDimension, _ name: (String) -> String) -> UsageReport {
        guard let place = by.firstIndex(of: dimension) else { return self }
        let renamed = rows.map { row in
            var keys = row.keys
            keys[place] = keys[place].map(name)
            return UsageRow(keys: keys, sums: row.sums)
        }
        return UsageReport(
            tenant: tenant, by: by, rows: renamed.sorted { UsageRow.precedes($0.keys, $1.keys) }, totals: totals,
            gaps: gaps)
    }
}

/// What was given up: events that will never arrive, and what the agents said they cost.
package struct GapTotals: Hashable, Sendable {
    package var events: Int128 = 0
    package var reportedNanoUSD: Int128 = 0

    package init(events: Int128 = 0, reportedNanoUSD: Int128 = 0) {
        self.events = events
        self.reportedNanoUSD = reportedNanoUSD
    }
}

/// The sums of one combination of keys, in the order of `UsageReport.by`; nil = the events have none.
package struct UsageRow: Hashable, Sendable {
    package let keys: [String?]
    package let sums: UsageSums

    package init(keys: [String?], sums: UsageSums) {
        self.keys = keys
        self.sums = sums
    }

    /// The order of rows: key by key, absent first, then by the text's Unicode scalars.
    package static func precedes(_ left: [String?], _ right: [String?]) -> Bool {
        for (left, right) in zip(left, right) where left != right {
            guard let left else { return true }
            guard let right else { return false }
            return left.unicodeScalars.lexicographicallyPrecedes(right.unicodeScalars)
        }
        return false
    }
}
