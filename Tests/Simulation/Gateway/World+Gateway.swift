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

/// The gateway's process: starts, takes connections, runs the appender's rounds, ends.
extension World {
    // MARK: Life

    /// Opens every ledger, as the program does before it listens.
    func startGateway() {
        guard !gateway.isUp else { return }
        gateway.life += 1
        gateway.clock.biasNs = random.next() % 1_000_000_000_000
        note(10, UInt64(gateway.life), "the gateway starts, life \(gateway.life)")
        gateway.board = TenantBoard()
        gateway.connections = [:]
        gateway.mailbox = []
        gateway.harvest = LedgerHarvest()
        gateway.scratches = (0..<World.shards).map { shard in
            let key = HashKey(first: UInt64(shard), second: 12)
            // Small, so that some batches find no room.
            let sums = ShardSums(book: environment.books.current, hashKey: key, cellsMax: 40 + random.below(400))
            return IngestScratch(hashSeed: 11, sums: plan.hasViews ? sums : nil)
        }
        gateway.isRoundPlanned = false
        gateway.isRetryPlanned = false
        gateway.areViewsPlanned = false
        openViews()
        var settings = LedgerCore.Settings(book: environment.book)
        settings.logOptions = plan.ledgerOptions
        let gateway = gateway
        let core = LedgerCore(
            settings: settings, board: gateway.board, entropy: entropy,
            barrier: plan.usesFileSystemBarrier ? SharedBarrier(disks: gateway.tenants.map(\.disk)) : nil
        ) { [renewals] tenant, epoch, _ throws(StorageError) in
            renewals.withLock { $0[tenant] = epoch }
        }
        gateway.core = core
        if gateway.isDiskFull { for tenant in gateway.tenants { tenant.disk.fill(after: 500) } }
        for tenant in gateway.tenants where tenant.row.state == .active { open(tenant, core) }
        if gateway.tenants.contains(where: \.disk.hasFailed) {
            note(11, 0, "the power goes while the gateway starts")
            return losePowerAtGateway()
        }
        gateway.isUp = true
        for tenant in gateway.tenants { checkResurrection(tenant, core) }
        gateway.refreshDirectory()
        checkPromises()
        planViews()
    }

    private func open(_ tenant: SimTenant, _ core: LedgerCore) {
        guard
            let error = core.open(
                tenant.row, disk: tenant.disk, viewsThrough: tenant.viewsThrough, now: gateway.instant(now))
        else { return }
        _ = core.takeNotes()
        note(12, tenant.row.id.value, "tenant \(tenant.row.id.value) is quarantined: \(error)")
        coverage.quarantines += 1
        if case .log(.damaged) = error, !tenant.isTampered {
            violate(.i3, "tenant \(tenant.row.id.value) is damaged though nobody damaged it: \(error)")
        }
        if case .fault(let fault) = error, !tenant.isTampered {
            violate(.i3, "tenant \(tenant.row.id.value) contradicts itself though nobody damaged it: \(fault)")
        }
    }

    /// The process is gone; the page cache stays.
    func killGateway() {
        guard gateway.isUp else { return }
        endGateway(isSilent: false)
        for tenant in gateway.tenants { tenant.disk.kill() }
        closeViews(losingPower: false)
        note(13, 0, "the gateway is killed")
        coverage.kills += 1
    }

    func losePowerAtGateway() {
        endGateway(isSilent: random.chance(50))
        for tenant in gateway.tenants { tenant.disk.losePower() }
        closeViews(losingPower: true)
        note(14, 0, "the gateway loses its power")
        coverage.powerLosses += 1
        plan(.startGateway, after: 500_000_000 + random.next() % 5_000_000_000)
    }

    /// As SIGTERM does it, without waiting for the connections.
    func stopGateway() {
        guard gateway.isUp else { return }
        round()
        guard gateway.isUp else { return }
        if let core = gateway.core { for tenant in gateway.tenants { noteAppended(tenant, core) } }
        let errors = gateway.core?.close() ?? []
        for tenant in gateway.tenants { tenant.views?.finish() }
        note(15, UInt64(errors.count), "the gateway stops")
        endGateway(isSilent: false)
        for tenant in gateway.tenants { tenant.disk.kill() }
        closeViews(losingPower: false)
    }

    /// `isSilent`: no kernel is left to tell the other ends.
    private func endGateway(isSilent: Bool) {
        for wire in wires where wire.gatewayLife == gateway.life && wire.isGatewayOpen {
            wire.isGatewayOpen = false
            if !isSilent {
                plan(
                    .hungUp(wire: index(wire), atGateway: false),
                    at: max(now + latency(), wire.toWorkstation.lastArrivalAt + 1))
            }
        }
        gateway.core = nil
        gateway.connections = [:]
        gateway.mailbox = []
        gateway.isUp = false
    }

