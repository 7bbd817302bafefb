import Synchronization
import TallyIO
package import TallyModel
package import TallyStorage

/// Who may connect and what they are called: a copy of the catalog's answers, replaced whole when it changes, so that
/// no connection waits for a database.
package final class TenantDirectory: Sendable {
    package struct Snapshot: Sendable {
        package var credentials = CredentialIndex.empty
        package var tenants: [TenantID: TenantName] = [:]
        package var workstations: [WorkstationID: WorkstationLabel] = [:]
        package init() {}
    }

    private let snapshot: Guarded<Snapshot>

    package init(_ snapshot: Snapshot = Snapshot()) { self.snapshot = Guarded(snapshot) }

    /// Reads everything anew.
    package func refresh(from catalog: Catalog) throws(StorageError) {
        var next = Snapshot()
        next.credentials = try catalog.credentials()
        for tenant in try catalog.tenants() {
            next.tenants[tenant.id] = tenant.name
            for workstation in try catalog.workstations(of: tenant.id) {
                next.workstations[workstation.id] = workstation.label
            }
        }
        replace(by: next)
    }

    package func replace(by next: Snapshot) { snapshot.withLock { $0 = next } }

    /// Whose token has this hash: nobody's where it was revoked, or its tenant is not served.
    package func holder(of hash: TokenHash) -> TokenHolder? {
        snapshot.withLock { snapshot in
            snapshot.credentials.credential(hash).flatMap { snapshot.tenants[$0.tenant] == nil ? nil : $0 }
        }
    }

    package func isRevoked(_ hash: TokenHash) -> Bool { snapshot.withLock { $0.credentials.isRevoked(hash) } }

    package func name(of id: TenantID) -> String { snapshot.withLock { $0.tenants[id]?.text } ?? "#\(id.value)" }

    package func name(of id: WorkstationID) -> String {
        snapshot.withLock { $0.workstations[id]?.text } ?? "#\(id.value)"
    }
}
