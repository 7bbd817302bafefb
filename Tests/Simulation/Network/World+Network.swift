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

/// The network of a world: bytes are late, held up, cut at any byte; ends are told late or not at all.
extension World {
    func dial(_ machine: Machine) {
        wires.append(
            Wire(
                number: UInt64(wires.count) + 1, workstation: machine.index, workstationLife: machine.life,
                gatewayLife: gateway.life))
        let wire = wires.count - 1
        machine.wire = wire
        note(1, UInt64(machine.index), "workstation \(machine.index) dials as wire \(wire)")
        // A partition swallows the attempt, which its own timeout ends.
        let wait = isPartitioned ? Limits.dialTimeout.wholeNanoseconds : latency() + latency()
        plan(.dialed(wire: wire), after: wait)
    }

    func dialed(_ wire: Wire) {
        let machine = machines[wire.workstation]
        guard machine.life == wire.workstationLife, machine.wire == index(wire) else { return }
        guard !isPartitioned, gateway.isUp, gateway.life == wire.gatewayLife else {
            machine.wire = nil
            wire.isWorkstationOpen = false
            machine.core?.dialFailed(.init(text: "nothing listens", needsPerson: false), machine.instant(now))
            return perform(machine)
        }
        wire.isEstablished = true
        accept(wire)
        machine.core?.opened(machine.instant(now))
        perform(machine)
    }

    // MARK: Bytes

    func send(_ bytes: [UInt8], on wire: Wire, toGateway: Bool) {
        var pieces: [[UInt8]] = [bytes]
        if bytes.count > 1, random.chance(plan.network.splitPercent) {
            let cut = 1 + random.below(bytes.count - 1)
            pieces = [Array(bytes[..<cut]), Array(bytes[cut...])]
        }
        for piece in pieces {
            var at = now + latency()
            if !isHealing, random.below(1_000) < plan.network.stallsPerMille {
                at += random.next() % plan.network.stallMaxNs
                note(2, wire.number, "wire \(index(wire)) is held up")
            }
            if toGateway {
                at = max(at, wire.toGateway.lastArrivalAt + 1)
                wire.toGateway.lastArrivalAt = at
                wire.toGateway.inFlightBytes += piece.count
            } else {
                at = max(at, wire.toWorkstation.lastArrivalAt + 1)
                wire.toWorkstation.lastArrivalAt = at
                wire.toWorkstation.inFlightBytes += piece.count
            }
            plan(.arrive(wire: index(wire), toGateway: toGateway, piece), at: at)
        }
    }

    func arrive(_ wire: Wire, toGateway: Bool, _ bytes: [UInt8]) {
        note(
            3, wire.number << 20 | UInt64(bytes.count),
            "\(bytes.count) bytes \(toGateway ? "to" : "from") the gateway on wire \(index(wire))")
        if toGateway {
            // Behind bytes that were held up.
            if now < wire.releasedAt {
                return plan(.arrive(wire: index(wire), toGateway: true, bytes), at: wire.releasedAt)
            }
            wire.toGateway.inFlightBytes -= bytes.count
            let kept = min(bytes.count, wire.toGateway.bytesLeft)
            if wire.toGateway.bytesLeft != .max { wire.toGateway.bytesLeft -= kept }
            guard kept > 0, !isPartitioned || isHealing else { return loseDirection(wire, toGateway: true) }
            guard gateway.isUp, gateway.life == wire.gatewayLife, wire.isGatewayOpen else {
                // Nobody is there: the kernel answers with a reset.
                return plan(.hungUp(wire: index(wire), atGateway: false), after: latency())
            }
            if wire.isHeld { return wire.held.append(contentsOf: bytes.prefix(kept)) }
            wire.toGateway.arrived += bytes.prefix(kept)
            readAtGateway(wire)
            releaseHeld(behind: wire)
        } else {
            wire.toWorkstation.inFlightBytes -= bytes.count
            let kept = min(bytes.count, wire.toWorkstation.bytesLeft)
            if wire.toWorkstation.bytesLeft != .max { wire.toWorkstation.bytesLeft -= kept }
            guard kept > 0, !isPartitioned || isHealing else { return loseDirection(wire, toGateway: false) }
            let machine = machines[wire.workstation]
            guard machine.life == wire.workstationLife, machine.wire == index(wire), wire.isWorkstationOpen else {
                return
            }
            wire.toWorkstation.arrived += bytes.prefix(kept)
            readAtWorkstation(wire, machine)
        }
    }

