import TallyIO
package import TallyLog
package import TallyModel
import TallyProtocol
package import TallyStorage
import TallyWire

/// Makes a tenant's new epoch durable where tenants are kept, before the ledger and any WELCOME name it.
package typealias EpochRenewal = (TenantID, StoreEpoch, _ atMs: Int64) throws(StorageError) -> Void

/// The one appender of all ledgers of a data folder: decides what is appended, how it is made durable, and who is told.
///
/// It touches no socket, no clock, no random source and no file but the disks that it is given, so that a simulation can
/// run it from a seed. Its owner calls it a *round* at a time, always from one place:
///
///     take(command) …   append, in memory
///     commit()          one barrier for everything that was appended
///     takeNews()        what connections are to be told, in this order
///     takeNotes()       what is to be logged, counted and looked up
///     harvest(sums)     now and then: stretches for the views
///
/// Nothing is in the news that a barrier does not cover. After a write or a barrier has failed (`failure`) nothing is
/// taken and nothing is said: what the disk holds is unknown until the ledgers are opened anew.
package final class LedgerCore {
    package struct Settings: Sendable {
        /// The price book that new records name, by the hash of its content.
        package var book: UInt64
        package var logOptions = LogOptions()
        package var limits = AbuseLimits()
        package init(book: UInt64) { self.book = book }
    }

    private(set) var settings: Settings
    let board: TenantBoard
    let entropy: Entropy
    /// One barrier for all ledgers; nil where only a segment's own sync can be relied on.
    let barrier: (any DiskBarrier)?
    let renewEpoch: EpochRenewal

    var desks: [TenantID: DeskBox] = [:]
    var policy: CommitPolicy
    /// Tenants that the next barrier must settle.
    var dirty = InsertionOrder<TenantID>()
    /// Tenants that have more on stable storage than at the last harvest.
    var unharvested = InsertionOrder<TenantID>()
    var news: [(ConnectionID, LedgerNews)] = []
    var notes: [LedgerNote] = []
    var diskWatch = DiskWatch()
    /// A write found no room, and no commit has succeeded since.
    var isFull = false
    /// Nobody has credit.
    package internal(set) var isPaused = false
    /// Why nothing goes on.
    package internal(set) var failure: String?

    package init(
        settings: Settings, board: TenantBoard, entropy: Entropy, barrier: (any DiskBarrier)?,
        renewEpoch: @escaping EpochRenewal
    ) {
        self.settings = settings
        self.board = board
        self.entropy = entropy
        self.barrier = barrier
        self.renewEpoch = renewEpoch
        policy = CommitPolicy(mayUseFileSystem: barrier != nil)
    }

    // MARK: Tenants

    package var tenantCount: Int { desks.count }

    /// Opens, and recovers if need be, the tenant's ledger on `disk`. Says what is wrong where it cannot be opened: the
    /// tenant then waits, to be opened again by the caller, if that may pass, and is quarantined if not. `viewsThrough` is the last ordinal that the views hold.
    package func open(
        _ tenant: Tenant, disk: any LogDisk, viewsThrough: UInt64, now: GatewayInstant
    ) -> LedgerError? {
        guard desks[tenant.id] == nil else { return nil }
        do throws(LedgerError) {
            let ledger = try TenantLedger(
                tenant: tenant, disk: disk, book: settings.book, viewsThrough: viewsThrough, nowMs: now.wallMs,
                options: settings.logOptions, entropy: entropy)
            board.set(tenant.id, .open(durable: ledger.durable))
            if !ledger.recovery.wasClean { policy.foundUnclean() }
            desks[tenant.id] = DeskBox(
                LedgerDesk(tenant: tenant, ledger: ledger, limits: settings.limits, now: now))
            return nil
        } catch {
            guard !error.isPassing else {
                board.set(tenant.id, .waiting("\(error)"))
                return error
            }
            board.set(tenant.id, .quarantined("\(error)"))
            notes.append(.quarantined(tenant.id, tenant.name, reason: "\(error)"))
            return error
        }
    }

    /// New records name `book` from here on, all ledgers'. It is on stable storage.
    package func use(book: UInt64) {
        guard settings.book != book else { return }
        settings.book = book
        for tenant in desks.keys.sorted() {
            desks[tenant]?.desk.ledger.book = book
            desks[tenant]?.desk.growth.hasManyBooks = true
        }
    }

    package func streams(of tenant: TenantID) -> [UInt32: LedgerState.Stream] {
        desks[tenant]?.desk.ledger.state.streams ?? [:]
    }

    /// The last record of a tenant's ledger, durable or not.
    package func appended(of tenant: TenantID) -> LedgerPosition? { desks[tenant]?.desk.ledger.appended }

    /// The connection that holds a stream, if one does.
    package func holder(of tenant: TenantID, stream number: UInt32) -> ConnectionID? {
        desks[tenant]?.desk.live[number]?.connection
    }

    /// Makes everything durable, says so on the disks, and closes. Returns what could not be closed cleanly.
    package func close() -> [LogError] {
        var errors: [LogError] = []
        for tenant in desks.keys.sorted() {
            do throws(LogError) { try desks[tenant]?.desk.ledger.close() } catch { errors.append(error) }
        }
        desks = [:]
        return errors
    }

    // MARK: A round

    /// `bodies`: of the delivery that the command came with.
    package func take(_ command: LedgerCommand, bodies: [UInt8] = [], now: GatewayInstant) {
        guard failure == nil else { return }
        switch command {
        case .claim(let request): claim(request, now: now)
        case .append(let batch):
            append(
                to: batch.ticket.tenant, batch.connection, first: batch.header.first, run: batch.header.count, now: now
            ) { desk throws(LedgerError) in
                try desk.append(batch, bodies, now: now)
            }
        case .skip(let skip):
            append(
                to: skip.ticket.tenant, skip.connection, first: skip.skip.first, run: skip.skip.events, now: now
            ) { desk throws(LedgerError) in
                try desk.append(skip, now: now)
            }
        case .close(let ticket, let connection): close(ticket, connection, now: now)
        case .release(let request): desks[request.tenant]?.desk.release(request)
        case .probe(let ticket, let sequence, let connection): probe(ticket, sequence, connection)
        case .adopt(let ticket, let question, let connection): adopt(ticket, question, connection)
        case .raiseEpoch(let request): raiseEpoch(request, now: now)
        case .revoke(let workstation): revoke(workstation)
        case .retire(let tenant): retire(tenant)
        }
    }

    /// What connections are to be told, oldest first.
    package func takeNews() -> [(ConnectionID, LedgerNews)] {
        defer { news.removeAll(keepingCapacity: true) }
        return news
    }

    package func takeNotes() -> [LedgerNote] {
        defer { notes.removeAll(keepingCapacity: true) }
        return notes
    }

    func post(_ item: LedgerNews, to connection: ConnectionID) {
        if failure == nil { news.append((connection, item)) }
    }

    // MARK: Appending

    /// Runs one append. A refusal goes to the connection; so does a full disk, with what was appended before intact; a
    /// ledger that contradicts itself quarantines its tenant.
    private func append(
        to tenant: TenantID, _ connection: ConnectionID, first: Sequence64, run: UInt32, now: GatewayInstant,
        _ body: (inout LedgerDesk) throws(LedgerError) -> RunRefusal?
    ) {
        guard let box = desks[tenant] else {
            return post(.ended(.tenantUnavailable, reconnectMs: 60_000), to: connection)
        }
        do throws(LedgerError) {
            try makeRoom(box, now: now)
            if let refusal = try body(&box.desk) {
                post(.refused(first: first, refusal), to: connection)
            } else {
                dirty.insert(tenant)
            }
        } catch {
            guard error.isNoRoom else { return fail(tenant, error) }
            metFullDisk(box)
            post(
                .refused(
                    first: first,
                    RunRefusal(reason: .storage, run: run, retryMs: Limits.storageRetry.wholeMilliseconds)),
                to: connection)
        }
    }

    /// Seals a full segment. A full disk leaves it as it is: the append then finds no room.
    func makeRoom(_ box: DeskBox, now: GatewayInstant) throws(LedgerError) {
        do throws(LogError) { try box.desk.makeRoom(now: now) } catch { throw .log(error) }
    }

    /// A ledger that a write failed on ends everything; one that contradicts itself is closed, and all others go on.
    func fail(_ tenant: TenantID, _ error: LedgerError) {
        if case .log(.poisoned(let cause)) = error {
            stop("tenant \(desks[tenant]?.desk.tenant.name.text ?? "#\(tenant.value)"): \(cause)")
        } else {
            quarantine(tenant, "\(error)")
        }
    }

    /// Nothing that was to be said may be said: it would rest on a barrier that did not hold.
    func stop(_ reason: String) {
        failure = reason
        news = []
        notes.append(.fatal(reason))
    }

    private func quarantine(_ tenant: TenantID, _ reason: String) {
        guard let box = desks.removeValue(forKey: tenant) else { return }
        board.set(tenant, .quarantined(reason))
        notes.append(.quarantined(tenant, box.desk.tenant.name, reason: reason))
        for number in box.desk.liveNumbers {
            guard let live = box.desk.live[number] else { continue }
            post(.ended(.storage, reconnectMs: 60_000), to: live.connection)
        }
        dirty.remove(tenant)
    }
}

extension LedgerError {
    /// Why a ledger could not be opened may pass. Opening it anew is the recovery of a poisoned log, and the file stands
    /// untouched until its copy is durable: a sync is not tried twice.
    var isPassing: Bool {
        switch self {
        case .log(.system(let cause)): cause.isPassing
        case .log(.poisoned(let cause)): cause.isNoSpace
        default: false
        }
    }

    /// The disk or the segment takes no more at present: nothing is lost, and the same may be asked again.
    var isNoRoom: Bool {
        switch self {
        case .log(.system), .log(.segmentFull), .log(.bufferFull): true
        default: false
        }
    }
}