    /// The core has met an error that it does not outlive: the process aborts, or the power has gone.
    private func gatewayFailed(_ reason: String) {
        note(16, 0, "the gateway aborts: \(reason)")
        if gateway.tenants.contains(where: \.disk.hasFailed) { return losePowerAtGateway() }
        endGateway(isSilent: false)
        for tenant in gateway.tenants { tenant.disk.kill() }
        closeViews(losingPower: false)
        coverage.aborts += 1
        plan(.startGateway, after: 100_000_000 + random.next() % 2_000_000_000)
    }

    // MARK: Connections

    func accept(_ wire: Wire) {
        wire.isGatewayOpen = true
        let machine = IngestMachine(
            id: ConnectionID(shard: shard(of: wire), number: wire.number), directory: gateway.directory, offer: offer,
            now: gateway.instant(now))
        gateway.connections[wire.number] = machine
        coverage.connections += 1
        planTick(wire)
    }

    func readAtGateway(_ wire: Wire) {
        guard var machine = gateway.connections.removeValue(forKey: wire.number) else { return }
        var actions: [IngestAction] = []
        let consumed = machine.received(
            wire.toGateway.arrived.span, scratch: &gateway.scratches[Int(shard(of: wire))], now: gateway.instant(now),
            into: &actions)
        wire.toGateway.arrived.removeFirst(consumed)
        settle(machine, actions, wire)
    }

    func tickAtGateway(_ wire: Wire, at: UInt64) {
        guard wire.tickAt == at, gateway.life == wire.gatewayLife,
            var machine = gateway.connections.removeValue(forKey: wire.number)
        else { return }
        wire.tickAt = .max
        var actions: [IngestAction] = []
        machine.tick(now: gateway.instant(now), into: &actions)
        settle(machine, actions, wire)
    }

    func leaveAtGateway(_ wire: Wire) {
        wire.isGatewayOpen = false
        guard var machine = gateway.connections.removeValue(forKey: wire.number) else { return }
        var actions: [IngestAction] = []
        machine.closed(into: &actions)
        submit(actions.compactMap { if case .submit(let command) = $0 { command } else { nil } }, from: shard(of: wire))
    }

    func deliver(_ news: [(ConnectionID, LedgerNews)]) {
        for (id, item) in news {
            guard var machine = gateway.connections.removeValue(forKey: id.number) else { continue }
            var actions: [IngestAction] = []
            machine.hear(narrowed(item), now: gateway.instant(now), into: &actions)
            settle(machine, actions, wires[Int(id.number) - 1])
            guard violation == nil else { return }
        }
    }

    /// The same news with the small credit of this world.
    private func narrowed(_ item: LedgerNews) -> LedgerNews {
        switch item {
        case .claimed(var claim, let ticket):
            if claim.credit != .paused { claim.credit = credit }
            return .claimed(claim, ticket)
        case .resumed: return .resumed(credit)
        default: return item
        }
    }

    private func settle(_ machine: IngestMachine, _ actions: [IngestAction], _ wire: Wire) {
        gateway.connections[wire.number] = machine
        checkCredit(machine, wire)
        var mustClose = false
        var commands: [LedgerCommand] = []
        for action in actions {
            switch action {
            case .send(let frame):
                promised(frame, on: wire, machine)
                send(FrameCodec.encode(frame), on: wire, toGateway: false)
            case .submit(let command): commands.append(command)
            case .close: mustClose = true
            case .note(let note): take(note)
            }
        }
        submit(commands, from: shard(of: wire))
        guard mustClose else { return planTick(wire) }
        leaveAtGateway(wire)
        plan(
            .hungUp(wire: index(wire), atGateway: false),
            at: max(now + latency(), wire.toWorkstation.lastArrivalAt + 1))
    }

    private func planTick(_ wire: Wire) {
        guard let deadline = gateway.connections[wire.number]?.deadline else { return }
        let at = max(now + 1, gateway.clock.instant(deadline))
        // Moved only forward in time: a tick that comes early finds nothing to do.
        guard at < wire.tickAt || wire.tickAt <= now else { return }
        wire.tickAt = at
        plan(.gatewayTick(wire: index(wire), at: at), at: at)
    }

    private func take(_ note: IngestNote) {
        switch note {
        case .rejected: coverage.rejects += 1
        case .batchDuplicate: coverage.duplicates += 1
        default: break
        }
    }

    // MARK: Rounds

    /// As many as a small gateway has.
    static let shards: UInt16 = 2

