/// What one source saw, skipped and why, since the workstation was enrolled.
package struct SourceTally: Hashable, Sendable {
    package var lines: UInt64 = 0
    package var usageEvents: UInt64 = 0
    package var corrections: UInt64 = 0
    package var otherEvents: UInt64 = 0
    /// Files that were rewritten, truncated or replaced, and read again.
    package var filesRewritten: UInt64 = 0
    private var skips = [UInt64](repeating: 0, count: SkipReason.allCases.count)

    package init() {}

    package subscript(reason: SkipReason) -> UInt64 {
        get { skips[Int(reason.rawValue)] }
        set { skips[Int(reason.rawValue)] = newValue }
    }

    package mutating func skip(_ reason: SkipReason) { self[reason] &+= 1 }
}
