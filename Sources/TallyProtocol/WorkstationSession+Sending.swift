package import TallyModel
package import TallyWire

/// Spending credit, and what ACK and REJECT mean for what comes next.
extension WorkstationSession {
    /// What may be sent now, given that the spool's highest event is `highest`; nil while there is nothing to
    /// send, no credit, a wait, or a poisoned event with the spool.
    package func nextSend(highest: Sequence64, now: MonotonicInstant) -> SendRequest? {
        guard phase == .open, !isHolding, now >= notBefore, credit != .paused, next <= highest, let welcome,
            flight.count < Limits.batchesInFlightMax, flight.skips < Limits.skipsInFlightMax
        else { return nil }
        let (edge, isOver) = acknowledged.value.addingReportingOverflow(UInt64(credit.events))
        let last = min(isOver ? .max : edge, highest.value)
        guard last >= next.value, UInt64(credit.bytes) > flight.bytes else { return nil }
        let room = UInt32(clamping: UInt64(credit.bytes) - flight.bytes)
        guard flight.isEmpty || room >= Limits.sendRoomBytesMin else { return nil }
        var events = min(
            UInt32(clamping: last.subtractingReportingOverflow(next.value - 1).partialValue),
            min(welcome.batchEventsMax, UInt32(Limits.batchEventsMax)))
        if next <= suspectThrough {
            let left = UInt32(clamping: suspectThrough.value - next.value + 1)
            events = min(events, min(left, suspectEventsMax))
        }
        return SendRequest(first: next, eventsMax: events, bodyBytesMax: min(room, welcome.batchBodyBytesMax))
    }

    /// A batch that answers the last `nextSend` is on its way.
    package mutating func sent(_ header: BatchHeader, bodyBytes: Int, now: MonotonicInstant) {
        record(
            FlightLedger.Entry(
                first: header.first, last: header.last, chainAfter: header.chainAfter,
                bytes: UInt32(clamping: bodyBytes)), now: now)
    }

    /// A skip that answers the last `nextSend` is on its way; it spends no credit.
    package mutating func sent(_ skip: Skip, now: MonotonicInstant) {
        record(
            FlightLedger.Entry(
                first: skip.first, last: skip.last, chainAfter: skip.chainAfter, bytes: 0, isSkip: true), now: now)
    }

    /// The spool has done what `poison` or `relabel` asked for.
    package mutating func resolved() { isHolding = false }

    // MARK: Answers

    mutating func receive(_ ack: Ack, now: MonotonicInstant) -> WorkstationAction {
        guard ack.committed >= acknowledged, ack.committed <= highestSent, isWhole(ack.credit) else {
            return end(.violation)
        }
        if let known = flight.entry(last: ack.committed), known.chainAfter != ack.chain { return end(.diverged) }
        if credit == .paused, ack.credit != .paused {
            notBefore = now
            progressedAt = now
        }
        credit = ack.credit
        creditBytesMax = max(creditBytesMax, credit.bytes)
        let isNews = ack.committed > acknowledged || ack.backedUpThrough > backedUpThrough
        if ack.committed > acknowledged {
            progressedAt = now
            retries = 0
            acknowledged = ack.committed
            flight.release(through: acknowledged)
            if next <= acknowledged { next = acknowledged.advanced(by: 1) }
        }
        backedUpThrough = max(backedUpThrough, ack.backedUpThrough)
        if phase == .closing, ack.committed.value + 1 == next.value { return end(.closed) }
        return isNews
            ? .acknowledged(through: acknowledged, chain: ack.chain, backedUpThrough: backedUpThrough) : .none
    }

    mutating func receive(_ reject: Reject, now: MonotonicInstant, random: UInt64) -> WorkstationAction {
        guard phase == .open else { return end(.violation) }
        guard let entry = flight.entry(first: reject.first) else {
            // Not known here any more: start again behind what is certain.
            rewind(to: acknowledged.advanced(by: 1))
            return wait(reject, now: now, random: random)
        }
        let count = entry.last.value - entry.first.value + 1
        rewind(to: entry.first)
        switch reject.reason {
        case .sequenceGap, .sequenceOverlap:
            rewind(to: acknowledged.advanced(by: 1))
            return wait(reject, now: now, random: random)
        case .tooOld where clockOffsetMs.magnitude > UInt64(Limits.clockAgreementMs):
            return wait(reject, now: now, random: random)
        default:
            guard reject.reason.isPermanent else { return wait(reject, now: now, random: random) }
        }
        // A gap cannot be given up a second time.
        guard !entry.isSkip, reject.run > 0, UInt64(reject.index) + UInt64(reject.run) <= count else {
            return end(.violation)
        }
        return giveUp(reject, of: count)
    }

    // MARK: Helpers

    private mutating func giveUp(_ reject: Reject, of count: UInt64) -> WorkstationAction {
        if reject.index == 0, UInt64(reject.run) == count, count > 1, !reject.reason.namesRows {
            suspectThrough = Sequence64(reject.first.value + count - 1)
            suspectEventsMax = UInt32(clamping: (count + 1) / 2)
            return .none
        }
        let first = reject.first.advanced(by: UInt64(reject.index))
        let run = first...first.advanced(by: UInt64(reject.run) - 1)
        isHolding = true
        if reject.reason == .labelLimit, first > relabelledThrough {
            relabelledThrough = run.upperBound
            return .relabel(run)
        }
        return .poison(run, reason: reject.reason, field: reject.field)
    }

    private mutating func wait(_ reject: Reject, now: MonotonicInstant, random: UInt64) -> WorkstationAction {
        guard retries < Limits.retriesPerConnectionMax || reject.reason == .busy else { return end(.noProgress) }
        let backoff = Backoff(base: .milliseconds(250), most: .seconds(30))
        let asked = min(Duration.milliseconds(Int64(reject.retryMs)), Limits.askedDelayMax)
        notBefore = now + max(asked, backoff.delay(attempt: retries, random: random))
        retries += 1
        return .none
    }

    private mutating func rewind(to sequence: Sequence64) {
        flight.drop(from: sequence)
        next = sequence
    }

    private mutating func record(_ entry: FlightLedger.Entry, now: MonotonicInstant) {
        precondition(phase == .open && entry.first == next, "events are sent in order")
        if flight.isEmpty { progressedAt = now }
        flight.append(entry)
        next = entry.last.advanced(by: 1)
        highestSent = max(highestSent, entry.last)
    }

    private func isWhole(_ credit: Credit) -> Bool {
        guard let welcome else { return false }
        return credit == .paused
            || (credit.events >= welcome.batchEventsMax && credit.bytes >= welcome.batchBodyBytesMax)
    }
}
