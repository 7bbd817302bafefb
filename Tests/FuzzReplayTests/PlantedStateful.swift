import TallyIO
import TallyLog
import TallyModel
import TallyProtocol
import TallyWire
import TestDisk

@testable import TallyFuzzTargets

/// Mistakes planted into session machines and log.
final class EarlyAck: GatewaySubject {
    /// Acknowledges one event more than is durable.
    override func commit(
        _ session: inout GatewaySession, through cursor: GatewaySession.Cursor
    ) -> CommitDecision {
        guard case .ack(var ack) = super.commit(&session, through: cursor) else { return .silent }
        ack.committed = ack.committed.advanced(by: 1)
        return .ack(ack)
    }
}

final class SilentCommit: GatewaySubject {
    override func commit(
        _ session: inout GatewaySession, through cursor: GatewaySession.Cursor
    ) -> CommitDecision {
        _ = super.commit(&session, through: cursor)
        return .silent
    }
}

final class LaxOrder: GatewaySubject {
    /// Decodes whatever comes.
    override func batch(_ session: inout GatewaySession, _ header: BatchHeader, bodyBytes: Int) -> BatchDecision {
        let decision = super.batch(&session, header, bodyBytes: bodyBytes)
        if case .reject = decision { return .decode }
        return decision
    }
}

final class OtherRejects: GatewaySubject {
    override func batch(_ session: inout GatewaySession, _ header: BatchHeader, bodyBytes: Int) -> BatchDecision {
        guard case .reject(var reject) = super.batch(&session, header, bodyBytes: bodyBytes) else { return .silent }
        reject.run += 1
        return .reject(reject)
    }
}

final class HoldingOffWrongly: GatewaySubject {
    override func holdOff(_ session: inout GatewaySession, _ header: BatchHeader) -> Reject {
        var reject = super.holdOff(&session, header)
        reject.retryMs = 0
        return reject
    }
}

final class LaxSkips: GatewaySubject {
    override func skip(_ session: inout GatewaySession, _ skip: Skip) -> SkipDecision { .append }
}

final class OtherWelcome: GatewaySubject {
    override func claim(
        _ session: inout GatewaySession, _ claim: StreamClaim, now: MonotonicInstant
    ) -> ClaimDecision {
        guard case .welcome(var welcome) = super.claim(&session, claim, now: now) else { return .silent }
        welcome.credit.events += 1
        return .welcome(welcome)
    }
}

final class NeverDue: GatewaySubject {
    override func tick(_ session: inout GatewaySession, now: MonotonicInstant) -> GatewayTick {
        GatewayTick(goaway: nil, deadline: .distantFuture)
    }
}

final class OtherPongs: GatewaySubject {
    override func ping(_ session: inout GatewaySession, _ opaque: UInt64, now: MonotonicInstant) -> PingDecision {
        .pong(opaque: opaque &+ 1)
    }
}

final class OtherRefusals: GatewaySubject {
    override func refuse(_ session: inout GatewaySession, _ first: Sequence64, _ refusal: RunRefusal) -> Reject? {
        guard var reject = super.refuse(&session, first, refusal) else { return nil }
        reject.first = reject.first.advanced(by: 1)
        return reject
    }
}

final class Spendthrift: WorkstationSubject {
    /// Sends more than was granted.
    override func nextSend(
        _ session: WorkstationSession, highest: Sequence64, now: MonotonicInstant
    ) -> SendRequest? {
        guard var request = super.nextSend(session, highest: highest, now: now) else { return nil }
        request.bodyBytesMax = .max
        return request
    }
}

final class Skipping: WorkstationSubject {
    override func nextSend(
        _ session: WorkstationSession, highest: Sequence64, now: MonotonicInstant
    ) -> SendRequest? {
        guard var request = super.nextSend(session, highest: highest, now: now) else { return nil }
        request.first = request.first.advanced(by: 1)
        return request
    }
}

final class Undead: WorkstationSubject {
    /// Answers although it has ended.
    override func receive(
        _ session: inout WorkstationSession, _ frame: Frame, now: MonotonicInstant, random: UInt64
    ) -> WorkstationAction {
        let action = super.receive(&session, frame, now: now, random: random)
        return session.phase == .ended && action == .none ? .send(.pong(opaque: 1)) : action
    }
}

final class GivingUpOthers: WorkstationSubject {
    override func receive(
        _ session: inout WorkstationSession, _ frame: Frame, now: MonotonicInstant, random: UInt64
    ) -> WorkstationAction {
        let action = super.receive(&session, frame, now: now, random: random)
        guard case .poison(let run, let reason, let field) = action else { return action }
        return .poison(run.lowerBound...run.upperBound.advanced(by: 1_000), reason: reason, field: field)
    }
}

final class LateDeadline: WorkstationSubject {
    override func tick(_ session: inout WorkstationSession, now: MonotonicInstant, random: UInt64) -> WorkstationTick {
        var tick = super.tick(&session, now: now, random: random)
        if tick.deadline != nil { tick.deadline = now }
        return tick
    }
}

final class Impatient: WorkstationSubject {
    override func reconnect(
        _ reconnector: inout Reconnector, _ end: ConnectionEnd, now: MonotonicInstant, random: UInt64
    ) -> Reconnect {
        Reconnect(after: .seconds(-1), notice: nil)
    }
}

final class AdoptingWrongly: WorkstationSubject {
    /// Sends the whole event where only its growth is due.
    override func settle(_ adoption: inout AdoptionWorld) throws(FuzzFinding) -> FuzzOutcome {
        adoption.apply = { $1 }
        return try super.settle(&adoption)
    }
}

final class ForgetfulLog: LogSubject {
    /// Reads a record less than there is.
    override func records(_ disk: LyingDisk, through ordinal: UInt64) -> (records: [LogRecord], error: LogError?) {
        let (records, error) = super.records(disk, through: ordinal)
        return (records.dropLast(), error)
    }
}

final class MixedLog: LogSubject {
    override func records(_ disk: LyingDisk, through ordinal: UInt64) -> (records: [LogRecord], error: LogError?) {
        var found = super.records(disk, through: ordinal)
        if found.records.count > 2 { found.records.swapAt(0, 1) }
        return found
    }
}

final class OtherLog: LogSubject {
    override func records(_ disk: LyingDisk, through ordinal: UInt64) -> (records: [LogRecord], error: LogError?) {
        var found = super.records(disk, through: ordinal)
        for index in found.records.indices where found.records[index].kind == .batch {
            found.records[index].body.append(1)
        }
        return found
    }
}

final class MeddlingLog: LogSubject {
    /// Changes a damaged log.
    override func open(_ disk: LyingDisk, _ evidence: LogEvidence) throws(LogError) -> SegmentLog {
        do throws(LogError) { return try super.open(disk, evidence) } catch {
            if case .damaged = error { disk.put("0000000009.segment", [1]) }
            throw error
        }
    }
}

final class ShyLog: LogSubject {
    /// Calls good logs damaged.
    override func open(_ disk: LyingDisk, _ evidence: LogEvidence) throws(LogError) -> SegmentLog {
        throw .damaged(LogDamage(.unstable, segment: 1))
    }
}
