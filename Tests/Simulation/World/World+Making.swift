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

/// How a world begins.
extension World {
    func makeTenants() {
        for place in 0..<plan.tenants {
            let number = UInt64(place) + 1
            guard let name = TenantName("tenant-\(number)"), let retention = try? Retention(plan: .free, days: nil)
            else {
                continue
            }
            let row = Tenant(
                id: TenantID(number), name: name, plan: .free, retention: retention, createdMs: SimClock.beginsMs,
                state: .active, epoch: StoreEpoch(entropy.word()), projectKey: bytes(32),
                folder: "\(number)")
            gateway.tenants.append(SimTenant(row: row, disk: LyingDisk(seed: random.next())))
        }
    }

    @discardableResult
    func addMachine(tenant: Int) -> Machine {
        let machine = Machine(
            index: machines.count, tenant: tenant, disk: LyingDisk(seed: random.next()), ownKey: bytes(32), token: [])
        machines.append(machine)
        enrol(machine)
        machine.clock.drift = drift()
        machine.clock.offsetMs = plan.clockErrorMs == 0 ? 0 : Int64(random.next() % UInt64(plan.clockErrorMs.magnitude))
        return machine
    }

    /// A token of its own for the machine, which the gateway knows.
    func enrol(_ machine: Machine, replacing replaced: Set<WorkstationID> = []) {
        let token = Token(random: bytes(32))
        machine.token = Array(token.text.utf8)
        gateway.lastWorkstation += 1
        let id = WorkstationID(gateway.lastWorkstation)
        gateway.holders[hash(machine.token)] = TokenHolder(
            tenant: gateway.tenants[machine.tenant].row.id, workstation: id, replaced: replaced)
        workstationNumbers[hash(machine.token)] = gateway.holders[hash(machine.token)]
        gateway.workstationLabels[id] = WorkstationLabel("workstation \(id.value)")
        gateway.refreshDirectory()
    }

    func hash(_ token: [UInt8]) -> TokenHash { TokenHash(sha256: SHA256.hash(token)) }

    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: entropy.word()) } }

    private func drift() -> Int64 {
        plan.driftMax == 0 ? 0 : Int64(random.next() % UInt64(2 * plan.driftMax)) - plan.driftMax
    }

    func planEverything() {
        gateway.clock.drift = drift()
        gateway.clock.offsetMs = plan.clockErrorMs
        plan(.startGateway, at: random.next() % 1_000_000_000)
        for machine in machines {
            machine.isStarting = true
            plan(.startMachine(machine.index), at: random.next() % 3_000_000_000)
        }
        for _ in 0..<plan.writes {
            plan(.write(random.below(machines.count)), at: random.next() % plan.safetyNs)
        }
        for fault in plan.faults { plan(.fault(fault), at: fault.at) }
    }

    /// Why the appender is made to refuse a batch, if it would take it and it holds a poisoned event: named by its row.
    func poison(in batch: BatchAppend, _ bodies: [UInt8], _ core: LedgerCore) -> RunRefusal? {
        guard plan.poisonPercent > 0,
            core.holder(of: batch.ticket.tenant, stream: batch.ticket.number) == batch.connection,
            let stream = core.streams(of: batch.ticket.tenant)[batch.ticket.number],
            stream.sequence.value + 1 == batch.header.first.value, stream.chain == batch.chainBefore
        else { return nil }
        do throws(BatchRefusal) {
            try tap.decode(raw: batch.body.bytes(in: bodies), count: Int(batch.header.count))
        } catch {
            violate(.i10, "a batch that the gateway took does not decode")
            return nil
        }
        for row in 0..<tap.batch.count {
            guard let event = tap.batch.event(at: row), truth.call(Call.number(of: event))?.isPoison == true else {
                continue
            }
            return RunRefusal(
                reason: .fieldRange, index: UInt32(row), run: 1, field: ColumnID.outputTokens.rawValue)
        }
        return nil
    }
}

extension Tenant {
    func with(epoch: StoreEpoch? = nil, state: TenantState? = nil) -> Tenant {
        Tenant(
            id: id, name: name, plan: plan, retention: retention, createdMs: createdMs, state: state ?? self.state,
            epoch: epoch ?? self.epoch, projectKey: projectKey, folder: folder)
    }
}
