package import TallyModel
package import TallyWire

/// Batches and skips at the gateway: what is decided before a body is read, and what follows (SPEC 6).
extension GatewaySession {
    /// The checks of TG-6-6 that need no body: sequence, pause and credit, sizes. `bodyBytes` as it travels.
    package mutating func batch(_ header: BatchHeader, bodyBytes: Int) -> BatchDecision {
        guard phase == .open else { return isOver ? .silent : .goaway(end(.protocol)) }
        // A batch of no events stands where its first would: it is refused for its size, in its turn.
        guard let last = lastSequence(header.first, events: UInt64(max(header.count, 1))) else {
            return .goaway(end(.protocol))
        }
        if isForked || isOther(chainAfter: header.chainAfter, last: last) { return .goaway(end(.streamFork)) }
        switch place(first: header.first, last: last) {
        case .committed: return .duplicate(ack())
        case .dropped: return .silent
        case .overlap: return .reject(whole(header, .sequenceOverlap))
        case .gap: return .reject(whole(header, .sequenceGap))
        case .next: break
        }
        if isPaused { return .reject(whole(header, .busy, retryMs: Limits.busyRetry.wholeMilliseconds)) }
        let bytes = UInt64(clamping: bodyBytes)
        if last > edge || flight.bytes + bytes > UInt64(windowBytesMax) { return .goaway(end(.credit)) }
        guard sizesHold(header, bytes) else { return .reject(whole(header, .size)) }
        return .decode
    }

    package mutating func skip(_ skip: SkipHeader) -> SkipDecision {
        guard phase == .open else { return isOver ? .silent : .goaway(end(.protocol)) }
        guard skip.first > .zero, skip.first <= skip.last, skip.last.value <= Limits.sequenceMax, skip.isPossible else {
            return .goaway(end(.protocol))
        }
        if isForked || isOther(chainAfter: skip.chainAfter, last: skip.last) { return .goaway(end(.streamFork)) }
        switch place(first: skip.first, last: skip.last) {
        case .committed: return .duplicate(ack())
        case .dropped: return .silent
        case .overlap: return .reject(whole(skip, .sequenceOverlap))
        case .gap: return .reject(whole(skip, .sequenceGap))
        case .next: break
        }
        if isPaused { return .reject(whole(skip, .busy, retryMs: Limits.busyRetry.wholeMilliseconds)) }
        if flight.skips >= Limits.skipsInFlightMax { return .goaway(end(.credit)) }
        return .append
    }

    /// The batch just decided `.decode` was valid and is with the appender.
    package mutating func accepted(_ header: BatchHeader, bodyBytes: Int) {
        guard phase == .open || phase == .draining else { return }
        accept(
            FlightLedger.Entry(
                first: header.first, last: header.last, chainAfter: header.chainAfter,
                bytes: UInt32(clamping: bodyBytes), rawBytes: header.rawBytes))
    }

    package mutating func accepted(_ skip: SkipHeader) {
        guard phase == .open || phase == .draining else { return }
        accept(
            FlightLedger.Entry(
                first: skip.first, last: skip.last, chainAfter: skip.chainAfter, bytes: 0, isSkip: true))
    }

    /// A batch was decided `.decode`, and its conductor has no room to hold it: BUSY, as in a pause.
    package mutating func heldOff(_ header: BatchHeader) -> Reject {
        whole(header, .busy, retryMs: Limits.busyRetry.wholeMilliseconds)
    }

    /// The batch or skip that begins with `first` was turned away, by the decoder before `accepted` or by the
    /// appender after it; in the second case everything accepted from `first` on is taken back, which the
    /// appender has then refused too. Nil where the session has ended.
    package mutating func refused(first: Sequence64, _ refusal: RunRefusal) -> Reject? {
        guard phase == .open || phase == .draining else { return nil }
        precondition(first > committed.sequence, "what is durable is never taken back")
        if first <= accepted.sequence {
            flight.drop(from: first)
            accepted = flight.newest.map { Cursor(sequence: $0.last, chain: $0.chainAfter) } ?? committed
        }
        isDropping = true
        return Reject(
            first: first, index: refusal.index, run: refusal.run, reason: refusal.reason, field: refusal.field,
            retryMs: refusal.retryMs)
    }

