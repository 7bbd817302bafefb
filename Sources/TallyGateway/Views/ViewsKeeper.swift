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
/// It waits up to `Limits.viewsGather` after the first news, or until one tenant has enough for a transaction of full size:
/// what a transaction costs is the rows that it touches, and a busy tenant touches the same few again and again. Nobody
/// waits for it, for a reader folds the ledger's tail itself. Views that could not be moved are tried again by themselves.
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
        /// What they were told to come to, and how much memory that takes.
        var folded: [TenantID: [FoldedBatch]] = [:]
        var foldedBytes = 0
        /// A turn that gathers it comes at once.
        var isGathering = false
        /// A round comes by the clock.
        var isTimed = false
        /// A round comes at once.
        var isUrgent = false
    }

    private nonisolated let executor = QueueExecutor(DispatchQueue(label: "tallygate.views", qos: .utility))
    private nonisolated let services: Services
    private nonisolated let board: TenantBoard
    private nonisolated let waiting = Guarded(Waiting())
    /// The last ordinal that each tenant's views hold, for the metrics.
    private nonisolated let applied = Guarded<[TenantID: UInt64]>([:])
    private var slots: [TenantID: Slot] = [:]

    @safe nonisolated var unownedExecutor: UnownedSerialExecutor { executor.reference }

    init(services: Services, board: TenantBoard) {
        self.services = services
        self.board = board
    }

    // MARK: From other queues

    /// These tenants have more that is durable.
    nonisolated func wake(_ moved: [MovedLedger]) {
        let delay = services.faults.viewsDelay
        let (mustTime, mustHurry, mustGather) = waiting.withLock { waiting in
            var isMuch = false
            for ledger in moved {
                // What finds no room is decoded from the ledger when the views move.
                if !ledger.folded.isEmpty, waiting.foldedBytes < Limits.foldedBytesMax {
                    waiting.folded[ledger.tenant, default: []] += ledger.folded
                    waiting.foldedBytes += ledger.folded.reduce(0) { $0 + $1.bytes }
                }
                let first = waiting.tenants[ledger.tenant] ?? ledger.bytes
                waiting.tenants[ledger.tenant] = first
                isMuch = isMuch || ledger.bytes &- first >= UInt64(Limits.viewsFoldBytesMax)
            }
            let mustHurry = isMuch && !waiting.isUrgent && delay == .zero
            if mustHurry { waiting.isUrgent = true }
            let mustTime = !waiting.isTimed && !waiting.tenants.isEmpty
            if mustTime { waiting.isTimed = true }
            let mustGather = waiting.foldedBytes >= Limits.foldedBytesDue && !waiting.isGathering
            if mustGather { waiting.isGathering = true }
            return (mustTime, mustHurry, mustGather)
        }
        if mustGather { executor.queue.async { [weak self] in self?.assumeIsolated { $0.gather() } } }
        if mustHurry { executor.queue.async { [weak self] in self?.assumeIsolated { $0.round() } } }
        guard mustTime else { return }
        // Views that are held back must not hold the folder's lock after a stop.
        executor.queue.asyncAfter(deadline: .now() + max(Limits.viewsGather, delay).dispatch) { [weak self] in
            guard let self else { return }
            waiting.withLock { $0.isTimed = false }
            assumeIsolated { $0.round() }
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

    /// Has the desks take the sums that wait, so that they need not be kept one by one.
    private func gather() {
        let folded = waiting.withLock { waiting in
            defer {
                waiting.folded = [:]
                waiting.foldedBytes = 0
                waiting.isGathering = false
            }
            return waiting.folded
        }
        for (tenant, batches) in folded {
            slots[tenant]?.desk.merge(batches)
            if slots[tenant]?.desk.isTailFull == true { catchUp(tenant) }
        }
    }

    private func round() {
        let tenants = waiting.withLock { waiting in
            defer {
                waiting.tenants = [:]
                waiting.isUrgent = false
            }
            return Array(waiting.tenants.keys)
        }
        gather()
        for tenant in tenants.sorted(by: { $0.value < $1.value }) { catchUp(tenant) }
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
