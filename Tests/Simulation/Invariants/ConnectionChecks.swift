import Synchronization
import TallyGateway
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyProtocol
import TallyRollup
import TallyStorage
import TallyWire
import TallyWorkstation
import TestDisk

/// I11 and I12, and manners: programs of one make never break the protocol with one another.
extension World {
    // MARK: I11

    /// What an append may not change: its connection is not the one that claimed the stream last.
    struct Fence {
        var tenant: TenantID
        var number: UInt32
        var before: Sequence64
    }

    /// Follows the claims, and notes before an append of a superseded connection where its stream stands.
    func fence(_ command: LedgerCommand, _ core: LedgerCore) -> Fence? {
        switch command {
        case .append(let append): stale(append.ticket, append.connection, core)
        case .skip(let append): stale(append.ticket, append.connection, core)
        case .claim, .close, .release, .probe, .adopt, .raiseEpoch, .revoke, .retire: nil
        }
    }

    private func stale(_ ticket: StreamTicket, _ connection: ConnectionID, _ core: LedgerCore) -> Fence? {
        guard core.holder(of: ticket.tenant, stream: ticket.number) != connection else { return nil }
        coverage.staleAppends += 1
        let sequence = core.streams(of: ticket.tenant)[ticket.number]?.sequence ?? .zero
        return Fence(tenant: ticket.tenant, number: ticket.number, before: sequence)
    }

    func checkFence(_ fence: Fence?, _ core: LedgerCore) {
        guard let fence else { return }
        let after = core.streams(of: fence.tenant)[fence.number]?.sequence ?? .zero
        if after != fence.before {
            violate(
                .i11, "an append of a connection that does not hold it moved stream \(fence.number) to \(after.value)")
        }
    }

    // MARK: I12

    /// The gateway holds no more than it granted.
    func checkCredit(_ machine: IngestMachine, _ wire: Wire) {
        machine.checkInvariants()
        if machine.session.inFlightBytes > UInt64(credit.bytes) {
            violate(
                .i12, "\(machine.session.inFlightBytes) bytes in flight on wire \(index(wire)), \(credit.bytes) granted"
            )
        }
        let events = machine.session.accepted.sequence.value - machine.session.committed.sequence.value
        if events > UInt64(credit.events), !wire.hasSkipped {
            violate(.i12, "\(events) events in flight on wire \(index(wire)), \(credit.events) granted")
        }
    }

    /// A workstation sends no more than it was granted.
    func checkSpent(_ batch: BatchFrame, _ machine: Machine) {
        guard let session = machine.core?.uplink.session else { return }
        session.checkInvariants()
        if session.credit == .paused { return violate(.i12, "a batch was sent although credit is 0") }
        let last = batch.header.last.value
        checkSpooled(batch.header.last, machine)
        guard let wire = machine.wire, !wires[wire].hasSkipped else { return }
        if last > session.acknowledged.value + UInt64(session.credit.events) {
            violate(
                .i12, "event \(last) was sent: \(session.acknowledged.value) + \(session.credit.events) are granted")
        }
        if batch.body.count > Int(session.credit.bytes) {
            violate(.i12, "a body of \(batch.body.count) bytes was sent: \(session.credit.bytes) are granted")
        }
    }

    // MARK: Manners

    /// Nobody in a world breaks the protocol, so nobody is told so.
    func checkManners(_ goaway: GoAway, _ wire: Wire) {
        switch goaway.reason {
        case .credit: violate(.i12, "workstation \(wire.workstation) was told that it sent beyond its credit")
        case .protocol where plan.poisonPercent == 0:
            violate(.i13, "workstation \(wire.workstation) was told that it broke the protocol")
        case .version, .schema: violate(.i13, "\(goaway.reason) between equals")
        default: break
        }
    }
}
