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

/// What is planned in a world.
enum Happening {
    case dialed(wire: Int)
    case arrive(wire: Int, toGateway: Bool, [UInt8])
    case hungUp(wire: Int, atGateway: Bool)
    case startGateway
    case gatewayTick(wire: Int, at: UInt64)
    case round(life: Int)
    case retryRound(life: Int)
    case news([(ConnectionID, LedgerNews)], life: Int)
    case lookUp(ChainLookup, Sequence64, ConnectionID, life: Int)
    case adopt(AdoptionLookup, ConnectionID, life: Int)
    case views(life: Int)
    case sums(shard: UInt16, life: Int)
    case stretches([LedgerStretch], life: Int)
    case startMachine(Int)
    case wake(Int, at: UInt64)
    case slice(Int, life: Int)
    case write(Int)
    case changed(Int, life: Int)
    case fault(Fault)
    case repair(Repair)
}

/// The end of a fault that lasts.
enum Repair: Hashable {
    case partition
    case machineDisk(Int)
    case gatewayDisk
    case enrol(Int)
}

extension World {
    func carryOut(_ happening: Happening) {
        switch happening {
        case .dialed(let wire): dialed(wires[wire])
        case .arrive(let wire, let toGateway, let bytes): arrive(wires[wire], toGateway: toGateway, bytes)
        case .hungUp(let wire, let atGateway): hangUp(wires[wire], atGateway: atGateway)
        case .startGateway: startGateway()
        case .gatewayTick(let wire, let at): tickAtGateway(wires[wire], at: at)
        case .round(let life): if life == gateway.life { round() }
        case .retryRound(let life):
            guard life == gateway.life else { return }
            gateway.isRetryPlanned = false
            round()
        case .news(let news, let life): if life == gateway.life, gateway.isUp { deliver(news) }
        case .lookUp(let lookup, let sequence, let connection, let life):
            guard life == gateway.life, gateway.isUp else { return }
            deliver([(connection, .chain(sequence: sequence, value: try? lookup.chain(at: sequence)))])
        case .adopt(let lookup, let connection, let life):
            guard life == gateway.life, gateway.isUp else { return }
            deliver([(connection, lookup.news())])
        case .views(let life):
            guard life == gateway.life, gateway.isUp else { return }
            moveViews()
        case .sums(let shard, let life):
            guard life == gateway.life, gateway.isUp else { return }
            handOverSums(shard)
        case .stretches(let stretches, let life):
            guard life == gateway.life, gateway.isUp else { return }
            for stretch in stretches { takeStretch(stretch) }
        case .startMachine(let index): start(machines[index])
        case .wake(let index, let at): wake(machines[index], at: at)
        case .slice(let index, let life): slice(machines[index], life: life)
        case .write(let index): write(machines[index])
        case .changed(let index, let life): if machines[index].life == life { tellChange(machines[index]) }
        case .fault(let fault): happen(fault)
        case .repair(let repair): mend(repair)
        }
    }

    /// The agents of a machine write some lines; the folder watch tells of it a little later, or never.
    func write(_ machine: Machine) {
        guard !machine.isGone, !isHealing else { return }
        let lines = 1 + random.below(plan.linesPerWriteMax)
        machine.agent.write(
            lines: lines, plan: plan, nowMs: machine.clock.wallMs(now), truth: truth, folders: machine.folders,
            random: &random)
        note(40, UInt64(lines), "the agents of workstation \(machine.index) write \(lines) lines")
        if machine.core != nil, random.chance(85) {
            plan(.changed(machine.index, life: machine.life), after: random.next() % 1_000_000_000)
        }
    }
}
