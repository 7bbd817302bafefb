/// The nouns of tenancy: what a tenant and a workstation are called, and how long a plan keeps events.

/// A tenant's name: `[a-z0-9][a-z0-9_-]{0,62}`. Chosen by the operator, unique in a data folder.
package struct TenantName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    /// Nil unless `text` is exactly a name.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard (1...Limits.tenantNameBytesMax).contains(bytes.count) else { return nil }
        for (index, byte) in bytes.enumerated() {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): continue
            case UInt8(ascii: "_"), UInt8(ascii: "-"): guard index > 0 else { return nil }
            default: return nil
            }
        }
        self.text = text
    }

    package var description: String { text }
    package static func < (left: TenantName, right: TenantName) -> Bool { left.text < right.text }
}

/// What the operator calls a workstation: 1 to 64 printable characters, no blank at either end.
///
/// Control, format and private-use characters are refused, so that a label can neither break a line of a
/// table nor turn its reading direction.
package struct WorkstationLabel: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let text: String

    /// Nil unless `text` is exactly a label.
    package init?(_ text: String) {
        let scalars = text.unicodeScalars
        guard (1...Limits.workstationLabelScalarsMax).contains(scalars.count), scalars.first != " ",
            scalars.last != " ", scalars.allSatisfy(WorkstationLabel.allows)
        else { return nil }
        self.text = text
    }

    package var description: String { text }
    package static func < (left: WorkstationLabel, right: WorkstationLabel) -> Bool { left.text < right.text }

    private static func allows(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: scalar == " "
        default: true
        }
    }
}

/// What a tenant is entitled to.
package enum Plan: UInt8, Vocabulary {
    case free = 1, pro, custom
    package var name: String { "\(self)" }
}

/// How long a tenant's events are kept: decided by its plan, or by the operator for a custom one.
package struct Retention: Hashable, Sendable {
    package let days: Int

    /// Free keeps 30 days and pro 365; only custom takes `days`, and needs them.
    package init(plan: Plan, days: Int?) throws(RetentionError) {
        switch (plan, days) {
        case (.free, nil): self.days = Limits.retentionDaysFree
        case (.pro, nil): self.days = Limits.retentionDaysPro
        case (.custom, let days?):
            guard (1...Limits.retentionDaysMax).contains(days) else { throw .outOfRange }
            self.days = days
        case (.custom, nil): throw .daysMissing
        case (_, _?): throw .daysNotAllowed(plan)
        }
    }

    /// Whether an event of `timeMs` is kept at `nowMs`. An event is kept for exactly `days` × 24 hours.
    package func keeps(timeMs: Int64, nowMs: Int64) -> Bool { timeMs > cutoffMs(nowMs: nowMs) }

    /// Events at or before this instant have expired.
    package func cutoffMs(nowMs: Int64) -> Int64 {
        let (cutoff, isOver) = nowMs.subtractingReportingOverflow(Int64(days) * 86_400_000)
        return isOver ? .min : cutoff
    }
}

/// Why a plan and a number of days do not go together.
package enum RetentionError: Error, Hashable, Sendable, CustomStringConvertible {
    case daysMissing
    case daysNotAllowed(Plan)
    case outOfRange

    package var description: String {
        switch self {
        case .daysMissing: "the custom plan needs --retention-days"
        case .daysNotAllowed(let plan): "the \(plan.name) plan has its own retention; use --plan custom to choose days"
        case .outOfRange: "retention is 1 to \(Limits.retentionDaysMax) days"
        }
    }
}
