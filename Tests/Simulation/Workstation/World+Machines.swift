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

/// The workstations' processes: start, take what comes, do what the core wants done, end.
extension World {
    private static let sendQueueBytes = Limits.uplinkQueueBytesMax

    // MARK: Life

    func start(_ machine: Machine) {
        machine.isStarting = false
        guard machine.core == nil, !machine.isGone else { return }
        machine.life += 1
        machine.clock.biasNs = random.next() % 1_000_000_000_000
        machine.wire = nil
        machine.wakeAt = .max
        machine.isSlicePlanned = false
        if machine.isDiskFull { machine.disk.fill(after: 200) }
        note(20, UInt64(machine.index), "workstation \(machine.index) starts, life \(machine.life)")
        let instant = machine.instant(now)
        do throws(WorkstationError) {
            let spool = try Spool(
                on: machine.disk, options: plan.spoolOptions, nowMs: instant.wallMs, entropy: entropy)
            noteStream(spool.state.stream, of: machine)
            let tenant = gateway.tenants[machine.tenant]
            let enrolment = Enrolment(
                gateway: environment.address, token: machine.token, authorities: nil,
                tenantKey: tenant.row.projectKey, keepsMs: Int64(tenant.row.retention.days) * 86_400_000)
            machine.core = try EngineCore(
                spool: spool, enrolment: enrolment, ownKey: machine.ownKey, homes: environment.homes,
                folders: machine.folders, entropy: entropy, now: instant)
        } catch {
            return couldNotStart(machine, error)
        }
        machine.core?.follow(instant)
        perform(machine)
    }

    private func couldNotStart(_ machine: Machine, _ error: WorkstationError) {
        note(21, UInt64(machine.index), "workstation \(machine.index) cannot start: \(error)")
        if machine.disk.hasFailed { return losePower(machine) }
        if error.isDamage {
            if trace.isReadable { describe(machine) }
            if !machine.isTampered {
                violate(.i3, "the spool of workstation \(machine.index) is damaged though nobody damaged it: \(error)")
            }
            // A person sets the home aside and begins anew.
            return loseHome(machine)
        }
        endProcess(machine)
        machine.disk.kill()
        planStart(machine)
    }

    func planStart(_ machine: Machine) {
        guard !machine.isStarting, !machine.isGone else { return }
        machine.isStarting = true
        plan(.startMachine(machine.index), after: 50_000_000 + random.next() % 3_000_000_000)
    }

    func kill(_ machine: Machine) {
        guard machine.core != nil else { return }
        note(22, UInt64(machine.index), "workstation \(machine.index) is killed")
        endProcess(machine)
        machine.disk.kill()
        coverage.kills += 1
        planStart(machine)
    }

    func losePower(_ machine: Machine) {
        note(23, UInt64(machine.index), "workstation \(machine.index) loses its power")
        endProcess(machine, isSilent: random.chance(50))
        machine.disk.losePower()
        coverage.powerLosses += 1
        planStart(machine)
    }

    func stop(_ machine: Machine) {
        guard let core = machine.core else { return }
        note(24, UInt64(machine.index), "workstation \(machine.index) stops")
        core.stop(machine.instant(now))
        perform(machine)
        guard machine.core != nil else { return }
        endProcess(machine)
        machine.disk.kill()
        planStart(machine)
    }

    /// The process is over; its kernel, or nobody, tells the gateway.
    func endProcess(_ machine: Machine, isSilent: Bool = false) {
        if let core = machine.core { keepAccounts(machine, core) }
        machine.core = nil
        machine.life += 1
        if let wire = machine.wire {
            if isSilent { wires[wire].isWorkstationOpen = false } else { closeAtWorkstation(wires[wire]) }
        }
        machine.wire = nil
    }

    // MARK: What comes

    func readAtWorkstation(_ wire: Wire, _ machine: Machine) {
        guard let core = machine.core else { return }
        let consumed = core.received(wire.toWorkstation.arrived.span, machine.instant(now))
        wire.toWorkstation.arrived.removeFirst(consumed)
        perform(machine)
    }

    func wake(_ machine: Machine, at: UInt64) {
        guard machine.wakeAt == at, let core = machine.core else { return }
        machine.wakeAt = .max
        core.tick(machine.instant(now))
        perform(machine)
    }

