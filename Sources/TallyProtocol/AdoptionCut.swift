package import TallyModel

/// Events of the spool that must go or become others, in one step and before anything behind the first of them is sent.
package struct AdoptionCut: Hashable, Sendable {
    /// Ascending, apart from one another.
    package var drops: [ClosedRange<Sequence64>]
    /// Ascending, apart from the drops.
    package var changes: [AdoptionChange] = []
    package var report: AdoptionReport
    /// Everything through here has been asked about.
    package var through: Sequence64

    package init(
        drops: [ClosedRange<Sequence64>], changes: [AdoptionChange] = [], report: AdoptionReport, through: Sequence64
    ) {
        self.drops = drops
        self.changes = changes
        self.report = report
        self.through = through
    }

    /// How many events go.
    package var events: UInt64 { drops.reduce(0) { $0 + $1.upperBound.value - $1.lowerBound.value + 1 } }
}
