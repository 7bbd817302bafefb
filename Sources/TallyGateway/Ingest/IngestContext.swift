import Synchronization
import TallyIO
import TallyModel
import TallyStorage

/// What ingest connections need from the rest of the gateway. Shared by all shards.
final class IngestContext: Sendable {
    let services: Services
    let keeper: LedgerKeeper
    let directory: TenantDirectory

    init(services: Services, keeper: LedgerKeeper, directory: TenantDirectory) {
        self.services = services
        self.keeper = keeper
        self.directory = directory
    }
}

/// Who may connect and what they are called: a copy of the catalog's answers, replaced whole when it changes, so that
/// no connection waits for a database.
final class TenantDirectory: Sendable {
    private struct Snapshot {
        var credentials = CredentialIndex.empty
        var tenants: [TenantID: Tenant] = [:]
        var workstations: [WorkstationID: WorkstationLabel] = [:]
    }

    private let snapshot = Guarded(Snapshot())

    /// Reads everything anew.
    func refresh(from catalog: Catalog) throws(StorageError) {
        var next = Snapshot()
        next.credentials = try catalog.credentials()
        for tenant in try catalog.tenants() {
            next.tenants[tenant.id] = tenant
            for workstation in try catalog.workstations(of: tenant.id) {
                next.workstations[workstation.id] = workstation.label
            }
        }
        snapshot.withLock { $0 = next }
    }

    func holder(of hash: TokenHash) -> TokenHolder? { snapshot.withLock { $0.credentials.credential(hash) } }
    func isRevoked(_ hash: TokenHash) -> Bool { snapshot.withLock { $0.credentials.isRevoked(hash) } }
    func tenant(_ id: TenantID) -> Tenant? { snapshot.withLock { $0.tenants[id] } }
    func name(of id: WorkstationID) -> String {
        snapshot.withLock { $0.workstations[id]?.text } ?? "#\(id.value)"
    }
}