    func slice(_ machine: Machine, life: Int) {
        guard machine.life == life, let core = machine.core else { return }
        machine.isSlicePlanned = false
        guard core.isSliceDue else { return }
        core.slice(machine.instant(now))
        perform(machine)
    }

    func tellChange(_ machine: Machine) {
        guard let core = machine.core else { return }
        core.folderChanged(machine.instant(now))
        perform(machine)
    }

    // MARK: What is to be done

    func perform(_ machine: Machine) {
        guard let core = machine.core else { return }
        let life = machine.life
        let room = machine.wire.map { World.sendQueueBytes - wires[$0].toGateway.inFlightBytes } ?? World.sendQueueBytes
        let actions = core.pump(machine.instant(now), room: max(0, room))
        // The power went in the middle of it: nothing of this was done.
        if machine.disk.hasFailed { return losePower(machine) }
        for action in actions {
            guard machine.life == life else { return }
            switch action {
            case .dial: dial(machine)
            case .send(let bytes):
                guard let wire = machine.wire else { continue }
                overhear(bytes, machine)
                send(bytes, on: wires[wire], toGateway: true)
                if machine.losesNextBatch, bytes.count > 4, bytes[4] == FrameType.batch.rawValue {
                    machine.losesNextBatch = false
                    loseAtWorkstation(wires[wire])
                }
            case .close:
                if let wire = machine.wire { closeAtWorkstation(wires[wire]) }
                machine.wire = nil
            case .reply, .exported, .notice, .reading, .watch: break
            case .failed(let error): failed(machine, error)
            }
        }
        guard machine.life == life else { return }
        if machine.core != nil { noteStream(core.spool.state.stream, of: machine) }
        let left = core.spool.state.adopted
        if left != machine.adopted {
            machine.adopted = left
            coverage.adoptedEvents += Int(clamping: left.events)
            note(
                29, left.events,
                "workstation \(machine.index) has left \(left.events) events out as counted, \(left.missing.tokens) tokens of them nowhere"
            )
        }
        if core.isSliceDue, !machine.isSlicePlanned {
            machine.isSlicePlanned = true
            plan(.slice(machine.index, life: life), after: 100_000)
        }
        guard let deadline = core.deadline else { return }
        let at = max(now + 1, machine.clock.instant(deadline))
        guard at < machine.wakeAt || machine.wakeAt <= now else { return }
        machine.wakeAt = at
        plan(.wake(machine.index, at: at), at: at)
    }

    private func failed(_ machine: Machine, _ error: WorkstationError) {
        note(25, UInt64(machine.index), "workstation \(machine.index) fails: \(error)")
        if trace.isReadable { describe(machine) }
        if machine.disk.hasFailed { return losePower(machine) }
        if error.isDamage {
            if !machine.isTampered {
                violate(.i3, "the spool of workstation \(machine.index) is damaged though nobody damaged it: \(error)")
            }
            return loseHome(machine)
        }
        coverage.aborts += 1
        endProcess(machine)
        machine.disk.kill()
        planStart(machine)
    }

    /// The records of a spool, for whoever reads a trace.
    private func describe(_ machine: Machine) {
        if let state = machine.core?.spool.state {
            note(
                26, 0,
                "  stream \(state.number), tip \(state.tip.sequence.value), acknowledged \(state.acknowledged.sequence.value), durable \(machine.core?.spool.durable.value ?? 0), held from \(state.lowestHeld.value)"
            )
        }
        do throws(LogError) {
            var reader = try LogReader(on: machine.disk)
            while let header = try reader.next() {
                let draft = header.draft
                note(
                    27, header.ordinal,
                    "  record \(header.ordinal) in \(header.segment): \(header.kind), stream \(draft.stream), generation \(draft.generation.value), \(draft.firstSequence.value) + \(draft.count)"
                )
            }
        } catch {
            note(28, 0, "  \(error)")
        }
    }

    /// What the process counted as dropped, before it is gone.
    func keepAccounts(_ machine: Machine, _ core: EngineCore<TranscriptFolders>) {
        machine.tooOld = max(machine.tooOld, core.spool.state.tooOld)
    }
}

extension WorkstationError {
    /// The spool contradicts itself: no start will help.
    var isDamage: Bool {
        switch self {
        case .log(.damaged), .log(.malformedBody), .spoolDamaged: true
        default: false
        }
    }
}