    func shard(of wire: Wire) -> UInt16 { UInt16(wire.number % UInt64(World.shards)) }

    func submit(_ commands: [LedgerCommand], from shard: UInt16?) {
        guard gateway.isUp, !commands.isEmpty else { return }
        let bodies = shard.map { gateway.scratches[Int($0)].takeBodies() } ?? []
        gateway.mailbox.append(ShardDelivery(shard: shard, commands: commands, bodies: bodies))
        planRound()
    }

    /// Behind everything that the shard has submitted.
    func handOverSums(_ shard: UInt16) {
        let sums = gateway.scratches[Int(shard)].sums?.take() ?? []
        gateway.mailbox.append(ShardDelivery(shard: shard, commands: [], sums: sums))
        planRound()
    }

    func planRound() {
        guard !gateway.isRoundPlanned else { return }
        gateway.isRoundPlanned = true
        plan(.round(life: gateway.life), after: 1 + random.next() % plan.roundDelayNs)
    }

    func round() {
        gateway.isRoundPlanned = false
        guard gateway.isUp, let core = gateway.core else { return }
        var deliveries: [ShardDelivery] = []
        swap(&deliveries, &gateway.mailbox)
        let admitted = deliveries.filter { gateway.harvest.admit($0) }
        let commands = admitted.flatMap { delivery in delivery.commands.map { ($0, delivery.bodies) } }
        let free: UInt64 = gateway.isDiskFull ? 3 : 50
        core.measured(freeBytes: free, totalBytes: 100)
        var refused: [(ConnectionID, LedgerNews)] = []
        for (command, bodies) in commands {
            if case .append(let batch) = command, let refusal = poison(in: batch, bodies, core) {
                refused.append((batch.connection, .refused(first: batch.header.first, refusal)))
                continue
            }
            let fence = fence(command, core)
            core.take(command, bodies: bodies, now: gateway.instant(now))
            checkFence(fence, core)
        }
        let outcome = core.commit(now: gateway.instant(now))
        takeRenewals()
        note(
            17, UInt64(commands.count) << 8 | UInt64(outcome.written),
            "a round: \(commands.count) commands, \(outcome.written) ledgers written")
        coverage.rounds += 1
        if gateway.tenants.contains(where: \.disk.hasFailed) || core.failure != nil {
            // A segment may have been born although its end was not told.
            for tenant in gateway.tenants { tenant.lastAppended = nil }
        }
        if gateway.tenants.contains(where: \.disk.hasFailed) { return losePowerAtGateway() }
        if let failure = core.failure {
            let news = core.takeNews()
            if !news.isEmpty { violate(.i3, "news after a failure: \(news.count)") }
            return gatewayFailed(failure)
        }
        for tenant in gateway.tenants { noteAppended(tenant, core) }
        if !outcome.moved.isEmpty { planViews() }
        if gateway.harvest.isComplete { endHarvest(core) }
        let news = refused + core.takeNews()
        if !news.isEmpty { plan(.news(news, life: gateway.life), after: 1 + random.next() % 100_000) }
        for item in core.takeNotes() { take(item, core) }
        guard gateway.isUp else { return }
        if core.isPaused || outcome.mustRetry, !gateway.isRetryPlanned {
            gateway.isRetryPlanned = true
            plan(.retryRound(life: gateway.life), after: Limits.diskPausedInterval.wholeNanoseconds)
        }
    }

    private func take(_ item: LedgerNote, _ core: LedgerCore) {
        switch item {
        case .quarantined(let id, _, let reason):
            note(18, id.value, "tenant \(id.value) is quarantined: \(reason)")
            coverage.quarantines += 1
            if gateway.tenant(id)?.isTampered == false { violate(.i3, "tenant \(id.value): \(reason)") }
        case .lookUp(let lookup, let sequence, let connection):
            plan(.lookUp(lookup, sequence, connection, life: gateway.life), after: latency())
        case .adopt(let lookup, let connection):
            plan(.adopt(lookup, connection, life: gateway.life), after: latency())
        case .fatal(let reason): gatewayFailed(reason)
        case .epochRaised(let name): note(19, 0, "the epoch of \(name.text) is raised")
        case .gapRecorded: coverage.gaps += 1
        case .retired, .eventsCommitted, .epochNotRaised, .seen, .paused, .resumed: break
        }
    }

    func takeRenewals() {
        let renewed = renewals.withLock { renewals in
            defer { renewals = [:] }
            return renewals
        }
        for tenant in gateway.tenants {
            if let epoch = renewed[tenant.row.id] { tenant.row = tenant.row.with(epoch: epoch) }
        }
    }
}
