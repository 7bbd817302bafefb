import Synchronization
import TallyIO
package import TallyModel
package import TallyStorage

/// An open data folder with its ledgers and views: what `serve` runs on, and what a command opens for itself where no
/// gateway is running.
package final class Store: Sendable {
    package let services: Services
    package let board = TenantBoard()
    let views: ViewsKeeper
    let ledgers: LedgerKeeper
    let directory = TenantDirectory()
    /// One change of the catalog and of what was read from it at a time: an older answer must not replace a newer one.
    let changing = Guarded(())
    let usage: UsageService
    private let waiting: WaitingTenants

    /// Which tenants are opened at once. A gateway serves all; a command that asks for one need not wait for a thousand.
    package enum Opening: Hashable, Sendable {
        case all, none
        case one(name: String)

        func includes(_ tenant: Tenant) -> Bool {
            switch self {
            case .all: true
            case .none: false
            case .one(let name): tenant.name.text == name
            }
        }
    }

    /// Opens the tenants. One that is damaged is quarantined and said so; one that finds no room waits, and is opened
    /// when there is some; the others go on.
    package init(
        services: Services, opening: Opening = .all, limits: AbuseLimits = AbuseLimits()
    ) throws(StorageError) {
        self.services = services
        let board = self.board
        let views = ViewsKeeper(services: services, board: board)
        self.views = views
        let ledgers = LedgerKeeper(
            services: services, limits: limits, board: board, directory: directory, onDurable: { views.wake($0) },
            onHarvest: { views.take($0) })
        self.ledgers = ledgers
        // The other way round it would be a cycle, and the folder's lock would never go.
        let askForHarvest: @Sendable () -> Void = { [weak ledgers] in ledgers?.askForHarvest() }
        views.sync { $0.attach(askForHarvest: askForHarvest) }
        usage = UsageService(services: services, board: board, views: views)
        waiting = WaitingTenants(board: board, log: services.log)
        waiting.attach(self)
        do { try TenantDeletion(store: self).resume() } catch { services.log(.deletionUnfinished(reason: "\(error)")) }
        try directory.refresh(from: services.folder.catalog)
        for tenant in try services.folder.catalog.tenants() where tenant.state == .active && opening.includes(tenant) {
            openOrQuarantine(tenant)
        }
    }

    /// Opens one tenant: its views first, for they say how much of the ledger was durable. One that cannot be opened for
    /// a reason that may pass waits and is tried again.
    func open(_ tenant: Tenant) throws {
        do {
            try makeFolder(of: tenant)
            let through = try views.sync { views in Result { try views.open(tenant) } }.get()
            try ledgers.sync { ledgers in
                Result { () throws(SystemError) in try ledgers.open(tenant, viewsThrough: through) }
            }.get()
        } catch let error as SystemError where error.isPassing {
            board.set(tenant.id, .waiting("\(error)"))
        } catch let error as StorageError where error.isPassing {
            board.set(tenant.id, .waiting("\(error)"))
        }
        switch board[tenant.id] {
        case .open?: views.opened(tenant.id)
        // Two connections to one file must not stand side by side at the next try.
        case .waiting?: views.sync { $0.close(tenant.id) }
        default: break
        }
        if waiting.note(tenant) { waiting.tryAgainLater() }
    }

    /// Opens a tenant that waited, unless it has gone or been opened meanwhile.
    func openAgain(_ tenant: Tenant) {
        changing.withLock { _ in
            if !waiting.isStopped, case .waiting? = board[tenant.id] {
                openOrQuarantine(tenant)
            } else {
                waiting.forget(tenant.id)
            }
        }
    }

    private func openOrQuarantine(_ tenant: Tenant) {
        do {
            try open(tenant)
        } catch {
            waiting.forget(tenant.id)
            board.set(tenant.id, .quarantined("\(error)"))
            services.log(.tenantQuarantined(tenant: tenant.name.text, reason: "\(error)"))
        }
    }

    /// A folder that is missing is made only where nothing can have been in it: beginning anew in silence would hide that
    /// all of a tenant's events are gone.
    private func makeFolder(of tenant: Tenant) throws {
        do throws(SystemError) {
            _ = try services.folder.tenantDirectory(tenant)
        } catch {
            guard error.isNotFound else { throw error }
            let workstations = try services.folder.catalog.workstations(of: tenant.id)
            guard workstations.allSatisfy({ $0.lastSeenMs == nil }) else {
                throw StorageError.tenantFolderMissing(tenant.name, folder: tenant.folder)
            }
            _ = try services.folder.makeTenantDirectory(tenant)
        }
    }

    /// Makes all durable, lets the views catch up, marks a clean stop.
    package func close() { close([]) }

    /// The same; `sums` are those of the shards since the last harvest.
    func close(_ sums: [TenantSums]) {
        // Whoever is opening a tenant just now ends that first.
        changing.withLock { _ in waiting.stop() }
        ledgers.sync { $0.close(sums) }
        views.sync { $0.finish() }
        try? services.folder.catalog.checkpoint()
    }

    func stamp() -> Stamp { Stamp(actor: .user(UserID.current), timeMs: services.clock.wallMs()) }

    /// Where workstations on this machine find the authority; nil where the operator brought a certificate.
    var authorityFile: String? {
        let path = services.folder.path + "/tls/" + TLSIdentity.authorityName
        guard (try? services.folder.tlsDirectory().facts(TLSIdentity.authorityName)) != nil else { return nil }
        return AbsolutePath.of(path)
    }
}