    /// Everything through `cursor` is on stable storage.
    package mutating func committed(through cursor: Cursor) -> CommitDecision {
        guard phase == .open || phase == .draining, cursor.sequence > committed.sequence else { return .silent }
        precondition(cursor.sequence <= accepted.sequence, "nothing is committed before it is accepted")
        committed = cursor
        flight.release(through: cursor.sequence)
        let answer = ack()
        guard phase == .draining, accepted.sequence == committed.sequence else { return .ack(answer) }
        return .ackThenGoAway(answer, end(.shutdown, after: Limits.shutdownReconnect))
    }

    package func checkInvariants() {
        precondition(committed.sequence <= accepted.sequence, "committed ≤ accepted")
        precondition(flight.bytes <= UInt64(windowBytesMax), "bytes in flight ≤ credit")
        precondition(flight.skips <= Limits.skipsInFlightMax, "skips in flight are bounded")
        precondition(
            flight.newest.map { $0.last == accepted.sequence && $0.chainAfter == accepted.chain }
                ?? (accepted == committed), "flight ends at accepted")
        if let oldest = flight.oldest {
            precondition(oldest.first.value <= committed.sequence.value + 1, "flight begins after committed")
        }
        flight.checkInvariants()
    }

    // MARK: Helpers

    private enum Place { case committed, dropped, overlap, gap, next }

    private func place(first: Sequence64, last: Sequence64) -> Place {
        if last <= committed.sequence { return .committed }
        if last <= accepted.sequence { return .dropped }
        if first <= accepted.sequence { return .overlap }
        if first.value == accepted.sequence.value + 1 { return .next }
        return isDropping ? .dropped : .gap
    }

    /// A duplicate that ends where committed ends must have the same chain; acknowledging other events would
    /// lose them.
    private func isOther(chainAfter: ChainValue, last: Sequence64) -> Bool {
        last == committed.sequence && chainAfter != committed.chain
    }

    private mutating func accept(_ entry: FlightLedger.Entry) {
        precondition(entry.first.value == accepted.sequence.value + 1, "only the next event is accepted")
        flight.append(entry)
        accepted = Cursor(sequence: entry.last, chain: entry.chainAfter)
        isDropping = false
    }

    private func lastSequence(_ first: Sequence64, events: UInt64) -> Sequence64? {
        guard first > .zero else { return nil }
        let (last, isOver) = first.value.addingReportingOverflow(events - 1)
        return isOver || last > Limits.sequenceMax ? nil : Sequence64(last)
    }

    /// TG-4-1 and the sizes of TG-4-7. An empty body is a body: its rows lack what they need.
    private func sizesHold(_ header: BatchHeader, _ bytes: UInt64) -> Bool {
        guard header.count > 0, header.count <= offer.batchEventsMax,
            header.rawBytes <= UInt32(Limits.batchRawBytesMax), bytes <= UInt64(offer.batchBodyBytesMax)
        else { return false }
        return header.isLZ4 ? UInt64(header.rawBytes) <= 255 * bytes + 64 : UInt64(header.rawBytes) == bytes
    }

    private mutating func whole(_ header: BatchHeader, _ reason: RejectReason, retryMs: UInt32 = 0) -> Reject {
        isDropping = true
        return Reject(
            first: header.first, index: 0, run: header.count, reason: reason, field: 0, retryMs: retryMs)
    }

    private mutating func whole(_ skip: SkipHeader, _ reason: RejectReason, retryMs: UInt32 = 0) -> Reject {
        isDropping = true
        let events = skip.last.value - skip.first.value + 1
        return Reject(
            first: skip.first, index: 0, run: UInt32(clamping: events), reason: reason, field: 0, retryMs: retryMs)
    }

    var isOver: Bool { phase == .draining || phase == .closed }
}

extension SkipHeader {
    /// Whether the events of its range could hold what its groups tell (TG-5-4).
    fileprivate var isPossible: Bool {
        guard let reported = sums.reportedNanoUSD else { return false }
        let range = UInt128(last.value - first.value + 1)
        let most = range * UInt128(Limits.tokensMax)
        return sums.events <= range && sums.tokens <= 6 * most && sums.reasoning <= most
            && reported <= range * UInt128(Limits.reportedCostNanoUSDMax)
    }
}
