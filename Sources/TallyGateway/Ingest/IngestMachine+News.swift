import TallyModel
import TallyProtocol
import TallyWire

/// What the appender's news lead to.
extension IngestMachine {
    package mutating func hear(_ news: LedgerNews, now: GatewayInstant, into actions: inout [IngestAction]) {
        guard !isGone else { return }
        switch news {
        case .claimed(let claim, let ticket): claimed(claim, ticket, now, &actions)
        case .claimFailed(let reason, let reconnectMs), .ended(let reason, let reconnectMs):
            let isOver = session.phase == .closed
            lost(isOver ? nil : session.end(reason, after: .milliseconds(Int64(reconnectMs))), &actions)
        case .committed(let cursor): committed(cursor, &actions)
        case .refused(let first, let refusal):
            if let reject = session.refused(first: first, refusal) { self.reject(reject, now, &actions) }
        case .superseded: lost(session.supersede(), &actions)
        case .revoked: lost(session.revoke(), &actions)
        case .paused:
            if let ack = session.pause() { actions.append(.send(.ack(ack))) }
        case .resumed(let credit):
            if let ack = session.resume(credit) { actions.append(.send(.ack(ack))) }
        case .chain(let sequence, let value):
            if session.phase == .open { actions.append(.send(.chain(sequence: sequence, value: value))) }
        case .adopted(let frames):
            guard session.adopted() else { return }
            for frame in frames { actions.append(.send(.adopted(frame))) }
        case .closed: close(.requested, &actions)
        }
    }

    /// The stream is no longer this connection's. A session that has ended already, by CLOSE, gets no other answer to it
    /// any more: its connection ends too.
    private mutating func lost(_ goaway: GoAway?, _ actions: inout [IngestAction]) {
        leave(&actions)
        if let goaway { end(goaway, &actions) } else { close(.refused, &actions) }
    }

    private mutating func claimed(
        _ claim: StreamClaim, _ ticket: StreamTicket, _ now: GatewayInstant, _ actions: inout [IngestAction]
    ) {
        // A revocation may have passed the appender before the claim came to it.
        guard tokenHash.flatMap(directory.holder) != nil else {
            if let goaway = session.revoke() { end(goaway, &actions) }
            return
        }
        switch session.claimed(claim, now: now.monotonic) {
        case .silent: release(&actions)
        case .raiseEpoch: if let request { actions.append(.submit(.raiseEpoch(request))) }
        case .welcome(let welcome):
            self.ticket = ticket
            isWelcomed = true
            reader.phase = .open
            age.oldestTimeMs = claim.oldestTimeMs
            age.toldAtMs = claim.clockMs
            age.isClockTrusted = claim.isClockTrusted
            actions.append(.note(.streamOpened(committed: welcome.committed.sequence, welcome.generation)))
            actions.append(.send(.welcome(welcome)))
        }
    }

    private mutating func committed(_ cursor: GatewaySession.Cursor, _ actions: inout [IngestAction]) {
        switch session.committed(through: cursor) {
        case .silent: return
        case .ack(let ack): actions.append(.send(.ack(ack)))
        case .ackThenGoAway(let ack, let goaway):
            actions.append(.send(.ack(ack)))
            end(goaway, &actions)
        }
    }
}
