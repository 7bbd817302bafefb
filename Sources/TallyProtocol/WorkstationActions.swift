package import TallyModel
package import TallyWire

/// What the spool looks like when a connection begins.
///
/// Invariant: lowestHeld ≤ highest + 1, where equality means that it holds nothing; everything below
/// lowestHeld has been acknowledged and trimmed.
package struct SpoolView: Hashable, Sendable {
    package var stream: StreamID
    package var lowestHeld: Sequence64
    /// The highest sequence ever appended.
    package var highest: Sequence64
    package var highestChain: ChainValue
    package var acknowledged: StreamCursor
    /// As the last WELCOME told; zero before the first.
    package var storeEpoch: StoreEpoch

    package init(
        stream: StreamID, lowestHeld: Sequence64, highest: Sequence64, highestChain: ChainValue,
        acknowledged: StreamCursor, storeEpoch: StoreEpoch
    ) {
        self.stream = stream
        self.lowestHeld = lowestHeld
        self.highest = highest
        self.highestChain = highestChain
        self.acknowledged = acknowledged
        self.storeEpoch = storeEpoch
    }
}

/// What the uplink is to do. One input yields one action.
package enum WorkstationAction: Hashable, Sendable {
    case none
    case send(Frame)
    /// Call `chain(at:value:)` with the spool's chain value there, nil where it does not hold it.
    case needChain(at: Sequence64)
    /// The streams agree: note `plan.welcome`, then send (`nextSend`).
    case proceed(ResumePlan)
    /// The rest of the spool belongs into a new stream, which begins with adoption. The connection is over.
    case openNewStream(after: Sequence64, cause: NewStreamCause)
    /// Durable at the gateway: the spool may trim by its rules.
    case acknowledged(through: Sequence64, chain: ChainValue, backedUpThrough: Sequence64)
    /// Refused for ever: sync these events to the dead letters, note the gap, then call `resolved`.
    case poison(ClosedRange<Sequence64>, reason: RejectReason, field: UInt8)
    /// Rewrite the model of these events as `unlisted`, and the chain from there on, durably; then `resolved`.
    case relabel(ClosedRange<Sequence64>)
    /// The connection is over: close it, ask the `Reconnector`.
    case end(ConnectionEnd)
}

package enum NewStreamCause: Hashable, Sendable {
    /// The same numbers, other events: a snapshot was restored, or a copy ran.
    case forked
    /// The gateway has committed more of this stream than the spool ever appended.
    case rolledBack
    /// The stream is another workstation's.
    case streamOwned
}

/// How a stream goes on after WELCOME.
package struct ResumePlan: Hashable, Sendable {
    package var welcome: Welcome
    /// The first event to send: committed + 1.
    package var first: Sequence64
    /// No longer held, not committed: to be given up by a SKIP of reason TRIMMED before anything else.
    package var trimmed: ClosedRange<Sequence64>?
    /// Acknowledged once and not committed now: the gateway lost it, or was restored.
    package var lost: ClosedRange<Sequence64>?
    /// The store was restored: offer every stream that is still kept, closed ones too.
    package var isOtherEpoch: Bool
    /// False where the spool no longer holds the chain value to compare.
    package var isProven: Bool
    /// Gateway clock − workstation clock, in milliseconds.
    package var clockOffsetMs: Int64

    /// The SKIP for what was trimmed. `chainAfter` and `totalsAfter` are the spool's, after the last trimmed
    /// event. Its one group names no model and carries the tokens in its first class: the split is not known
    /// any more. Nil where nothing was trimmed or the totals contradict each other.
    package func trimmedSkip(chainAfter: ChainValue, totalsAfter: RunningTotals) -> Skip? {
        guard let trimmed, totalsAfter.tokens >= welcome.committed.totals.tokens,
            totalsAfter.reportedNanoUSD >= welcome.committed.totals.reportedNanoUSD,
            let tokens = UInt64(exactly: totalsAfter.tokens - welcome.committed.totals.tokens)
        else { return nil }
        let events = trimmed.upperBound.value - trimmed.lowerBound.value + 1
        let group = SkipGroup(
            model: nil, events: events, tokenClasses: [tokens, 0, 0, 0, 0, 0, 0],
            reportedNanoUSD: totalsAfter.reportedNanoUSD - welcome.committed.totals.reportedNanoUSD)
        return Skip(
            first: trimmed.lowerBound, last: trimmed.upperBound, chainAfter: chainAfter, reason: .trimmed,
            groups: [group])
    }
}

/// What may be sent next. Where a gap begins at `first` the answer is its SKIP, else a BATCH that ends before
/// the next gap.
package struct SendRequest: Hashable, Sendable {
    package var first: Sequence64
    package var eventsMax: UInt32
    package var bodyBytesMax: UInt32
    package init(first: Sequence64, eventsMax: UInt32, bodyBytesMax: UInt32) {
        self.first = first
        self.eventsMax = eventsMax
        self.bodyBytesMax = bodyBytesMax
    }
}

package struct WorkstationTick: Hashable, Sendable {
    package var action: WorkstationAction
    /// When to call `tick` again, and then `nextSend`, at the latest; nil where the connection is over.
    package var deadline: MonotonicInstant?
    package init(action: WorkstationAction, deadline: MonotonicInstant?) {
        self.action = action
        self.deadline = deadline
    }
}

extension RejectReason {
    /// The reason of the SKIP that follows a dead letter.
    package var skipReason: SkipReason { self == .overflow ? .overflow : .poison }

    /// Whether a run that covers the whole batch truly names every row. Where not, rows could not be told
    /// apart, and the batch is halved until they can.
    package var namesRows: Bool {
        switch self {
        case .fieldRange, .fieldRequired, .fieldForbidden, .labelLimit, .tooOld: true
        default: false
        }
    }
}
