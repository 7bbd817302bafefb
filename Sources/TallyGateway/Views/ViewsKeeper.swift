import Dispatch
import Synchronization
import TallyIO
import TallyLog
import TallyModel
import TallyRollup
import TallyStorage

/// Moves every tenant's views forward behind the acknowledgements, on a queue of its own.
///
/// It reads the ledger from where the views stand to what is durable, folds a large stretch, and applies it in one
/// transaction together with the position. Whatever goes wrong here costs a rebuild and never an event. It waits up to
/// `gather` after the first news, so that a busy tenant's views take in many batches at a time.
actor ViewsKeeper {
    private struct Slot {
        var tenant: Tenant
        var folder: Directory
        /// Nil only while a damaged file is replaced: two connections to one path must never stand side by side.
        var views: Views?
        /// Whose stream a number is.
        var streams: [UInt32: LedgerState.Stream]
    }

    private static let gather: Duration = .milliseconds(100)

    private nonisolated let executor = QueueExecutor(DispatchQueue(label: "tallygate.views", qos: .utility))
    private nonisolated let services: Services
    private nonisolated let board: TenantBoard
    private nonisolated let woken = Guarded<Set<TenantID>>([])
    /// The last ordinal that each tenant's views hold, for the metrics.
    private nonisolated let applied = Guarded<[TenantID: UInt64]>([:])
    private var slots: [TenantID: Slot] = [:]
    /// Tenants whose views could not be moved the last time: said once, not at every try.
    private var failing: Set<TenantID> = []

    @safe nonisolated var unownedExecutor: UnownedSerialExecutor { executor.reference }

    init(services: Services, board: TenantBoard) {
        self.services = services
        self.board = board
    }

    // MARK: From other queues

    /// These tenants have more that is durable.
    nonisolated func wake(_ tenants: [TenantID]) {
        let isFirst = woken.withLock { woken in
            defer { woken.formUnion(tenants) }
            return woken.isEmpty && !tenants.isEmpty
        }
        guard isFirst else { return }
        let wait = max(Self.gather, services.faults.viewsDelay)
        // Views that are held back must not hold the folder's lock after a stop.
        executor.queue.asyncAfter(deadline: .now() + wait.dispatch) { [weak self] in
            self?.assumeIsolated { $0.round() }
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

    /// Opens a tenant's views and says how far they go; a file that cannot be read is discarded and built anew.
    func open(_ tenant: Tenant) throws -> UInt64 {
        let folder = try services.folder.tenantDirectory(tenant)
        let views: Views
        do throws(StorageError) {
            views = try Views(folder: folder.path)
        } catch {
            guard case .damaged = error else { throw error }
            services.log(.viewsFailed(tenant: tenant.name.text, reason: "\(error)"))
            try Views.discard(folder: folder.path)
            views = try Views(folder: folder.path)
        }
        slots[tenant.id] = Slot(tenant: tenant, folder: folder, views: views, streams: [:])
        let ordinal = try views.position()?.ordinal ?? 0
        note(ordinal, of: tenant.id)
        return ordinal
    }

    private nonisolated func note(_ ordinal: UInt64, of tenant: TenantID) {
        applied.withLock { $0[tenant] = ordinal }
    }

    /// What the ledger knows of its streams, once it is open.
    func know(_ streams: [UInt32: LedgerState.Stream], of tenant: TenantID) {
        slots[tenant]?.streams = streams
    }

    func streams(of tenant: TenantID) -> [UInt32: LedgerState.Stream] { slots[tenant]?.streams ?? [:] }

    /// Lets go of the views of a tenant that is being deleted.
    func close(_ tenant: TenantID) {
        slots[tenant] = nil
        failing.remove(tenant)
        applied.withLock { $0[tenant] = nil }
    }

    /// Makes a tenant's views anew from its ledger; the ordinal that they reach then.
    func rebuild(_ tenant: TenantID, through durable: LedgerPosition) throws -> UInt64 {
        try slots[tenant]?.views?.reset()
        note(0, of: tenant)
        try apply(tenant, through: durable)
        services.metrics.add(.viewRebuilds)
        return durable.ordinal
    }

    /// Applies all that is durable; for a clean stop.
    func finish() {
        for tenant in slots.keys { catchUp(tenant) }
        for slot in slots.values { try? slot.views?.checkpoint() }
    }

    // MARK: A round

    private func round() {
        let tenants = woken.withLock { woken in
            defer { woken = [] }
            return woken
        }
        for tenant in tenants { catchUp(tenant) }
    }

    private func catchUp(_ tenant: TenantID) {
        guard slots[tenant] != nil, case .open(let durable)? = board[tenant] else { return }
        do {
            try apply(tenant, through: durable)
            failing.remove(tenant)
        } catch {
            failed(tenant, error)
            guard error.asksForRebuild else { return }
            rebuild(tenant, through: durable, isDamaged: error.saysDamaged)
        }
    }

    private func apply(_ tenant: TenantID, through durable: LedgerPosition) throws {
        guard let slot = slots[tenant], let views = slot.views else { return }
        var position = try views.position()
        if let position, position.ordinal >= durable.ordinal, position.lineage == durable.lineage { return }
        let disk = try slot.folder.openDirectory(TenantLedger.folderName)
        var fold = try LedgerFold(
            disk: disk, from: position, through: durable, books: services.folder.books, streams: slot.streams)
        while let result = try fold.next() {
            guard let through = result.through else { break }
            var delta = ViewsDelta(after: position, through: through)
            delta.cells = result.cells
            delta.sessions = result.sessions.map(SessionSpan.init)
            delta.gaps = result.gaps
            _ = try views.apply(delta)
            services.metrics.add(.viewTransactions)
            note(through.ordinal, of: tenant)
            position = through
        }
        slots[tenant]?.streams = fold.streams
    }

    /// The views are not those of this ledger, or their file is damaged: begin anew and fold the ledger from its start.
    private func rebuild(_ tenant: TenantID, through durable: LedgerPosition, isDamaged: Bool) {
        do {
            if isDamaged { try replaceFile(of: tenant) } else { try slots[tenant]?.views?.reset() }
            note(0, of: tenant)
            try apply(tenant, through: durable)
            failing.remove(tenant)
            services.metrics.add(.viewRebuilds)
            services.log(.viewsRebuilt(tenant: name(of: tenant), events: durable.ordinal))
        } catch {
            // A full disk, most likely. Readers fold the ledger meanwhile; the next commit wakes us again.
            failed(tenant, error)
        }
    }

    private func replaceFile(of tenant: TenantID) throws {
        guard let path = slots[tenant]?.folder.path else { return }
        slots[tenant]?.views = nil
        try Views.discard(folder: path)
        slots[tenant]?.views = try Views(folder: path)
    }

    private func name(of tenant: TenantID) -> String { slots[tenant]?.tenant.name.text ?? "#\(tenant.value)" }

    private func failed(_ tenant: TenantID, _ error: any Error) {
        guard failing.insert(tenant).inserted else { return }
        services.log(.viewsFailed(tenant: name(of: tenant), reason: "\(error)"))
    }
}

extension Error {
    /// Whether views built anew would help: they would not against a full disk or a damaged ledger.
    fileprivate var asksForRebuild: Bool {
        if case .log(.positionUnknown)? = self as? LedgerError { return true }
        if case .positionMismatch? = self as? StorageError { return true }
        return saysDamaged
    }

    fileprivate var saysDamaged: Bool {
        if case .damaged? = self as? StorageError { return true }
        return false
    }
}

extension SessionSpan {
    init(_ entry: (key: SessionKey, delta: SessionDelta)) {
        self.init(
            session: entry.key.session, workstation: entry.key.workstation, agent: entry.delta.agent, project: nil,
            firstMs: entry.delta.firstMs, lastMs: entry.delta.lastMs)
        guard let phase = entry.delta.phase else { return }
        switch phase {
        case .started: startedMs = entry.delta.phaseMs
        case .ended: endedMs = entry.delta.phaseMs
        case .working: take(.working, entry.delta.phaseMs)
        case .waitingUser: take(.waitingUser, entry.delta.phaseMs)
        case .waitingPermission: take(.waitingPermission, entry.delta.phaseMs)
        case .idle: take(.idle, entry.delta.phaseMs)
        case .rateLimited: take(.rateLimited, entry.delta.phaseMs)
        case .crashed: take(.crashed, entry.delta.phaseMs)
        }
    }

    private mutating func take(_ state: AgentState, _ ms: Int64) {
        self.state = state
        stateMs = ms
    }
}

extension Duration {
    var dispatch: DispatchTimeInterval { .nanoseconds(Int(clamping: wholeNanoseconds)) }
}
