package import TallyModel
import TallyWire

/// Deadlines of the workstation: silence, a WELCOME that does not come, an ACK that does not come.
extension WorkstationSession {
    /// `random` becomes the PING's opaque bytes.
    package mutating func tick(now: MonotonicInstant, random: UInt64) -> WorkstationTick {
        guard phase != .ended, phase != .ready else { return WorkstationTick(action: .none, deadline: nil) }
        if now >= heardAt + silenceMax { return WorkstationTick(action: end(.silence), deadline: nil) }
        if now >= stallsAt { return WorkstationTick(action: end(.noProgress), deadline: nil) }
        var action = WorkstationAction.none
        if now >= pingsAt {
            pingedAt = now
            action = .send(.ping(opaque: random))
        }
        return WorkstationTick(action: action, deadline: deadline(after: now))
    }

    private var silenceMax: Duration {
        phase == .awaitingWelcome ? Limits.welcomeTimeout : Limits.silenceMax
    }

    private var stallsAt: MonotonicInstant {
        guard isOpen, !flight.isEmpty || phase == .closing, credit != .paused else { return .distantFuture }
        return progressedAt + Limits.ackStallMax
    }

    /// A PING after `pingIdle` of silence, and another after as much again.
    private var pingsAt: MonotonicInstant {
        isOpen ? max(heardAt, pingedAt ?? heardAt) + Limits.pingIdle : .distantFuture
    }

    private func deadline(after now: MonotonicInstant) -> MonotonicInstant {
        let wait = phase == .open && notBefore > now ? notBefore : .distantFuture
        return min(min(heardAt + silenceMax, stallsAt), min(pingsAt, wait))
    }
}
