package import TallyModel

/// Finds the longest common prefix of a spool and the gateway's stream, by halves, with one PROBE a step.
///
/// Equal chain values at s mean equal events up to s, so equality is a prefix. `low` is taken for common,
/// `high` is known to differ; an answer of UNKNOWN (older than the gateway keeps) sends the search upwards
/// without proving anything. Where nothing above the floor is proven, the floor is the answer: events that the
/// gateway may have counted already are then offered again in a new stream, whose adoption cuts them off.
package struct ForkSearch: Hashable, Sendable {
    package let floor: Sequence64
    package private(set) var proven: Sequence64
    private var low: UInt64
    private var high: UInt64

    /// `floor` stands before the first event held; the chain values at `differing` are known to differ.
    package init(floor: Sequence64, differing: Sequence64) {
        self.floor = floor
        proven = floor
        low = floor.value
        high = max(differing.value, floor.value)
    }

    /// The next sequence to compare, or nil when `proven` is the answer.
    package var next: Sequence64? {
        high > low && high - low > 1 ? Sequence64(low + (high - low) / 2) : nil
    }

    /// Nil where either side does not know the value at `next`.
    package mutating func answered(isEqual: Bool?) {
        guard let middle = next else { return }
        switch isEqual {
        case true?:
            low = middle.value
            proven = middle
        case false?: high = middle.value
        case nil: low = middle.value
        }
    }
}