    /// What an older connection of the same workstation had under way comes now: right behind the claim of its stream.
    private func releaseHeld(behind wire: Wire) {
        for older in wires where older.isHeld && older.workstation == wire.workstation && older.number < wire.number {
            older.isHeld = false
            guard !older.held.isEmpty else { continue }
            older.releasedAt = now + 1 + random.next() % plan.roundDelayNs
            older.toGateway.inFlightBytes += older.held.count
            plan(.arrive(wire: index(older), toGateway: true, older.held), at: older.releasedAt)
            older.held = []
        }
    }

    /// A byte was lost: nothing behind it can arrive.
    private func loseDirection(_ wire: Wire, toGateway: Bool) {
        if toGateway { wire.toGateway.bytesLeft = 0 } else { wire.toWorkstation.bytesLeft = 0 }
    }

    // MARK: Ends

    func hangUp(_ wire: Wire, atGateway: Bool) {
        if atGateway {
            guard gateway.life == wire.gatewayLife, gateway.isUp, wire.isGatewayOpen else { return }
            note(4, wire.number, "the gateway sees the end of wire \(index(wire))")
            leaveAtGateway(wire)
        } else {
            let machine = machines[wire.workstation]
            guard machine.life == wire.workstationLife, machine.wire == index(wire), wire.isWorkstationOpen else {
                return
            }
            note(5, wire.number, "workstation \(machine.index) sees the end of wire \(index(wire))")
            wire.isWorkstationOpen = false
            machine.wire = nil
            machine.core?.closed(machine.instant(now))
            perform(machine)
        }
    }

    /// The workstation's end is closed by its process or its kernel; what it sent before arrives.
    func closeAtWorkstation(_ wire: Wire) {
        guard wire.isWorkstationOpen else { return }
        wire.isWorkstationOpen = false
        wire.toWorkstation.bytesLeft = 0
        plan(.hungUp(wire: index(wire), atGateway: true), at: max(now + latency(), wire.toGateway.lastArrivalAt + 1))
    }

    /// Both directions end at some byte of what is under way; each end is told at its own time.
    func cut(_ wire: Wire) {
        wire.toGateway.bytesLeft = min(wire.toGateway.bytesLeft, random.below(wire.toGateway.inFlightBytes + 1))
        wire.toWorkstation.bytesLeft = min(
            wire.toWorkstation.bytesLeft, random.below(wire.toWorkstation.inFlightBytes + 1))
        note(6, wire.number, "wire \(index(wire)) is cut")
        // Half of the ends are told at once, others late or only by silence.
        for atGateway in [true, false] where random.chance(80) {
            let wait = random.chance(50) ? latency() : random.next() % 10_000_000_000
            let last = atGateway ? wire.toGateway.lastArrivalAt : wire.toWorkstation.lastArrivalAt
            plan(.hungUp(wire: index(wire), atGateway: atGateway), at: max(now + wait, last + 1))
        }
    }

    /// The workstation believes the connection lost; the gateway does not, and everything that was sent still arrives,
    /// much later.
    func loseAtWorkstation(_ wire: Wire) {
        guard wire.isWorkstationOpen else { return }
        note(7, wire.number, "wire \(index(wire)) is lost for workstation \(wire.workstation) alone")
        wire.toWorkstation.bytesLeft = 0
        wire.isHeld = true
        plan(.hungUp(wire: index(wire), atGateway: false), after: 1)
        let late = wire.toGateway.lastArrivalAt + 5_000_000_000 + random.next() % 60_000_000_000
        plan(.hungUp(wire: index(wire), atGateway: true), at: max(now, late))
    }

    // MARK: Helpers

    func latency() -> UInt64 { plan.network.latencyNs + random.next() % plan.network.jitterNs }

    func index(_ wire: Wire) -> Int { Int(wire.number) - 1 }

    /// The connections that some workstation believes in.
    var openWires: [Wire] {
        machines.compactMap { $0.wire.map { wires[$0] } }.filter { $0.isWorkstationOpen && $0.isEstablished }
    }
}
