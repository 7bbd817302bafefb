import TallyHash
import TallyModel
import TallyWire

/// Makes the frames of an uplink out of the spool: the spool's own batches where they fit, merged where they are
/// small, cut where credit or a gap demands it.
final class BatchSource {
    private let spool: Spool
    /// The earlier stream that is read; nil for the one that is written.
    private var kept: UInt32?
    private var encoder = BatchEncoder()
    private var decoder = BatchDecoder(hashSeed: Random.uint64())
    private var cursor: SpoolCursor?
    /// The batch that was read last.
    private var window: SpoolPart?
    private var batch = Batch()

    init(_ spool: Spool) { self.spool = spool }

    /// The spool was rewritten: what is in memory is no longer what it holds.
    func forget() {
        cursor = nil
        window = nil
    }

    /// Reads another stream from here on.
    func turn(to kept: UInt32?) {
        self.kept = kept
        forget()
    }

    struct Made {
        var frame: BatchFrame
        var after: StreamCursor
    }

    /// A batch from `before` on, up to `last` at most; all of it where `isBound`. Nil where the body would be
    /// longer than `bodyBytesMax` and may not be cut.
    func make(
        after before: StreamCursor, last: Sequence64, isBound: Bool, bodyBytesMax: Int
    ) throws(WorkstationError) -> Made? {
        let first = before.sequence.advanced(by: 1)
        try load(first)
        let room = Int(clamping: last.value - first.value + 1)
        if let whole = try wholeWindow(first, room: room, isBound: isBound, before) {
            let frame = encoder.frame(whole, first: first)
            if frame.body.count <= bodyBytesMax { return made(frame, whole, before) }
            if isBound { return nil }
        }
        var events = try collect(first, count: isBound ? room : min(room, Limits.mergeEventsMax))
        // Each turn has fewer events; one always fits.
        while !events.isEmpty {
            let encoded = try encode(events, before.chain)
            if isBound, encoded.count < events.count { return nil }
            let frame = encoder.frame(encoded, first: first)
            if frame.body.count <= bodyBytesMax { return made(frame, encoded, before) }
            guard !isBound, encoded.count > 1 else { return nil }
            let fitting = encoded.count * bodyBytesMax / frame.body.count
            events.removeLast(events.count - max(1, min(encoded.count - 1, fitting)))
        }
        return nil
    }

    private func wholeWindow(
        _ first: Sequence64, room: Int, isBound: Bool, _ before: StreamCursor
    ) throws(WorkstationError) -> EncodedBatch? {
        guard let window, window.first == first, window.count <= room, !isBound || window.count == room,
            window.count >= Limits.mergeEventsMin || window.count == room
        else { return nil }
        return EncodedBatch(
            count: window.count, raw: window.raw, controlTokens: batch.controlTokens,
            reportedNanoUSD: batch.reportedNanoUSD, chainAfter: Chain.advance(before.chain, over: batch))
    }

    private func made(_ frame: BatchFrame, _ encoded: EncodedBatch, _ before: StreamCursor) -> Made {
        let added = RunningTotals(
            tokens: UInt128(encoded.controlTokens), reportedNanoUSD: UInt128(encoded.reportedNanoUSD))
        return Made(
            frame: frame,
            after: StreamCursor(
                sequence: frame.header.last, chain: encoded.chainAfter,
                totals: before.totals.adding(added) ?? before.totals))
    }

    private func encode(_ events: [Event], _ chain: ChainValue) throws(WorkstationError) -> EncodedBatch {
        do throws(BatchRefusal) { return try encoder.encode(events.span, after: chain) } catch {
            throw .spoolDamaged(ordinal: 0)
        }
    }

    /// Up to `count` events from `first` on, over as many batches as it takes.
    private func collect(_ first: Sequence64, count: Int) throws(WorkstationError) -> [Event] {
        let last = kept == nil ? spool.durable : spool.view(kept).tip.sequence
        var events: [Event] = []
        events.reserveCapacity(count)
        var next = first
        while events.count < count, next <= last {
            try load(next)
            guard let window else { break }
            for row in Int(next.value - window.first.value)..<window.count where events.count < count {
                guard let event = batch.event(at: row) else { throw .spoolDamaged(ordinal: 0) }
                events.append(event)
            }
            next = window.last.advanced(by: 1)
        }
        return events
    }

    /// Makes `window` the batch that holds `sequence`.
    private func load(_ sequence: Sequence64) throws(WorkstationError) {
        if let window, window.first <= sequence, sequence <= window.last { return }
        let view = spool.view(kept)
        if cursor?.next != sequence { cursor = try SpoolCursor(spool.disk, view, from: sequence) }
        guard let part = try cursor?.advance(view) else { throw .spoolDamaged(ordinal: 0) }
        do throws(BatchRefusal) {
            try decoder.decode(part.raw.span, count: part.count, into: &batch)
        } catch {
            throw .spoolDamaged(ordinal: 0)
        }
        window = part
    }
}
