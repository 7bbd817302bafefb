package import TallyModel
package import TallyWire

/// Everything at the gateway that is not a batch: probes, pings, pauses, closing, time.
extension GatewaySession {
    /// Any complete frame arrived; keeps the idle clock.
    package mutating func heard(now: MonotonicInstant) {
        heardAt = now
        frameBegunAt = .distantFuture
    }

    /// Everything that has come is taken, but for a part of a frame, or nothing.
    package mutating func waits(forRestOfFrame isPart: Bool, now: MonotonicInstant) {
        frameBegunAt = isPart ? min(frameBegunAt, now) : .distantFuture
    }

    package mutating func probe(_ sequence: Sequence64) -> ProbeDecision {
        guard phase == .open else { return isOver ? .silent : .goaway(end(.protocol)) }
        guard probesLeft > 0, sequence.value <= Limits.sequenceMax else { return .goaway(end(.protocol)) }
        probesLeft -= 1
        if sequence == committed.sequence { return .answer(sequence: sequence, value: committed.chain) }
        return sequence > committed.sequence ? .answer(sequence: sequence, value: nil) : .lookUp(sequence)
    }

    /// Answered in every phase after HELLO, also while paused and while a commit runs (TG-6-7).
    package mutating func ping(opaque: UInt64, now: MonotonicInstant) -> PingDecision {
        switch phase {
        case .closed: return .silent
        case .awaitingHello: return .goaway(end(.protocol))
        case .authenticating, .claiming, .open, .draining:
            return pings.spend(now: now) ? .pong(opaque: opaque) : .goaway(end(.protocol))
        }
    }

    /// A PONG counts as heard and as nothing else, asked for or not.
    package mutating func pong() -> GoAway? {
        switch phase {
        case .awaitingHello, .authenticating: end(.protocol)
        case .claiming, .open, .draining, .closed: nil
        }
    }

    package mutating func adopt(sessions: Int) -> AdoptDecision {
        guard phase == .open else { return isOver ? .silent : .goaway(end(.protocol)) }
        guard adoptionsLeft > 0, sessions > 0, !isAdoptionAsked else { return .goaway(end(.protocol)) }
        adoptionsLeft -= 1
        isAdoptionAsked = true
        return .lookUp
    }

    /// The answer to an ADOPT is there. False where the session is no longer open: nobody waits for it.
    package mutating func adopted() -> Bool {
        isAdoptionAsked = false
        return phase == .open
    }

    /// The workstation says that the stream ends at `final` (TG-6-8).
    package mutating func close(final: Sequence64) -> CloseDecision {
        guard phase == .open else { return isOver ? .silent : .goaway(end(.protocol)) }
        guard final == committed.sequence, accepted.sequence == committed.sequence, !isForked else {
            return .goaway(end(.protocol))
        }
        let answer = ack()
        phase = .closed
        return .close(answer)
    }

    /// Any other frame, or one whose bytes did not decode (TG-2-2).
    package mutating func violation() -> GoAway? { phase == .closed ? nil : end(.protocol) }

    // MARK: Pause and backup

    /// Disk nearly full, tenant suspended: credit 0 until `resume`. The ACK is to be sent at once.
    /// A pause before the claim is told by the claim's credit.
    package mutating func pause() -> Ack? {
        guard phase == .open, !isPaused else { return nil }
        isPaused = true
        return ack()
    }

    /// The ACK that MUST be sent when a pause ends (TG-6-5).
    package mutating func resume(_ credit: Credit) -> Ack? {
        guard phase == .open, isPaused, credit != .paused else { return nil }
        precondition(isWhole(credit), "credit is zero or at least one largest batch")
        isPaused = false
        window = credit
        return ack()
    }

    /// Everything through `sequence` is in a backup; the next ACK says so.
    package mutating func backedUp(through sequence: Sequence64) {
        backedUpThrough = max(backedUpThrough, sequence)
    }

    // MARK: Shutting down, and time

    package mutating func shutdown(now: MonotonicInstant) -> ShutdownDecision {
        guard !isOver else { return .silent }
        guard phase == .open, accepted.sequence > committed.sequence else {
            return .goaway(end(.shutdown, after: Limits.shutdownReconnect))
        }
        phase = .draining
        phaseDeadline = now + Limits.drainTimeout
        return .draining(until: phaseDeadline)
    }

    package mutating func tick(now: MonotonicInstant) -> GatewayTick {
        let deadline = self.deadline
        guard let deadline else { return GatewayTick(goaway: nil, deadline: nil) }
        let isDrained = phase == .draining && accepted.sequence == committed.sequence
        guard now >= deadline || isDrained else { return GatewayTick(goaway: nil, deadline: deadline) }
        let reason: GoAwayReason =
            switch phase {
            case .awaitingHello: .timeout
            case .authenticating, .claiming: .overloaded
            case .open: now < offer.patience.frameEnd(frameBegunAt) ? .idle : .timeout
            case .draining, .closed: .shutdown
            }
        return GatewayTick(goaway: end(reason, after: Limits.shutdownReconnect), deadline: nil)
    }

    /// When something must have happened.
    package var deadline: MonotonicInstant? {
        switch phase {
        case .closed: nil
        case .open: min(offer.patience.idleEnd(heardAt), offer.patience.frameEnd(frameBegunAt))
        case .awaitingHello, .authenticating, .claiming, .draining: phaseDeadline
        }
    }
}
