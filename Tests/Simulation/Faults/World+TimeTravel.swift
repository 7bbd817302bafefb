import CrashDisk
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

/// Faults that put something back to an older state, or copy it: machines, homes, the gateway's folders.
extension World {
    /// A new stream asks what was counted before it sends. Without that, only what cannot be counted twice is done.
    static let hasAdoption = true

    // MARK: Machines

    private func takeSnapshot(_ machine: Machine) -> Bool {
        guard World.hasAdoption || machine.isDrained, machine.core?.spool.hasUnsynced == false else { return false }
        var agent = machine.agent
        agent.forgetOpen()
        machine.snapshot = Machine.Snapshot(
            spool: machine.disk.snapshot(), folders: machine.folders.snapshot, agent: agent, ownKey: machine.ownKey,
            token: machine.token, calls: truth.calls.count, growths: truth.growths)
        return true
    }

    /// The whole machine goes back to an earlier state: its disk, its transcripts, its agents.
    func rollBack(_ machine: Machine, _ fault: Fault) {
        guard let snapshot = machine.snapshot else {
            let wasTaken = takeSnapshot(machine)
            note(60, UInt64(machine.index), "workstation \(machine.index): snapshot \(wasTaken ? "taken" : "put off")")
            var later = fault
            later.at = now + 500_000_000 + random.next() % 15_000_000_000
            if later.at < plan.safetyNs { plan(.fault(later), at: later.at) }
            return
        }
        note(61, UInt64(machine.index), "workstation \(machine.index) goes back to its snapshot")
        endProcess(machine)
        machine.disk.restore(snapshot.spool)
        machine.folders.restore(snapshot.folders)
        machine.agent = snapshot.agent
        machine.ownKey = snapshot.ownKey
        machine.token = snapshot.token
        machine.wasTurnedBack = true
        // What its agents did since is gone with it, but for what was sent.
        for index in truth.calls.indices where truth[index].machine == machine.index {
            if index >= snapshot.calls || truth[index].grewAt > snapshot.growths { truth[index].isCertain = false }
        }
        planStart(machine)
    }

    /// A copy of the machine, home and token included, runs beside it from now on.
    func clone(_ machine: Machine, _ fault: Fault) {
        // What neither has read yet, both would read: nobody could tell the copies of it.
        guard machines.count < 6, machine.isRead, machine.core?.uplink.isOpen == true, takeSnapshot(machine),
            let snapshot = machine.snapshot
        else { return }
        machine.snapshot = nil
        machine.hasCopies = true
        let copy = Machine(
            index: machines.count, tenant: machine.tenant, disk: LyingDisk(seed: random.next()),
            ownKey: snapshot.ownKey, token: snapshot.token)
        machines.append(copy)
        copy.clock = machine.clock
        copy.disk.restore(snapshot.spool)
        copy.folders.restore(snapshot.folders)
        copy.agent = snapshot.agent.moved(to: copy.index)
        copy.wasTurnedBack = true
        copy.hasCopies = true
        note(62, UInt64(copy.index), "workstation \(copy.index) is a copy of \(machine.index)")
        for _ in 0..<3 {
            plan(.write(copy.index), at: now + random.next() % max(1, plan.safetyNs - min(now, plan.safetyNs - 1)))
        }
        planStart(copy)
    }

    /// Spool and keys are gone, the transcripts are not: a person connects the machine anew.
    func loseHome(_ machine: Machine) {
        // An older copy of the home would send later what it had not sent, as its own: nobody could tell.
        machine.snapshot = nil
        note(63, UInt64(machine.index), "workstation \(machine.index) loses its home")
        // It takes a person minutes to connect anew: what the old home had on its way has come by then, or never will.
        for wire in wires where wire.workstation == machine.index {
            wire.toGateway.bytesLeft = 0
            wire.held = []
        }
        endProcess(machine)
        machine.disk.restore([:])
        machine.ownKey = bytes(32)
        machine.wasTurnedBack = true
        machine.isTampered = false
        enrol(machine)
        planStart(machine)
    }

    /// What the machine's agents did until now may be lost for good, but never counted twice.
    private func doubt(_ machine: Machine) {
        for index in truth.calls.indices where truth[index].machine == machine.index { truth[index].isCertain = false }
    }

    // MARK: Tokens

    func revoke(_ machine: Machine, _ fault: Fault) {
        // Two copies that are connected anew under one name ask at the same time, and neither knows of the other.
        guard !machine.hasCopies else { return }
        let hash = hash(machine.token)
        guard let holder = gateway.holders[hash] else { return }
        gateway.holders[hash] = nil
        gateway.revoked.insert(hash)
        gateway.refreshDirectory()
        submit([.revoke(holder.workstation)], from: nil)
        plan(.repair(.enrol(machine.index)), after: 1_000_000_000 + fault.draw % 40_000_000_000)
    }

    /// A new token under the same name: another number, which the gateway knows for the same workstation.
    func enrolAgain(_ machine: Machine) {
        let old = hash(machine.token)
        guard gateway.revoked.contains(old) else { return }
        let others = machines.filter { $0.token == machine.token }
        let known = workstationNumbers[old]
        enrol(machine, replacing: known.map { $0.replaced.union([$0.workstation]) } ?? [])
        for other in others {
            other.token = machine.token
            stop(other)
        }
        stop(machine)
    }

    // MARK: The gateway's folders

