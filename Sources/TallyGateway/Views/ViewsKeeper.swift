import Dispatch
import Synchronization
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyStorage

/// Moves every tenant's views forward behind the acknowledgements, on a queue of its own: wakes the desks
/// (`ViewsDesk`), which decide, and says what became of it.
///
/// A while after the first news it has the ledgers harvested (`LedgerHarvest`) and takes the stretches in: what a
/// transaction costs is the rows that it touches, and a busy tenant touches the same few again and again, so the while grows
/// with what moving takes. A reader folds the ledger's tail itself, and has a long one harvested first. Views that could not
/// be moved are tried again by themselves.
actor ViewsKeeper {
    private struct Slot {
        let tenant: Tenant
        let folder: Directory
        let desk: ViewsDesk
        /// Said once, not at every try.
        var isFailing = false
        /// A try is due without news.
        var awaitsRetry = false
    }

    /// Who has more that is durable, by how much their ledgers had grown when they first had.
    private struct Waiting {
        var tenants: [TenantID: UInt64] = [:]
        /// Tenants that were opened and whose views may lie behind.
        var opened: [TenantID] = []
        /// A harvest comes by the clock.
        var isTimed = false
        /// A harvest was asked for and has not come.
        var isHarvestAsked = false
        /// Harvests that are being taken in.
        var harvests = 0
        /// How long the next one is waited for.
        var gather = Limits.viewsGather
    }

    private nonisolated let executor = QueueExecutor(DispatchQueue(label: "tallygate.views", qos: .utility))
    private nonisolated let services: Services
    private nonisolated let board: TenantBoard
    private nonisolated let waiting = Guarded(Waiting())
    /// The last ordinal that each tenant's views hold, for the metrics.
    private nonisolated let applied = Guarded<[TenantID: UInt64]>([:])
    private var slots: [TenantID: Slot] = [:]
    private nonisolated let askForHarvest = Guarded<@Sendable () -> Void>({})

    @safe nonisolated var unownedExecutor: UnownedSerialExecutor { executor.reference }

    init(services: Services, board: TenantBoard) {
        self.services = services
        self.board = board
    }

    // MARK: From other queues

    /// Where harvests come from.
    func attach(askForHarvest ask: @escaping @Sendable () -> Void) { askForHarvest.withLock { $0 = ask } }

    /// These tenants have more that is durable.
    nonisolated func wake(_ moved: [MovedLedger]) {
        let (mustTime, mustHurry) = waiting.withLock { waiting in
            var isMuch = false
            for ledger in moved {
                let first = waiting.tenants[ledger.tenant] ?? ledger.bytes
                waiting.tenants[ledger.tenant] = first
                isMuch = isMuch || ledger.bytes &- first >= UInt64(Limits.viewsBytesDue)
            }
            let mustHurry =
                isMuch && !waiting.isHarvestAsked && waiting.harvests == 0 && services.faults.viewsDelay == .zero
            if mustHurry { waiting.isHarvestAsked = true }
            let mustTime = !waiting.isTimed && !waiting.tenants.isEmpty
            if mustTime { waiting.isTimed = true }
            return (mustTime, mustHurry)
        }
        if mustHurry { askForHarvest.withLock { $0 }() }
        if mustTime { harvestLater() }
    }

    /// Has the tenant's views moved to `ordinal` where they lie far behind it, and waits a little for that.
    nonisolated func hurry(_ tenant: TenantID, to ordinal: UInt64) {
        func isNear() -> Bool { (applied.withLock { $0[tenant] } ?? 0) + Limits.viewsTailRecordsMax >= ordinal }
        guard services.faults.viewsDelay == .zero, !isNear() else { return }
        askForHarvest.withLock { $0 }()
        let deadline = services.clock.now() + Limits.viewsTailWait
        while !isNear(), services.clock.now() < deadline { Pause.milliseconds(5) }
    }

    /// The tenant's views may lie behind its ledger.
    nonisolated func opened(_ tenant: TenantID) {
        let mustTime = waiting.withLock { waiting in
            waiting.opened.append(tenant)
            defer { waiting.isTimed = true }
            return !waiting.isTimed
        }
        if mustTime { harvestLater() }
    }

    /// A harvest was made: the views move to where it is.
    nonisolated func take(_ stretches: [LedgerStretch]) {
        let mustRead = waiting.withLock { waiting in
            for stretch in stretches { waiting.tenants[stretch.tenant] = nil }
            waiting.isHarvestAsked = false
            waiting.harvests += 1
            return waiting.harvests > Limits.harvestsWaitingMax
        }
        var stretches = stretches
        // Memory is bounded: the ledger knows it all.
        if mustRead { for index in stretches.indices { stretches[index].content = nil } }
        executor.queue.async { [weak self, stretches] in self?.assumeIsolated { $0.move(stretches) } }
    }

    /// Views that are held back must not hold the folder's lock after a stop.
    private nonisolated func harvestLater() {
        let wait = max(waiting.withLock { $0.gather }, services.faults.viewsDelay).dispatch
        executor.queue.asyncAfter(deadline: .now() + wait) { [weak self] in
            guard let self else { return }
            assumeIsolated { $0.catchUpOpened() }
            let mustAsk = waiting.withLock { waiting in
                waiting.isTimed = false
                defer { waiting.isHarvestAsked = true }
                return !waiting.isHarvestAsked
            }
            if mustAsk { askForHarvest.withLock { $0 }() }
        }
    }

    /// Ledger records that are durable and that the views do not hold yet, of all open tenants.
    nonisolated var lagRecords: UInt64 {
        let applied = applied.withLock { $0 }
        return board.all.reduce(0) { sum, entry in
            guard case .open(let durable) = entry.value else { return sum }
            let held = applied[entry.key] ?? 0
            return sum + (durable.ordinal > held ? durable.ordinal - held : 0)
        }
    }

    nonisolated func sync<Result: Sendable>(_ body: @Sendable (isolated ViewsKeeper) -> Result) -> Result {
        executor.queue.sync { self.assumeIsolated { body($0) } }
    }

    // MARK: Tenants

    /// Opens a tenant's views and says how much of its ledger they prove durable.
    func open(_ tenant: Tenant) throws -> UInt64 {
        let folder = try services.folder.tenantDirectory(tenant)
        let desk = try ViewsDesk(folder: folder.path, books: services.folder.books, entropy: .system)
        slots[tenant.id] = Slot(tenant: tenant, folder: folder, desk: desk)
        note(desk.through, of: tenant.id)
        return desk.evidence(for: try folder.openOrMakeDirectory(TenantLedger.folderName))
    }

    /// Lets go of a tenant's views: its folder may go.
    func close(_ tenant: TenantID) {
        slots[tenant] = nil
        applied.withLock { $0[tenant] = nil }
    }

    /// Throws a tenant's views away and folds its ledger again; for an operator. Nil where it is not open.
    func rebuild(_ tenant: TenantID) -> ViewsDesk.Outcome? {
        guard case .open(let durable)? = board[tenant] else { return nil }
        return move(tenant) { desk, ledger in desk.rebuild(through: durable, on: ledger) }
    }

    /// Applies all that is durable; for a clean stop.
    func finish() {
        let tenants = slots.keys.sorted { $0.value < $1.value }
        for tenant in tenants { catchUp(tenant) }
        for slot in slots.values { slot.desk.finish() }
    }

    // MARK: A round

    private func move(_ stretches: [LedgerStretch]) {
        let started = services.clock.now()
        for stretch in stretches {
            _ = move(stretch.tenant) { desk, ledger in desk.take(stretch, on: ledger) }
        }
        let took = services.clock.now().since(started)
        let isMore = waiting.withLock { waiting in
            waiting.harvests -= 1
            waiting.gather = min(max(took * Limits.viewsGatherFactor, Limits.viewsGather), Limits.viewsGatherMax)
            defer { waiting.isTimed = waiting.isTimed || !waiting.tenants.isEmpty }
            return !waiting.isTimed && !waiting.tenants.isEmpty
        }
        if isMore { harvestLater() }
    }

    private func catchUpOpened() {
        let tenants = waiting.withLock { waiting in
            defer { waiting.opened = [] }
            return waiting.opened
        }
        for tenant in tenants { catchUp(tenant) }
    }

    private func catchUp(_ tenant: TenantID) {
        guard case .open(let durable)? = board[tenant] else { return }
        _ = move(tenant) { desk, ledger in desk.catchUp(through: durable, on: ledger) }
    }

    /// Has the desk do it, and says what became of it.
    private func move(
        _ tenant: TenantID, _ body: (ViewsDesk, any LogDisk) -> ViewsDesk.Outcome
    ) -> ViewsDesk.Outcome? {
        guard let slot = slots[tenant] else { return nil }
        let outcome: ViewsDesk.Outcome
        do throws(SystemError) {
            outcome = body(slot.desk, try slot.folder.openDirectory(TenantLedger.folderName))
        } catch {
            outcome = ViewsDesk.Outcome(
                failure: "\(error)", retryAfter: Limits.viewsRetryMax, through: slot.desk.through)
        }
        note(outcome.through, of: tenant)
        services.metrics.add(.viewTransactions, outcome.transactions)
        if let cause = outcome.rebuilt, outcome.failure == nil {
            services.metrics.add(.viewRebuilds)
            services.log(
                .viewsRebuilt(tenant: slot.tenant.name.text, records: outcome.records, cause: cause.words))
        }
        if let failure = outcome.failure, !slot.isFailing {
            services.log(.viewsFailed(tenant: slot.tenant.name.text, reason: failure))
        }
        slots[tenant]?.isFailing = outcome.failure != nil
        if let wait = outcome.retryAfter { retry(tenant, after: wait) }
        return outcome
    }

    private func retry(_ tenant: TenantID, after wait: Duration) {
        guard slots[tenant]?.awaitsRetry == false else { return }
        slots[tenant]?.awaitsRetry = true
        executor.queue.asyncAfter(deadline: .now() + wait.dispatch) { [weak self] in
            self?.assumeIsolated { keeper in
                keeper.slots[tenant]?.awaitsRetry = false
                keeper.catchUp(tenant)
            }
        }
    }

    private nonisolated func note(_ ordinal: UInt64, of tenant: TenantID) {
        applied.withLock { $0[tenant] = ordinal }
    }
}

extension Duration {
    var dispatch: DispatchTimeInterval { .nanoseconds(Int(clamping: wholeNanoseconds)) }
}
