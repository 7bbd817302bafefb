/// What a BATCH or SKIP must be answered with (SPEC 6, BEHAVIOUR 4).
extension SessionJudge {
    private enum Stand { case committed, accepted, overlap, gap, dropped, next }

    mutating func take(_ batch: BatchFields, _ nowMs: Int64, _ book: inout StreamBook) {
        guard !isLoose else { return }
        if isForked { return mustEnd([.streamFork], .fork) }
        // A batch of no events stands where its first would, and is refused for its size in its turn (TG-4-1).
        let last = batch.first + UInt64(max(batch.count, 1)) - 1
        let stand = stand(batch.first, last)
        guard stand == .next else {
            return answer(stand, first: batch.first, last: last, run: batch.count, chainAfter: batch.chainAfter, &book)
        }
        guard creditEvents > 0 else { return pausedAway(&book) }
        // The gateway may know of commits that we do not: the furthest edge is that of everything accepted.
        if last > accepted.sequence + creditEvents || UInt64(batch.body.count) > creditBytes {
            return mustEnd([.credit], .credit)
        }
        let bytes = flight.reduce(UInt64(batch.body.count)) { $0 + $1.bytes }
        if last > edge || bytes > creditBytes {
            mayEnd.insert(.credit)
            return loosen(&book)
        }
        if UInt32(batch.body.count) > welcome?.batchBodyBytesMax ?? 0 { return loosen(&book) }
        decode(batch, last, nowMs, &book)
    }

    private mutating func decode(_ batch: BatchFields, _ last: UInt64, _ nowMs: Int64, _ book: inout StreamBook) {
        do throws(Refusal) {
            let (read, chains) = try BatchRules.judge(
                batch, rowsMax: min(welcome?.batchEventsMax ?? 0, BatchRules.rowsMax), times: times(nowMs),
                chainBefore: accepted.chain)
            var place = accepted
            place.sequence = last
            place.chain = batch.chainAfter
            place.tokens += UInt128(read.tokens)
            place.reported += UInt128(read.reported)
            accept(
                Flight(first: batch.first, place: place, bytes: UInt64(batch.body.count), chains: chains), &book)
        } catch {
            mustReject(error, first: batch.first)
        }
    }

    mutating func take(_ skip: SkipFields, _ book: inout StreamBook) {
        guard !isLoose else { return }
        guard skip.isPossible else { return mustEnd([.protocol], Rule("TG-5-4")) }
        if isForked { return mustEnd([.streamFork], .fork) }
        let stand = stand(skip.first, skip.last)
        let events = skip.last - skip.first + 1
        guard stand == .next else {
            return answer(
                stand, first: skip.first, last: skip.last, run: UInt32(clamping: events), chainAfter: skip.chainAfter,
                &book)
        }
        guard creditEvents > 0 else { return pausedAway(&book) }
        // So many events given up: a gateway may refuse it or not.
        guard events <= 1 << 32 else {
            mayEnd.insert(.protocol)
            return loosen(&book)
        }
        let place = Place(
            sequence: skip.last, chain: skip.chainAfter, tokens: accepted.tokens + skip.tokens,
            reported: accepted.reported + skip.reported)
        if flight.count >= 32 {
            mayEnd.insert(.credit)
            return loosen(&book)
        }
        accept(Flight(first: skip.first, place: place, bytes: 0, chains: [skip.chainAfter]), &book)
    }

    private mutating func accept(_ entry: Flight, _ book: inout StreamBook) {
        flight.append(entry)
        isDropping = false
        owed.append(.acknowledged(through: entry.place.sequence))
        guard let stream = hello?.stream else { return }
        book[stream].open.append(entry.place)
    }

    private mutating func mustReject(_ refusal: Refusal, first: UInt64) {
        rejects += 1
        isDropping = true
        owed.append(.reject(refusal, first: first))
    }

    private func stand(_ first: UInt64, _ last: UInt64) -> Stand {
        if last <= acknowledged.sequence { return .committed }
        if last <= accepted.sequence { return .accepted }
        if first <= accepted.sequence { return .overlap }
        if first == accepted.sequence + 1 { return .next }
        return isDropping ? .dropped : .gap
    }

    /// What is not the next event is answered by its place alone.
    private mutating func answer(
        _ stand: Stand, first: UInt64, last: UInt64, run: UInt32, chainAfter: UInt64, _ book: inout StreamBook
    ) {
        switch stand {
        case .committed:
            guard last == acknowledged.sequence, chainAfter != acknowledged.chain else {
                owed.append(.acknowledgement(.places))
                return
            }
            // With something in flight committed may have moved on, and then it is a duplicate like any other.
            if flight.isEmpty { return mustEnd([.streamFork], .fork) }
            mayEnd.insert(.streamFork)
            loosen(&book)
        case .accepted:
            // Committed or not: an ACK or silence. Of other events, a fork where it ends at committed.
            let isKnown = flight.contains { $0.place.sequence == last && $0.place.chain == chainAfter }
            if !isKnown, flight.contains(where: { $0.place.sequence == last }) {
                mayEnd.insert(.streamFork)
                loosen(&book)
            }
        case .overlap: mustReject(Refusal(.sequenceOverlap, .places, run: run), first: first)
        case .gap: mustReject(Refusal(.sequenceGap, .places, run: run), first: first)
        case .dropped, .next: break
        }
    }

    private mutating func pausedAway(_ book: inout StreamBook) {
        interruption = "the gateway has paused"
        loosen(&book)
    }

    private func times(_ nowMs: Int64) -> BatchRules.Times? {
        guard let welcome, let hello else { return nil }
        let elapsed = nowMs - welcomedAtMs
        let (offset, isOver) = welcome.clockMs.subtractingReportingOverflow(hello.clockMs)
        return BatchRules.Times(
            oldestMs: welcome.oldestMs, nowMs: welcome.clockMs + elapsed,
            offsetMs: isOver ? (hello.clockMs < 0 ? .max : .min) : offset)
    }
}
