import TallyLog
import TallyModel
import TallyProtocol
import TallyWire

/// Spends the credit: batches, and skips where something will never be sent.
extension UplinkCore {
    func sendAll(_ now: WorkstationInstant) throws(WorkstationError) {
        // Ends with credit, the spool, or a full queue: each turn sends at least one event.
        while room >= UplinkCore.roomBytesMin,
            let request = session?.nextSend(highest: sendable, now: now.monotonic)
        {
            guard try send(request, now) else { return }
        }
    }

    private func send(_ request: SendRequest, _ now: WorkstationInstant) throws(WorkstationError) -> Bool {
        if let skip = trimmed, skip.first == request.first {
            trimmed = nil
            trimmedSent = skip
            send(skip, after: spool.view(offering).floor, now)
            return true
        }
        let before = try cursor(before: request.first)
        var last = min(Sequence64(request.first.value + UInt64(request.eventsMax) - 1), sendable)
        let view = spool.view(offering)
        if let gap = view.gap(atOrAfter: request.first) {
            if gap.first == request.first {
                var walk = SpoolWalk(spool.disk)
                let after = try walk.cursor(at: gap.last, from: before, view)
                send(gap.skip(chainAfter: after.chain), after: after, now)
                return true
            }
            last = min(last, Sequence64(gap.first.value - 1))
        }
        if let bound = bounds[request.first] {
            guard bound <= last else { return false }
            last = bound
        }
        guard
            let made = try source.make(
                after: before, last: last, isBound: bounds[request.first] != nil,
                bodyBytesMax: Int(request.bodyBytesMax))
        else { return false }
        send(made, first: request.first, now)
        return true
    }

    private func send(_ made: BatchSource.Made, first: Sequence64, _ now: WorkstationInstant) {
        var bytes: [UInt8] = []
        FrameCodec.appendBatch(made.frame.header, body: made.frame.body, to: &bytes)
        session?.sent(made.frame.header, bodyBytes: made.frame.body.count, now: now.monotonic)
        cursors[made.after.sequence] = made.after
        if bounds[first] == nil { counts.events += UInt64(made.frame.header.count) }
        bounds[first] = made.after.sequence
        counts.batches += 1
        counts.bytes += UInt64(bytes.count)
        emit(.send(bytes))
    }

    private func send(_ skip: Skip, after: StreamCursor, _ now: WorkstationInstant) {
        session?.sent(skip, now: now.monotonic)
        cursors[after.sequence] = after
        if bounds[skip.first] == nil { counts.skippedEvents += skip.last.value - skip.first.value + 1 }
        bounds[skip.first] = skip.last
        emit(.send(FrameCodec.encode(.skip(skip))))
    }

    /// The place in front of `sequence`.
    func cursor(before sequence: Sequence64) throws(WorkstationError) -> StreamCursor {
        let place = Sequence64(sequence.value - 1)
        if place == base.sequence { return base }
        if let known = cursors[place] { return known }
        // From the nearest place that is known: what lies in front of the spool's floor can no longer be walked.
        let view = spool.view(offering)
        var start = base.sequence < view.floor.sequence ? view.floor : base
        if let near = cursors.keys.filter({ $0 < place && $0 > start.sequence }).max(), let known = cursors[near] {
            start = known
        }
        var walk = SpoolWalk(spool.disk)
        return try walk.cursor(at: place, from: start, view)
    }

    /// The highest event that may be sent.
    private var sendable: Sequence64 {
        guard offering == nil else { return spool.view(offering).tip.sequence }
        return adoption.map { min($0.cleared, spool.durable) } ?? spool.durable
    }
}
