/// A reading of a clock that never goes back, in nanoseconds since a start of its own choosing.
///
/// Machines without a clock get it as an argument. Sums saturate: "for ever" is an instant like another.
package struct MonotonicInstant: Hashable, Comparable, Sendable {
    package let nanoseconds: UInt64

    package static let distantFuture = MonotonicInstant(nanoseconds: .max)

    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    package static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The instant `duration` later; a negative duration counts as zero.
    package static func + (left: MonotonicInstant, duration: Duration) -> MonotonicInstant {
        let (sum, isOver) = left.nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        return isOver ? .distantFuture : MonotonicInstant(nanoseconds: sum)
    }

    /// How long after `earlier` this is; zero where it is not after.
    package func since(_ earlier: MonotonicInstant) -> Duration {
        guard self > earlier else { return .zero }
        return .nanoseconds(Int64(clamping: nanoseconds - earlier.nanoseconds))
    }
}

extension Duration {
    /// Whole nanoseconds, clamped to 0 … 2⁶⁴ − 1.
    package var wholeNanoseconds: UInt64 {
        guard self > .zero else { return 0 }
        let (seconds, attoseconds) = components
        let (scaled, isOver) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isOverToo) = scaled.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000))
        return isOver || isOverToo ? .max : sum
    }

    /// Whole milliseconds, clamped to what a frame can carry.
    package var wholeMilliseconds: UInt32 { UInt32(clamping: wholeNanoseconds / 1_000_000) }
}
