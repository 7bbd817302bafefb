package import TallyModel

/// What a tenant used: rows sorted by key, their sum, and what never arrived. Exact; rounding happens once,
/// where a number is shown.
package struct UsageReport: Sendable {
    package let tenant: TenantName
    package let by: [UsageDimension]
    package let rows: [UsageRow]
    package let totals: UsageSums
    package let gaps: GapTotals
}

/// The sums of one combination of keys, in the order of `UsageReport.by`; nil = the events have none.
package struct UsageRow: Hashable, Sendable {
    package let keys: [String?]
    package let sums: UsageSums

    /// The order of rows: key by key, absent first, then by the text's Unicode scalars.
    static func precedes(_ left: [String?], _ right: [String?]) -> Bool {
        for (left, right) in zip(left, right) where left != right {
            guard let left else { return true }
            guard let right else { return false }
            return left.unicodeScalars.lexicographicallyPrecedes(right.unicodeScalars)
        }
        return false
    }
}
