import Dispatch
import Synchronization
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyProtocol
import TallyStorage
import TallyTransport
import TallyWire

/// The one appender of all ledgers of a data folder, on a queue of its own.
///
/// A *round*: take every command that has come, append, run one barrier for all tenants that were written, tell the
/// connections, group by group and shard by shard. While a barrier runs the next round gathers in the mailbox, so the
/// group grows with the load and nothing waits for a timer. What may gather is bounded by the credit granted.
///
/// A barrier that fails ends the process (`onFatal`): nothing is acknowledged, nothing is retried, and the next start
/// recovers. A ledger that contradicts itself quarantines its tenant; all others go on.
actor LedgerKeeper {
    private struct Mailbox {
        var commands: [LedgerCommand] = []
        var isScheduled = false
    }

    private nonisolated let executor = QueueExecutor(DispatchQueue(label: "tallygate.ledger", qos: .userInitiated))
    private nonisolated let mailbox = Guarded(Mailbox())
    private nonisolated let services: Services
    private nonisolated let board: TenantBoard
    private nonisolated let seen: SeenNotes
    /// Told, on this queue, which tenants have more that is durable.
    private nonisolated let onDurable: @Sendable ([TenantID]) -> Void
    /// Reads old records for PROBE, away from the appends.
    private nonisolated let lookups = DispatchQueue(label: "tallygate.lookups", qos: .utility)

    private var desks: [TenantID: DeskBox] = [:]
    private var policy: CommitPolicy
    private var fileSystem: FileSystemBarrier?
    private var outbox: [(ConnectionID, LedgerNews)] = []
    private nonisolated let rooms: IngestRooms
    private var dirty: Set<TenantID> = []
    /// The disk was full at the last barrier.
    private var isPaused = false
    private var isRetrying = false

    @safe nonisolated var unownedExecutor: UnownedSerialExecutor { executor.reference }

    init(
        services: Services, board: TenantBoard, rooms: IngestRooms,
        onDurable: @escaping @Sendable ([TenantID]) -> Void
    ) {
        self.services = services
        self.rooms = rooms
        self.board = board
        self.onDurable = onDurable
        seen = SeenNotes(catalog: services.folder.catalog, log: services.log)
        let facts = try? services.folder.fileSystem()
        let mayFlush = facts?.flushesDriveOnSyncfs ?? false
        fileSystem = mayFlush ? try? FileSystemBarrier.open(on: services.folder.directory) : nil
        policy = CommitPolicy(mayUseFileSystem: fileSystem != nil)
    }

    // MARK: From other queues

    /// Hands commands over; order among one caller's commands is kept.
    nonisolated func submit(_ commands: [LedgerCommand]) {
        let mustWake = mailbox.withLock { mailbox in
            mailbox.commands.append(contentsOf: commands)
            guard !mailbox.isScheduled else { return false }
            mailbox.isScheduled = true
            return true
        }
        if mustWake { executor.queue.async { self.assumeIsolated { $0.round() } } }
    }

    /// Runs `body` between two rounds and waits for it. Never from this queue or a shard's.
    nonisolated func sync<Result: Sendable>(_ body: @Sendable (isolated LedgerKeeper) -> Result) -> Result {
        executor.queue.sync { self.assumeIsolated { body($0) } }
    }

    // MARK: Tenants

    /// Opens, and recovers if need be, a tenant's ledger. Says what is wrong where it cannot be opened.
    func open(_ tenant: Tenant, viewsThrough: UInt64) -> String? {
        guard desks[tenant.id] == nil else { return nil }
        do {
            let folder = try services.folder.tenantDirectory(tenant)
            let ledger = try TenantLedger(
                tenant: tenant, disk: try folder.openOrMakeDirectory(TenantLedger.folderName),
                book: services.folder.books.current.id.value,
                viewsThrough: viewsThrough, nowMs: services.clock.wallMs(), options: services.logOptions)
            board.set(tenant.id, .open(durable: ledger.durable))
            desks[tenant.id] = DeskBox(LedgerDesk(tenant: tenant, ledger: ledger))
            services.metrics.set(.tenants, desks.count)
            return nil
        } catch {
            let reason = "\(error)"
            board.set(tenant.id, .quarantined(reason))
            services.log(.tenantQuarantined(tenant: tenant.name.text, reason: reason))
            return reason
        }
    }

    func streams(of tenant: TenantID) -> [UInt32: LedgerState.Stream] {
        desks[tenant]?.desk.ledger.state.streams ?? [:]
    }

    /// Appends nothing more, makes everything durable and marks a clean stop.
    func close() {
        round()
        for (_, box) in desks {
            do { try box.desk.ledger.close() } catch { services.log(.commitFailed(reason: "\(error)")) }
        }
        desks = [:]
        seen.flush()
    }

    // MARK: A round

    private func round() {
        let commands = mailbox.withLock { mailbox in
            var taken: [LedgerCommand] = []
            swap(&taken, &mailbox.commands)
            return taken
        }
        for command in commands { take(command) }
        commit()
        deliver()
        let hasMore = mailbox.withLock { mailbox in
            mailbox.isScheduled = !mailbox.commands.isEmpty
            return mailbox.isScheduled
        }
        // Through the queue again, so that `sync` gets its turn.
        if hasMore { executor.queue.async { self.assumeIsolated { $0.round() } } }
    }

    private func take(_ command: LedgerCommand) {
        switch command {
        case .claim(let request): claim(request)
        case .append(let batch):
            run(batch.ticket.tenant, batch.connection) { desk, nowMs throws(LedgerError) in
                try desk.append(batch, nowMs: nowMs)
            } refused: {
                .refused(first: batch.header.first, $0)
            }
        case .skip(let append):
            run(append.ticket.tenant, append.connection) { desk, nowMs throws(LedgerError) in
                try desk.append(append, nowMs: nowMs)
            } refused: {
                .refused(first: append.skip.first, $0)
            }
        case .close(let ticket, let connection): close(ticket, connection)
        case .release(let request): desks[request.tenant]?.desk.release(request)
        case .probe(let ticket, let sequence, let connection):
            probe(ticket, sequence, connection)
        case .raiseEpoch(let request): raiseEpoch(request)
        case .revoke(let workstation): revoke(workstation)
        case .adopt(_, let question, let connection):
            _ = question
            post(.adopted([], isLast: true), to: connection)
        case .retire: break
        }
    }

    /// Runs one append; a refusal goes to the connection, a fault quarantines the tenant.
    private func run(
        _ tenant: TenantID, _ connection: ConnectionID,
        _ body: (inout LedgerDesk, Int64) throws(LedgerError) -> RunRefusal?, refused: (RunRefusal) -> LedgerNews
    ) {
        guard let box = desks[tenant] else {
            post(.claimFailed(.tenantUnavailable, reconnectMs: 60_000), to: connection)
            return
        }
        do throws(LedgerError) {
            try makeRoom(box)
            if let refusal = try body(&box.desk, services.clock.wallMs()) {
                post(refused(refusal), to: connection)
            } else {
                dirty.insert(tenant)
            }
        } catch {
            fail(tenant, error, connection)
        }
    }

    /// Seals a full segment. A full disk leaves it as it is: the append then finds no room and says BUSY.
    private func makeRoom(_ box: DeskBox) throws(LedgerError) {
        do throws(LogError) {
            try box.desk.ledger.rollIfDue(nowMs: services.clock.wallMs())
        } catch {
            throw .log(error)
        }
    }

    private func fail(_ tenant: TenantID, _ error: LedgerError, _ connection: ConnectionID) {
        switch error {
        case .log(.poisoned(let cause)): services.onFatal("\(cause)")
        case .log(.system), .log(.segmentFull), .log(.bufferFull):
            // No room: the batch stays with the workstation, which comes again.
            post(.claimFailed(.storage, reconnectMs: 5_000), to: connection)
        default: quarantine(tenant, "\(error)")
        }
    }

    private func quarantine(_ tenant: TenantID, _ reason: String) {
        guard let box = desks.removeValue(forKey: tenant) else { return }
        board.set(tenant, .quarantined(reason))
        services.log(.tenantQuarantined(tenant: box.desk.tenant.name.text, reason: reason))
        for live in box.desk.live.values { post(.claimFailed(.storage, reconnectMs: 60_000), to: live.connection) }
        dirty.remove(tenant)
        services.metrics.set(.tenants, desks.count)
    }

    // MARK: Streams

    private func claim(_ request: StreamRequest) {
        guard let box = desks[request.tenant] else {
            post(.claimFailed(.tenantUnavailable, reconnectMs: 60_000), to: request.connection)
            return
        }
        do throws(LedgerError) {
            try makeRoom(box)
            switch try box.desk.claim(request, nowMs: services.clock.wallMs()) {
            case .refused(let reason): post(.claimFailed(reason, reconnectMs: 0), to: request.connection)
            case .waits(let superseded):
                if let superseded { post(.superseded, to: superseded) }
                // A claim waits for a barrier even where nothing is new: what it says must be durable.
                dirty.insert(request.tenant)
            }
        } catch {
            fail(request.tenant, error, request.connection)
        }
    }

    private func close(_ ticket: StreamTicket, _ connection: ConnectionID) {
        guard let box = desks[ticket.tenant], box.desk.holds(ticket, connection) else { return }
        do throws(LedgerError) {
            try box.desk.ledger.changeStream(
                ticket.number, .closed, isClosed: true, nowMs: services.clock.wallMs())
            box.desk.closings.append(connection)
            dirty.insert(ticket.tenant)
        } catch {
            fail(ticket.tenant, error, connection)
        }
    }

    private func raiseEpoch(_ request: StreamRequest) {
        guard let box = desks[request.tenant] else { return claim(request) }
        // Taken over meanwhile: the newer connection will prove the same loss.
        guard box.desk.holds(request) else { return }
        let epoch = StoreEpoch(Random.uint64())
        do {
            try services.folder.catalog.renewEpoch(of: request.tenant, to: epoch, by: services.stamp())
            try makeRoom(box)
            try box.desk.ledger.raiseEpoch(to: epoch, nowMs: services.clock.wallMs())
            services.log(.epochRaised(tenant: box.desk.tenant.name.text))
        } catch let error as LedgerError {
            return fail(request.tenant, error, request.connection)
        } catch {
            // The catalog's disk is full, or the catalog is busy: the workstation comes again.
            services.log(.commitFailed(reason: "\(error)"))
            return post(.claimFailed(.storage, reconnectMs: 5_000), to: request.connection)
        }
        claim(request)
    }

    private func revoke(_ workstation: WorkstationID) {
        for (_, box) in desks {
            for (number, live) in box.desk.live where live.workstation == workstation {
                box.desk.live[number] = nil
                post(.revoked, to: live.connection)
            }
        }
    }

    /// Answers with the chain value after `sequence`, or with nil where the ledger no longer tells. It may take the
    /// reading of a whole ledger, for which no other tenant's commit shall wait.
    private func probe(_ ticket: StreamTicket, _ sequence: Sequence64, _ connection: ConnectionID) {
        guard let box = desks[ticket.tenant], box.desk.holds(ticket),
            let stream = box.desk.ledger.state.streams[ticket.number]
        else { return post(.chain(sequence: sequence, value: nil), to: connection) }
        let lookup = ChainLookup(
            ledger: box.desk.ledger.readable, durable: box.desk.ledger.durable.ordinal, number: ticket.number,
            stream: stream.id)
        let rooms = rooms
        lookups.async {
            let value = try? lookup.chain(at: sequence)
            rooms.deliver([(connection, .chain(sequence: sequence, value: value))])
        }
    }

    // MARK: The barrier

    private func commit() {
        guard !dirty.isEmpty else { return }
        let started = services.clock.now()
        var written: [TenantID] = []
        for tenant in dirty {
            guard let box = desks[tenant], box.desk.ledger.isDirty else { continue }
            written.append(tenant)
        }
        do throws(LogError) {
            try makeDurable(written)
        } catch {
            if case .system(let cause) = error, cause.isNoSpace {
                // The records stay in memory; nothing was promised. The next round tries again.
                if !isPaused { services.log(.diskPaused(freeBytes: freeBytes)) }
                isPaused = true
                retryLater()
                return
            }
            services.onFatal("\(error)")
            return
        }
        if !written.isEmpty {
            services.metrics.add(.commits)
            services.metrics.add(
                .commitNanoseconds, Int(clamping: services.clock.now().since(started).wholeNanoseconds))
        }
        if isPaused { services.log(.diskResumed(freeBytes: freeBytes)) }
        isPaused = false
        // A tenant may also have become durable by a roll, or in a round that then failed for another tenant.
        var moved: [TenantID] = []
        for tenant in dirty where settle(tenant) { moved.append(tenant) }
        dirty.removeAll(keepingCapacity: true)
        if !moved.isEmpty { onDurable(moved) }
    }

    private var freeBytes: UInt64 { (try? services.folder.fileSystem().freeBytes) ?? 0 }

    private func makeDurable(_ tenants: [TenantID]) throws(LogError) {
        switch policy.barrier(dirtyTenants: tenants.count) {
        case .eachSegment:
            for tenant in tenants { try desks[tenant]?.desk.ledger.sync() }
            services.metrics.add(.tenantSyncs, tenants.count)
        case .fileSystem:
            for tenant in tenants { try desks[tenant]?.desk.ledger.flush() }
            let started = services.clock.now()
            do throws(SystemError) { try fileSystem?.sync() } catch { throw .poisoned(error) }
            policy.observed(nanoseconds: services.clock.now().since(started).wholeNanoseconds)
            for tenant in tenants { desks[tenant]?.desk.ledger.markSynced() }
            services.metrics.add(.fileSystemSyncs)
        }
    }

    /// One at a time, however many rounds fail meanwhile.
    private func retryLater() {
        guard !isRetrying else { return }
        isRetrying = true
        executor.queue.asyncAfter(deadline: .now() + .seconds(1)) {
            self.assumeIsolated { keeper in
                keeper.isRetrying = false
                keeper.round()
            }
        }
    }

    /// A tenant's appends are durable: acknowledge them, welcome who waits. True where there is more that is durable.
    private func settle(_ tenant: TenantID) -> Bool {
        guard let box = desks[tenant] else { return false }
        let standing = TenantBoard.Standing.open(durable: box.desk.ledger.durable)
        let hasMoved = board[tenant] != standing
        if hasMoved { board.set(tenant, standing) }
        services.metrics.add(.eventsCommitted, Int(clamping: box.desk.ledger.state.events - box.desk.eventsTold))
        box.desk.eventsTold = box.desk.ledger.state.events
        for number in box.desk.advanced {
            guard let live = box.desk.live[number], let stream = box.desk.ledger.state.streams[number] else { continue }
            post(
                .committed(GatewaySession.Cursor(sequence: stream.sequence, chain: stream.chain)), to: live.connection)
        }
        box.desk.advanced.removeAll(keepingCapacity: true)
        let now = services.clock.wallMs()
        let oldest = box.desk.tenant.retention.cutoffMs(nowMs: now) + 1
        for (number, request) in box.desk.claims {
            guard let (claim, ticket) = box.desk.claim(of: number, oldestTimeMs: oldest, nowMs: now) else { continue }
            post(.claimed(claim, ticket), to: request.connection)
            seen.note(request.workstation, atMs: now)
        }
        box.desk.claims.removeAll()
        for connection in box.desk.closings { post(.closed, to: connection) }
        box.desk.closings.removeAll()
        return hasMoved
    }

    // MARK: Answers

    private func post(_ news: LedgerNews, to connection: ConnectionID) { outbox.append((connection, news)) }

    private func deliver() {
        rooms.deliver(outbox)
        outbox.removeAll(keepingCapacity: true)
    }
}
