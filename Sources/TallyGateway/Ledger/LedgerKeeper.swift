import Dispatch
import Synchronization
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyStorage
import TallyWire

/// The owner of the appender (`LedgerCore`), on a queue of its own: brings it the shards' commands in rounds, has it
/// commit, carries its news to the shards' rooms, and does what its notes ask for.
///
/// While a barrier runs the next round gathers in the mailbox, so the group grows with the load; where what has gathered
/// is little for those who send, the round waits a moment (`GatherPolicy`). What may gather is bounded by the credit
/// granted. It decides nothing itself: clocks, random numbers, the disk's free space and the catalog come in here.
actor LedgerKeeper {
    private struct Mailbox {
        /// Whether a round comes: by itself when a wait ends, or as soon as the queue gets to it.
        enum Next { case none, waits, comes }

        var deliveries: [ShardDelivery] = []
        var gather = GatherPolicy()
        var next = Next.none

        /// What has to be done so that a round comes, if anything.
        mutating func schedule() -> Next {
            guard !deliveries.isEmpty, next != .comes else { return .none }
            if gather.isEnough {
                next = .comes
                return .comes
            }
            guard next == .none else { return .none }
            next = .waits
            return .waits
        }
    }

    private nonisolated let executor = QueueExecutor(DispatchQueue(label: "tallygate.ledger", qos: .userInitiated))
    private nonisolated let mailbox = Guarded(Mailbox())
    private nonisolated let services: Services
    private nonisolated let directory: TenantDirectory
    private nonisolated let seen: SeenNotes
    /// Told, on this queue, which tenants have more that is durable.
    private nonisolated let onDurable: @Sendable ([MovedLedger]) -> Void
    /// Told, on this queue, the stretches of a harvest that was asked for.
    private nonisolated let onHarvest: @Sendable ([LedgerStretch]) -> Void
    /// Reads old records for PROBE, away from the appends.
    private nonisolated let lookups = DispatchQueue(label: "tallygate.lookups", qos: .utility)

    private let core: LedgerCore
    /// One for each shard, by its number; none where a command opened the folder for itself.
    private var rooms: [ShardReference<IngestRoom>] = []
    private var diskCheckedAt: MonotonicInstant?
    private var isRetrying = false
    private var harvest = LedgerHarvest()

    @safe nonisolated var unownedExecutor: UnownedSerialExecutor { executor.reference }

    init(
        services: Services, limits: AbuseLimits, board: TenantBoard, directory: TenantDirectory,
        onDurable: @escaping @Sendable ([MovedLedger]) -> Void,
        onHarvest: @escaping @Sendable ([LedgerStretch]) -> Void
    ) {
        self.services = services
        self.directory = directory
        self.onDurable = onDurable
        self.onHarvest = onHarvest
        seen = SeenNotes(catalog: services.folder.catalog, log: services.log)
        var settings = LedgerCore.Settings(book: services.folder.books.current.id.value)
        settings.logOptions = services.logOptions
        settings.limits = limits
        let catalog = services.folder.catalog
        core = LedgerCore(
            settings: settings, board: board, entropy: .system, barrier: Self.barrier(of: services.folder)
        ) { tenant, epoch, atMs throws(StorageError) in
            try catalog.renewEpoch(of: tenant, to: epoch, by: Stamp(actor: .gateway, timeMs: atMs))
        }
    }

    /// Nil where `syncfs` does not flush the drive, or does not tell of errors.
    private static func barrier(of folder: DataFolder) -> FileSystemBarrier? {
        guard let facts = try? folder.fileSystem(), facts.mayShareBarrier(on: .current) else { return nil }
        return try? FileSystemBarrier.open(on: folder.directory)
    }

    private func now() -> GatewayInstant {
        GatewayInstant(wallMs: services.clock.wallMs(), monotonic: services.clock.now())
    }

    // MARK: From other queues

    /// Hands commands over; order among one shard's deliveries is kept.
    nonisolated func submit(_ delivery: ShardDelivery) {
        let next = mailbox.withLock { mailbox in
            mailbox.deliveries.append(delivery)
            mailbox.gather.came(delivery)
            return mailbox.schedule()
        }
        bring(next)
    }

    /// Through the queue, so that `sync` gets its turn.
    private nonisolated func bring(_ next: Mailbox.Next) {
        switch next {
        case .none: break
        case .comes: executor.queue.async { self.assumeIsolated { $0.round() } }
        case .waits:
            executor.queue.asyncAfter(deadline: .now() + GatherPolicy.waitMax.dispatch) { [weak self] in
                self?.assumeIsolated { $0.waited() }
            }
        }
    }

    /// Harvests the ledgers soon, and tells the stretches. Nothing where a harvest is under way.
    nonisolated func askForHarvest() { executor.queue.async { self.assumeIsolated { $0.beginHarvest() } } }

    /// Runs `body` between two rounds and waits for it. Never from this queue or a shard's.
    nonisolated func sync<Result: Sendable>(_ body: @Sendable (isolated LedgerKeeper) -> Result) -> Result {
        executor.queue.sync { self.assumeIsolated { body($0) } }
    }

    // MARK: Tenants

    /// Where news go: the rooms of the shards, by the shards' numbers.
    func attach(_ rooms: [ShardReference<IngestRoom>]) { self.rooms = rooms }

    /// Opens, and recovers if need be, a tenant's ledger. The board says what became of it: one that cannot be opened
    /// is quarantined, or waits if the reason may pass.
    func open(_ tenant: Tenant, viewsThrough: UInt64) throws(SystemError) {
        defer {
            perform(core.takeNotes())
            services.metrics.set(.tenants, core.tenantCount)
        }
        let disk = try services.ledgerDisk(tenant, try services.folder.tenantDirectory(tenant))
        _ = core.open(tenant, disk: disk, viewsThrough: viewsThrough, now: now())
    }

    /// New records name `book` from here on, and the shards price by it soon after: what they priced by the other until
    /// then is read from the ledgers (`LedgerGrowth`).
    func use(_ book: PriceBook) {
        core.use(book: book.id.value)
        for room in rooms { room.async { $0.use(book) } }
    }

    func streams(of tenant: TenantID) -> [UInt32: LedgerState.Stream] { core.streams(of: tenant) }

    /// Ends the tenant's connections, makes durable what it has appended, and closes its ledger: its folder may go when
    /// this returns. What came for it before is taken first.
    func retire(_ tenant: TenantID) {
        mailbox.withLock { $0.deliveries.append(ShardDelivery(shard: nil, commands: [.retire(tenant)])) }
        round()
    }

    /// Appends nothing more, makes everything durable and marks a clean stop. `last`: the sums of shards whose
    /// connections have ended.
    func close(_ last: [TenantSums]) {
        round()
        // Cut short where a shard has not answered: its sums are among the last.
        let (sums, held) = harvest.end()
        mailbox.withLock { $0.deliveries.insert(contentsOf: held, at: 0) }
        round()
        onHarvest(core.harvest(sums + last))
        for error in core.close() {
            let event: LogEvent
            if case .system = error {
                event = .stopNotMarked(reason: "\(error)")
            } else {
                event = .ledgerNotClosed(reason: "\(error)")
            }
            services.log(event)
        }
        seen.flush()
    }

    // MARK: A round

    /// A wait has ended: its round comes now, if what it waited for has not brought one before.
    private func waited() {
        let isDue = mailbox.withLock { mailbox in
            guard mailbox.next == .waits else { return false }
            mailbox.next = .comes
            return true
        }
        if isDue { round() }
    }

    private func round() {
        let deliveries = mailbox.withLock { mailbox in
            var taken: [ShardDelivery] = []
            swap(&taken, &mailbox.deliveries)
            mailbox.gather.taken()
            mailbox.next = .comes
            return taken
        }
        watchDisk()
        let started = now()
        for delivery in deliveries {
            guard harvest.admit(delivery) else { continue }
            for command in delivery.commands { core.take(command, bodies: delivery.bodies, now: started) }
        }
        let outcome = core.commit(now: now())
        let took = services.clock.now().since(started.monotonic)
        core.observed(outcome, took: took)
        count(outcome, took)
        // The reports' position is on the board before any workstation hears of it.
        if !outcome.moved.isEmpty { onDurable(outcome.moved) }
        // Counted before it is told, so that who has heard finds it in the metrics.
        perform(core.takeNotes())
        deliver(core.takeNews())
        services.metrics.set(.tenants, core.tenantCount)
        if core.isPaused { lookAgainLater() }
        endHarvestIfComplete()
        bring(
            mailbox.withLock { mailbox in
                mailbox.next = .none
                return mailbox.schedule()
            })
    }

    private func beginHarvest() {
        guard harvest.begin(shards: 0..<UInt16(clamping: rooms.count)) else { return }
        for room in rooms { room.async { $0.handOverSums() } }
        endHarvestIfComplete()
    }

    /// Everything that was summed is taken and committed: what was held comes next.
    private func endHarvestIfComplete() {
        guard harvest.isComplete else { return }
        let (sums, held) = harvest.end()
        if !held.isEmpty { mailbox.withLock { $0.deliveries.insert(contentsOf: held, at: 0) } }
        onHarvest(core.harvest(sums))
    }

    private func count(_ outcome: CommitOutcome, _ took: Duration) {
        guard let barrier = outcome.barrier else { return }
        services.metrics.add(.commits)
        services.metrics.add(.commitNanoseconds, Int(clamping: took.wholeNanoseconds))
        switch barrier {
        case .eachSegment: services.metrics.add(.tenantSyncs, outcome.written)
        case .fileSystem: services.metrics.add(.fileSystemSyncs)
        }
    }

    /// Asks for the disk's free space, at most once in `Limits.diskCheckInterval`.
    private func watchDisk() {
        let now = services.clock.now()
        if let diskCheckedAt, now.since(diskCheckedAt) < Limits.diskCheckInterval { return }
        diskCheckedAt = now
        guard let facts = services.disk() else { return }
        core.measured(freeBytes: facts.freeBytes, totalBytes: facts.totalBytes)
    }

    /// While nobody has credit nobody sends, so no command would bring the next round. One at a time.
    private func lookAgainLater() {
        guard !isRetrying else { return }
        isRetrying = true
        executor.queue.asyncAfter(deadline: .now() + Limits.diskPausedInterval.dispatch) { [weak self] in
            self?.assumeIsolated { keeper in
                keeper.isRetrying = false
                keeper.round()
            }
        }
    }

    // MARK: Answers

    /// One hop a shard, however many connections have news.
    private func deliver(_ news: [(ConnectionID, LedgerNews)]) {
        var shards: [[(ConnectionID, LedgerNews)]] = rooms.map { _ in [] }
        for item in news where Int(item.0.shard) < shards.count { shards[Int(item.0.shard)].append(item) }
        for (room, news) in zip(rooms, shards) where !news.isEmpty { room.async { $0.deliver(news) } }
    }

    private func perform(_ notes: [LedgerNote]) {
        for note in notes {
            switch note {
            case .quarantined(_, let name, let reason):
                services.log(.tenantQuarantined(tenant: name.text, reason: reason))
            case .retired: break
            case .gapRecorded(let tenant, let workstation, let first, let last, let reason):
                services.metrics.add(.gapsRecorded)
                services.log(
                    .gapRecorded(
                        tenant: directory.name(of: tenant),
                        workstation: directory.name(of: workstation), first: first.value, last: last.value,
                        reason: "\(reason)"))
            case .eventsCommitted(let events): services.metrics.add(.eventsCommitted, Int(clamping: events))
            case .epochRaised(let name): services.log(.epochRaised(tenant: name.text))
            case .epochNotRaised(let name, let reason):
                services.log(.epochNotRaised(tenant: name.text, reason: reason))
            case .seen(let workstation, let atMs): seen.note(workstation, atMs: atMs)
            case .lookUp(let lookup, let sequence, let connection): answer(lookup, sequence, connection)
            case .adopt(let lookup, let connection): answer(lookup, connection)
            case .paused:
                services.metrics.set(.isPaused, 1)
                services.log(.diskPaused(freeBytes: freeBytes))
            case .resumed:
                services.metrics.set(.isPaused, 0)
                services.log(.diskResumed(freeBytes: freeBytes))
            case .fatal(let reason): services.onFatal(reason)
            }
        }
    }

    private var freeBytes: UInt64 { services.disk()?.freeBytes ?? 0 }

    private func answer(_ lookup: ChainLookup, _ sequence: Sequence64, _ connection: ConnectionID) {
        guard Int(connection.shard) < rooms.count else { return }
        let room = rooms[Int(connection.shard)]
        lookups.async {
            let value = try? lookup.chain(at: sequence)
            room.async { $0.deliver([(connection, LedgerNews.chain(sequence: sequence, value: value))]) }
        }
    }

    private func answer(_ lookup: AdoptionLookup, _ connection: ConnectionID) {
        guard Int(connection.shard) < rooms.count else { return }
        let room = rooms[Int(connection.shard)]
        lookups.async {
            let news = lookup.news()
            room.async { $0.deliver([(connection, news)]) }
        }
    }
}
