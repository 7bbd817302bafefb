package import TallyModel

/// Events of the spool that must go, in one step and before anything behind the first of them is sent.
package struct AdoptionCut: Hashable, Sendable {
    /// Ascending, apart from one another.
    package var drops: [ClosedRange<Sequence64>]
    package var report: AdoptionReport
    /// Everything through here has been asked about.
    package var through: Sequence64

    package var events: UInt64 { drops.reduce(0) { $0 + $1.upperBound.value - $1.lowerBound.value + 1 } }
}
