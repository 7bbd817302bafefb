import TallyLog
package import TallyModel
import TallyWire

/// An earlier stream of this spool, as far as its segments are still kept: a gateway that was restored from an older
/// backup gets it again. Nothing is ever appended to it.
///
/// It ends at `through`, where its successor took over: what stood behind that was written again into the next
/// stream, and is offered there alone.
package struct KeptStream: Sendable {
    /// What the records say of this stream. Its `epoch` is the last one in which the gateway was known to have all of it.
    package internal(set) var state: SpoolState
    package let through: Sequence64
    /// The gateway's store has been another since: it may lack some of this stream.
    package internal(set) var isOwed = false

    package var number: UInt32 { state.number }
    /// How many of its events are still held.
    package var events: UInt64 { through >= state.lowestHeld ? through.value - state.lowestHeld.value + 1 : 0 }

    init(_ state: SpoolState, through: Sequence64) {
        self.state = state
        self.through = through
        self.state.kept = []
        self.state.counter = Counter(eventsMax: Limits.spoolRecordEventsMax)
        self.state.letters = DeadLetters()
        self.state.segmentStarts = []
        self.state.staged = nil
        // `resolve` finds the chain and the sums there.
        if through < state.tip.sequence { self.state.tip.sequence = through }
    }

    /// The end's chain value and sums are known now.
    fileprivate mutating func resolve(_ end: StreamCursor) {
        state.tip = end
        // Another copy of the spool was acknowledged beyond what both have in common.
        if state.acknowledged.sequence > through { state.acknowledged = end }
    }

    /// Whether the segments in front of `start` hold events that a gateway may still want.
    fileprivate func isNeeded(before start: SpoolState.SegmentStart) -> Bool {
        let last = start.number == number ? min(start.tip.sequence, through) : through
        guard last >= state.lowestHeld else { return false }
        return isOwed || last > state.backedUpThrough
    }
}

extension SpoolState {
    /// Earlier streams that have not been offered yet since the store's epoch changed, oldest first.
    package var streamsToOffer: [KeptStream] { kept.filter(\.isOwed) }
    package var owesOffers: Bool { kept.contains(where: \.isOwed) }

    /// The gateway told another epoch than before.
    mutating func oweKept() {
        for place in kept.indices { kept[place].isOwed = true }
    }

    /// Another stream takes over what stands behind `through`.
    mutating func retire(through: Sequence64) {
        // A gap is told whole or not at all.
        let cut = gaps.first { $0.first <= through && $0.last > through }
        let ended = KeptStream(self, through: cut.map { Sequence64($0.first.value - 1) } ?? through)
        guard ended.events > 0 else { return }
        kept.append(ended)
        if kept.count > Limits.keptStreamsMax { kept.removeFirst() }
    }

    /// What is held begins at `start`, for earlier streams too.
    mutating func trimKept(to start: SegmentStart) {
        kept.removeAll { $0.number < start.number }
        for place in kept.indices { kept[place].state.trimmed(to: start) }
        kept.removeAll { $0.events == 0 }
    }

    /// Whether an earlier stream still needs what stands in front of `start`.
    func isKept(before start: SegmentStart) -> Bool { kept.contains { $0.isNeeded(before: start) } }

    fileprivate mutating func resolve(_ number: UInt32, _ end: StreamCursor) {
        guard let place = kept.firstIndex(where: { $0.number == number }) else { return }
        kept[place].resolve(end)
    }

    /// An earlier stream has been offered.
    mutating func takeKept(_ record: AcknowledgedRecord) {
        guard let place = kept.firstIndex(where: { $0.state.stream == record.stream }) else { return }
        kept[place].state.take(record)
        kept[place].isOwed = false
    }

    /// Events of an earlier stream were refused for ever when it was offered again.
    mutating func noteKept(_ gap: GapRecord, number: UInt32) {
        tell(gap)
        guard let place = kept.firstIndex(where: { $0.number == number }) else { return }
        kept[place].state.note(gap, isRepeated: true)
    }
}

extension Spool {
    /// The stream of this number, or the one that is written.
    func view(_ number: UInt32?) -> SpoolState {
        guard let number, let kept = state.kept.first(where: { $0.number == number }) else { return state }
        return kept.state
    }

    /// Makes an earlier stream ready to be offered. False if it is not kept any more.
    func resolve(_ number: UInt32) throws(WorkstationError) -> Bool {
        guard let kept = state.kept.first(where: { $0.number == number }) else { return false }
        var walk = SpoolWalk(disk)
        let end = try walk.cursor(at: kept.through, from: kept.state.floor, kept.state)
        state.resolve(number, end)
        return true
    }

    /// An earlier stream has been offered in `epoch`, durably: it is not offered in it again. `isRefused`: the
    /// gateway does not take it from this workstation.
    func noteOffered(
        _ number: UInt32, epoch: StoreEpoch, backedUpThrough: Sequence64, isRefused: Bool, nowMs: Int64
    ) throws(WorkstationError) {
        guard let kept = state.kept.first(where: { $0.number == number }) else { return }
        let end = kept.state.tip
        let record = AcknowledgedRecord(
            stream: kept.state.stream, epoch: epoch, committed: end.sequence, chain: end.chain,
            backedUpThrough: backedUpThrough, totals: end.totals, atMs: nowMs)
        if isRefused {
            state.counts.refusedStreams += 1
            state.counts.refusedStreamEvents += kept.events
        }
        state.takeKept(record)
        try write(
            NewRecord(
                RecordDraft(.acknowledged, receivedAtMs: nowMs), body: record.encode(), local: state.counts.encode()))
        try sync()
    }
}
