package import Foundation
package import TallyModel
package import TallyUsage

/// Which numbers a report adds up, and by what.
package struct UsageQuery: Sendable {
    /// At least one, none twice.
    package let by: [UsageDimension]
    /// The first instant that counts; nil for the beginning.
    package var sinceMs: Int64?
    /// The first instant that no longer counts; nil for everything.
    package var untilMs: Int64?
    /// Cuts days and hours.
    package var timeZone: TimeZone
    package var model: Label?
    /// The numbers of one label may be several: a workstation that was revoked and enrolled again.
    package var workstations: Set<WorkstationID>?

    package init(
        by: [UsageDimension] = [.day], sinceMs: Int64? = nil, untilMs: Int64? = nil, timeZone: TimeZone = .gmt,
        model: Label? = nil, workstations: Set<WorkstationID>? = nil
    ) {
        precondition(!by.isEmpty && Set(by).count == by.count, "a report has dimensions, each once")
        self.by = by
        self.sinceMs = sinceMs
        self.untilMs = untilMs
        self.timeZone = timeZone
        self.model = model
        self.workstations = workstations
    }

    /// The zone of this name (`Europe/Berlin`, `UTC`).
    package static func timeZone(named name: String) throws(StorageError) -> TimeZone {
        if name.uppercased() == "UTC" { return .gmt }
        guard let zone = TimeZone(identifier: name) else { throw .timeZoneUnknown(name) }
        return zone
    }

    /// Whether the filters other than time let the cell pass.
    func admits(_ key: RollupKey) -> Bool {
        (model.map { $0 == key.model } ?? true) && (workstations?.contains(key.workstation) ?? true)
    }

    /// How the period divides: quarter-hours that lie in it whole, which the views answer, and the pieces of
    /// cut ones, for which only the ledger knows which events are inside.
    package func plan() -> UsagePlan {
        let lower = max(0, sinceMs ?? 0)
        let upper = min(untilMs ?? Quarter.endMs, Quarter.endMs)
        // From here on both are small, whatever was asked for.
        guard lower < upper else { return UsagePlan(whole: 0..<0, edges: []) }
        let first = (lower + Quarter.ms - 1) / Quarter.ms
        let end = upper / Quarter.ms
        // Both ends cut the same quarter-hour.
        if first > end { return UsagePlan(whole: 0..<0, edges: [lower..<upper]) }
        var edges: [Range<Int64>] = []
        if lower < first * Quarter.ms { edges.append(lower..<first * Quarter.ms) }
        if end * Quarter.ms < upper { edges.append(end * Quarter.ms..<upper) }
        return UsagePlan(whole: first..<end, edges: edges)
    }
}

/// A period, divided. The two parts are disjoint and together the whole of it.
package struct UsagePlan: Hashable, Sendable {
    /// Quarter-hours since 1970 that the views answer.
    package let whole: Range<Int64>
    /// Instants (milliseconds) whose events the caller folds from the ledger: at most two pieces, each
    /// shorter than a quarter-hour.
    package let edges: [Range<Int64>]
}

/// The finest step of the views: every time zone's days and hours are made of whole quarter-hours.
enum Quarter {
    static let ms: Int64 = 900_000
    static let seconds: Int64 = 900
    /// The first quarter-hour boundary behind every valid instant.
    static let endMs = (Limits.timeMsMax / ms + 1) * ms
}
