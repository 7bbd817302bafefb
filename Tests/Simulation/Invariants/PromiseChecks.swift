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

/// I3, I4 and I5: what an ACK or a WELCOME said is on stable storage at the moment it is said, is there after every
/// recovery, and never goes back.
extension World {
    /// I5: within an epoch nothing goes back.
    func checkOrder(_ promise: Hearsay.Promise, _ stream: StreamID) {
        guard let known = hearsay.promises[stream], known.epoch == promise.epoch else { return }
        if promise.isWelcome, promise.cursor.sequence < known.cursor.sequence {
            violate(
                known.isWelcome ? .i4 : .i3,
                "a WELCOME says \(promise.cursor.sequence), but \(known.cursor.sequence) was promised in this epoch")
        }
        if promise.cursor.sequence == known.cursor.sequence, promise.cursor.chain != known.cursor.chain {
            violate(.i7, "two chain values were promised for event \(promise.cursor.sequence)")
        }
        if promise.isWelcome, known.isWelcome, promise.cursor.sequence >= known.cursor.sequence,
            promise.totals.tokens < known.totals.tokens
        {
            violate(.i5, "running totals went back from \(known.totals.tokens) to \(promise.totals.tokens)")
        }
        if let named = hearsay.chains[stream]?[promise.cursor.sequence], !named.contains(promise.cursor.chain) {
            violate(.i7, "event \(promise.cursor.sequence) is promised with a chain value that no workstation named")
        }
    }

    /// I3, I4: were the power to go now, the promise would still hold.
    func checkDurable(_ promise: Hearsay.Promise, _ stream: StreamID) {
        guard let place = hearsay.tenants[stream] else { return }
        let tenant = gateway.tenants[place]
        guard !tenant.isTampered, !tenant.isDeleted else { return }
        coverage.powerChecks += 1
        let disk = tenant.disk.afterPowerLoss(seed: checks.next())
        let invariant: Invariant = promise.isWelcome ? .i4 : .i3
        do throws(LedgerError) {
            let ledger = try TenantLedger(
                tenant: tenant.row, disk: disk, book: environment.book, viewsThrough: 0,
                nowMs: gateway.clock.wallMs(now), options: plan.ledgerOptions, entropy: checkEntropy)
            if let appended = gateway.core?.appended(of: tenant.row.id), ledger.appended.ordinal > appended.ordinal {
                violate(
                    .i5,
                    "\(appended.ordinal) records were appended; a loss of power right now would leave "
                        + "\(ledger.appended.ordinal)")
            }
            guard let found = ledger.state.stream(stream), found.sequence.value >= promise.cursor.sequence else {
                return violate(
                    invariant,
                    "event \(promise.cursor.sequence) was promised; a loss of power right now would leave "
                        + "\(ledger.state.stream(stream)?.sequence.value ?? 0)")
            }
            if found.sequence.value == promise.cursor.sequence, found.chain != promise.cursor.chain {
                violate(.i7, "event \(promise.cursor.sequence) is durable with another chain value than promised")
            }
            if promise.isWelcome, found.sequence.value == promise.cursor.sequence, found.totals != promise.totals {
                violate(.i5, "a WELCOME's totals are not those of the ledger at event \(promise.cursor.sequence)")
            }
        } catch {
            violate(invariant, "a loss of power right now would leave a ledger that does not open: \(error)")
        }
    }

    /// I3, on the workstation: what is sent is on its own stable storage, or a gateway could hold more than its spool.
    func checkSpooled(_ last: Sequence64, _ machine: Machine) {
        guard checks.chance(environment.powerCheckPercent), !machine.isTampered,
            let state = machine.core?.spool.state, let wire = machine.wire,
            hearsay.wireStreams[wires[wire].number] == state.stream
        else { return }
        coverage.powerChecks += 1
        let disk = machine.disk.afterPowerLoss(seed: checks.next())
        do throws(WorkstationError) {
            let spool = try Spool(
                on: disk, options: plan.spoolOptions, nowMs: machine.clock.wallMs(now), entropy: checkEntropy)
            if spool.state.number == state.number, spool.state.tip.sequence < last {
                violate(
                    .i3,
                    "event \(last.value) was sent; a loss of power right now would leave "
                        + "\(spool.state.tip.sequence.value) in the spool")
            }
        } catch {
            violate(.i3, "a loss of power right now would leave a spool that does not open: \(error)")
        }
    }

    func noteAppended(_ tenant: SimTenant, _ core: LedgerCore) {
        if let appended = core.appended(of: tenant.row.id) { tenant.lastAppended = appended.ordinal }
    }

    /// I5: what a recovery has cut stays cut: the next one finds no more than the process between them appended.
    func checkResurrection(_ tenant: SimTenant, _ core: LedgerCore) {
        guard let found = core.appended(of: tenant.row.id) else { return }
        if let last = tenant.lastAppended, found.ordinal > last, !tenant.isTampered {
            violate(
                .i5, "tenant \(tenant.row.id.value): \(found.ordinal) records are found, \(last) were appended")
        }
        tenant.lastAppended = found.ordinal
    }

    /// I5: who proves that acknowledged data is missing is not welcomed in the same epoch.
    func checkProof(_ welcome: Welcome, _ wire: Wire) {
        guard let hello = hearsay.hellos[wire.number] else { return }
        if hello.acknowledged.sequence > welcome.committed.sequence, hello.storeEpoch == welcome.storeEpoch {
            violate(
                .i5,
                "event \(hello.acknowledged.sequence.value) was acknowledged, \(welcome.committed.sequence.value) is "
                    + "committed, and the epoch is the same")
        }
    }

    /// I3, I4: after a start, every open ledger holds what was promised before.
    func checkPromises() {
        guard let core = gateway.core else { return }
        for place in gateway.tenants.indices {
            let tenant = gateway.tenants[place]
            guard !tenant.isTampered, case .open? = gateway.board[tenant.row.id] else { continue }
            let streams = core.streams(of: tenant.row.id)
            let epoch = tenant.row.epoch
            for stream in hearsay.streams where hearsay.tenants[stream] == place {
                guard let promise = hearsay.promises[stream], promise.epoch == epoch else { continue }
                let found = streams.values.first { $0.id == stream }
                if (found?.sequence.value ?? 0) < promise.cursor.sequence {
                    violate(
                        promise.isWelcome ? .i4 : .i3,
                        "tenant \(tenant.row.id.value) was promised event \(promise.cursor.sequence) and has "
                            + "\(found?.sequence.value ?? 0) after a start")
                }
                if let found, found.sequence.value == promise.cursor.sequence, found.chain != promise.cursor.chain {
                    violate(.i7, "event \(promise.cursor.sequence) has another chain value after a start")
                }
            }
        }
    }
}