    /// The folder of a tenant goes back to an older state: by a restore, which says so, or behind the gateway's back.
    func putBack(_ tenant: SimTenant, _ fault: Fault) {
        guard !tenant.isTampered, !tenant.isDeleted else { return }
        guard let backup = tenant.backup else {
            if case .open? = gateway.board[tenant.row.id], let core = gateway.core,
                core.streams(of: tenant.row.id).isEmpty == false
            {
                tenant.backup = SimTenant.Backup(
                    files: tenant.disk.snapshot(), epoch: tenant.row.epoch, viewsThrough: tenant.viewsThrough,
                    viewsFiles: viewsFiles(of: tenant), promises: hearsay.promises(of: place(of: tenant)))
            }
            var later = fault
            later.at = now + 500_000_000 + random.next() % 15_000_000_000
            if later.at < plan.safetyNs { plan(.fault(later), at: later.at) }
            return
        }
        // Two losses at once: what a stream left out as counted, and the store has lost, is nowhere.
        for machine in machines
        where gateway.tenants[machine.tenant] === tenant && machine.wasTurnedBack {
            doubt(machine)
        }
        note(64, tenant.row.id.value, "the folder of tenant \(tenant.row.id.value) is put back")
        killGateway()
        tenant.disk.restore(backup.files)
        tenant.lastAppended = nil
        tenant.viewsThrough = backup.viewsThrough
        // A restore throws the views away; who copies a folder copies them too.
        putBackViews(of: tenant, fault.kind == .restored ? [:] : backup.viewsFiles)
        tenant.row = tenant.row.with(epoch: backup.epoch)
        tenant.wasPutBack = true
        var promises = backup.promises
        if fault.kind == .restored {
            restoreEpoch(tenant)
        } else {
            // Nobody has told the workstations: only one of them can find it out.
            for stream in promises.keys { promises[stream]?.epoch = backup.epoch }
        }
        hearsay.replace(promises, of: place(of: tenant))
        planGatewayStart()
    }

    /// The tenant's view files by name. A running process's are a copy of a moving thing: the ledger decides.
    private func viewsFiles(of tenant: SimTenant) -> [String: [UInt8]] {
        guard let disk = gateway.viewsDisk else { return [:] }
        var files: [String: [UInt8]] = [:]
        for name in disk.files where name.hasPrefix(tenant.row.folder + "/") { files[name] = disk.bytes(name) }
        return files
    }

    private func putBackViews(of tenant: SimTenant, _ files: [String: [UInt8]]) {
        guard let disk = gateway.viewsDisk else { return }
        if !gateway.isUp { disk.start() }
        for name in disk.files where name.hasPrefix(tenant.row.folder + "/") {
            try? disk.remove("\(disk.root)/\(name)")
        }
        for name in files.keys.sorted() { disk.put(name, files[name] ?? []) }
        if files.isEmpty { tenant.viewsThrough = 0 }
    }

    private func restoreEpoch(_ tenant: SimTenant) {
        let epoch = StoreEpoch(entropy.word())
        do throws(LedgerError) {
            var ledger = try TenantLedger(
                tenant: tenant.row, disk: tenant.disk, book: environment.book, viewsThrough: tenant.viewsThrough,
                nowMs: gateway.clock.wallMs(now), options: plan.ledgerOptions, entropy: entropy)
            try ledger.raiseEpoch(to: epoch, nowMs: gateway.clock.wallMs(now))
            do throws(LogError) { try ledger.close() } catch { throw .log(error) }
        } catch {
            return violate(.i16, "a copy of the folder of tenant \(tenant.row.id.value) does not open: \(error)")
        }
        tenant.disk.kill()
        tenant.row = tenant.row.with(epoch: epoch)
    }

    func place(of tenant: SimTenant) -> Int { gateway.tenants.firstIndex { $0 === tenant } ?? 0 }

    /// One bit of a ledger changes while the gateway is down.
    func flip(_ fault: Fault) {
        let tenant = gateway.tenants[Int(fault.draw % UInt64(gateway.tenants.count))]
        guard !tenant.isDeleted else { return }
        killGateway()
        let names = tenant.disk.snapshot().keys.sorted()
        guard !names.isEmpty else { return planGatewayStart() }
        let name =
            fault.kind == .tailBitFlipped ? names[names.count - 1] : names[Int(fault.draw >> 8 % UInt64(names.count))]
        let size = tenant.disk.bytes(name).count
        guard size > 0 else { return planGatewayStart() }
        let byte = Int(fault.draw >> 16 % UInt64(size))
        tenant.disk.flip(name, byte: byte, bit: Int(fault.draw >> 3 % 8))
        note(65, UInt64(byte), "a bit of \(name), byte \(byte) of \(size), of tenant \(tenant.row.id.value) changes")
        tenant.isTampered = true
        hearsay.replace([:], of: place(of: tenant))
        planGatewayStart()
    }

    // MARK: Deletion

    func delete(_ fault: Fault) {
        guard gateway.tenants.count > 1 else { return }
        let tenant = gateway.tenants[Int(fault.draw % UInt64(gateway.tenants.count))]
        guard !tenant.isDeleted else { return }
        note(66, tenant.row.id.value, "tenant \(tenant.row.id.value) is being deleted")
        tenant.row = tenant.row.with(state: .deleting)
        gateway.refreshDirectory()
        if gateway.isUp {
            gateway.mailbox.append(ShardDelivery(shard: nil, commands: [.retire(tenant.row.id)]))
            round()
        }
        tenant.isDeleted = true
        tenant.disk.restore([:])
        tenant.views = nil
        putBackViews(of: tenant, [:])
        hearsay.replace([:], of: place(of: tenant))
    }
}
