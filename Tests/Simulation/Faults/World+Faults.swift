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

/// Makes a fault happen, and mends what lasts.
extension World {
    func happen(_ fault: Fault) {
        guard !isHealing else { return }
        coverage.faults += 1
        let machine = machines[fault.workstation]
        note(50, UInt64(fault.kind.rawValue), "FAULT \(fault.kind.name) (workstation \(machine.index))")
        switch fault.kind {
        case .workstationKilled: kill(machine)
        case .workstationStopped: stop(machine)
        case .workstationLosesPower: if machine.core != nil { losePower(machine) }
        case .workstationLosesPowerInACall: machine.disk.losePower(afterCalls: 1 + Int(fault.draw % 24))
        case .workstationSyncFails:
            machine.disk.failSync(after: 1 + Int(fault.draw % 6))
            if fault.draw & 64 != 0 { machine.disk.failWrite(after: 1 + Int(fault.draw >> 8 % 12)) }
        case .workstationDiskFull:
            machine.isDiskFull = true
            machine.disk.fill(after: Int(fault.draw % 3_000))
            plan(.repair(.machineDisk(machine.index)), after: 2_000_000_000 + fault.draw % 20_000_000_000)
        case .workstationClockSteps:
            machine.clock.offsetMs += World.step(fault)
            hasAgedEvents = true
        case .workstationRolledBack: rollBack(machine, fault)
        case .workstationCloned: clone(machine, fault)
        case .homeLost: if !machine.hasCopies { loseHome(machine) }
        case .gatewayKilled:
            killGateway()
            planGatewayStart()
        case .gatewayStopped:
            stopGateway()
            planGatewayStart()
        case .gatewayLosesPower: if gateway.isUp { losePowerAtGateway() }
        case .gatewayLosesPowerInACall: someTenant(fault).disk.losePower(afterCalls: 1 + Int(fault.draw >> 8 % 24))
        case .gatewaySyncFails:
            someTenant(fault).disk.failSync(after: 1 + Int(fault.draw >> 8 % 6))
            if fault.draw & 64 != 0 { someTenant(fault).disk.failWrite(after: 1 + Int(fault.draw >> 16 % 12)) }
        case .gatewayDiskFull: fillGateway(fault)
        case .gatewayClockSteps:
            gateway.clock.offsetMs += World.step(fault)
            hasAgedEvents = true
        case .gatewayCachesDropped: for tenant in gateway.tenants { tenant.disk.dropCache() }
        case .oldFolderPutBack, .restored: putBack(someTenant(fault), fault)
        case .tokenRevoked: revoke(machine, fault)
        case .tenantDeleted: delete(fault)
        case .tailBitFlipped, .durableBitFlipped: flip(fault)
        case .cut, .clientLost, .silence, .partition: disturbNetwork(fault)
        }
    }

    private func someTenant(_ fault: Fault) -> SimTenant {
        gateway.tenants[Int(fault.draw % UInt64(gateway.tenants.count))]
    }

    /// Mostly seconds and hours, sometimes a year; either way.
    private static func step(_ fault: Fault) -> Int64 {
        let sizes: [Int64] = [90_000, 3_600_000, 86_400_000 * 2, 365 * 86_400_000]
        let size = sizes[Int(fault.draw % UInt64(sizes.count))]
        return fault.draw & 256 == 0 ? size : -size
    }

    private func disturbNetwork(_ fault: Fault) {
        let open = openWires
        switch fault.kind {
        case .partition:
            isPartitioned = true
            plan(.repair(.partition), after: 1_000_000_000 + fault.draw % 60_000_000_000)
        case _ where open.isEmpty: return
        case .cut: cut(open[Int(fault.draw % UInt64(open.count))])
        case .clientLost:
            if fault.draw & 1 == 0 {
                machines[fault.workstation].losesNextBatch = true
            } else {
                loseAtWorkstation(open[Int(fault.draw % UInt64(open.count))])
            }
        default:
            // Nothing comes through any more, and nobody is told.
            let wire = open[Int(fault.draw % UInt64(open.count))]
            wire.toGateway.bytesLeft = 0
            wire.toWorkstation.bytesLeft = 0
        }
    }

    private func fillGateway(_ fault: Fault) {
        gateway.isDiskFull = true
        for tenant in gateway.tenants { tenant.disk.fill(after: Int(fault.draw % 2_000)) }
        plan(.repair(.gatewayDisk), after: 2_000_000_000 + fault.draw % 30_000_000_000)
    }

    func planGatewayStart() { plan(.startGateway, after: 100_000_000 + random.next() % 3_000_000_000) }

    // MARK: Repairs

    func mend(_ repair: Repair) {
        note(51, 0, "mended: \(repair)")
        switch repair {
        case .partition: isPartitioned = false
        case .machineDisk(let index):
            machines[index].isDiskFull = false
            machines[index].disk.fill(after: .max)
        case .gatewayDisk:
            gateway.isDiskFull = false
            for tenant in gateway.tenants { tenant.disk.fill(after: .max) }
        case .enrol(let index): enrolAgain(machines[index])
        }
    }

    /// The end of all faults: disks, clocks and network are well, everybody is started, and whoever lost a token gets one.
    func heal() {
        note(52, 0, "faults stop")
        isHealing = true
        isPartitioned = false
        mend(.gatewayDisk)
        gateway.clock.offsetMs = 0
        gateway.clock.drift = 0
        for tenant in gateway.tenants {
            tenant.disk.failSync(after: .max)
            tenant.disk.failWrite(after: .max)
            tenant.disk.losePower(afterCalls: .max)
        }
        // A store that could not be opened is looked after by a person, who starts the gateway again.
        if gateway.isUp, gateway.tenants.contains(where: { isClosedForNow($0) }) { killGateway() }
        if !gateway.isUp { planGatewayStart() }
        for machine in machines where !machine.isGone {
            mend(.machineDisk(machine.index))
            machine.disk.failSync(after: .max)
            machine.disk.failWrite(after: .max)
            machine.disk.losePower(afterCalls: .max)
            machine.clock.offsetMs = 0
            machine.clock.drift = 0
            if gateway.revoked.contains(hash(machine.token)) { enrolAgain(machine) }
            machine.agent.finish(nowMs: machine.clock.wallMs(now), truth: truth, folders: machine.folders)
            if machine.core == nil { planStart(machine) } else { tellChange(machine) }
        }
    }

    private func isClosedForNow(_ tenant: SimTenant) -> Bool {
        guard tenant.row.state == .active, !tenant.isTampered else { return false }
        if case .open? = gateway.board[tenant.row.id] { return false }
        return true
    }
}
