import Synchronization
import TallyIO
package import TallyModel
package import TallyStorage

/// Who may connect and what they are called: a copy of the catalog's answers, so that no connection waits for a database.
///
/// Read whole at start; afterwards whoever changes the catalog says here what it changed, once that is durable, so that
/// enrolling the next workstation costs the same beside one and beside 19,000. Changes come one at a time, in the order
/// of the catalog's (`Store.changing`). One that does not fit what is known here, as after a commit of which the library
/// said that it failed and which was kept all the same, has everything read anew.
package final class TenantDirectory: Sendable {
    package struct Snapshot: Hashable, Sendable {
        package var credentials = CredentialIndex.empty
        package var tenants: [TenantID: TenantName] = [:]
        package var workstations: [WorkstationID: WorkstationLabel] = [:]
        package init() {}
    }

    private let snapshot: Guarded<Snapshot>

    package init(_ snapshot: Snapshot = Snapshot()) { self.snapshot = Guarded(snapshot) }

    // MARK: Changes

    /// Reads everything anew.
    package func refresh(from catalog: Catalog) throws(StorageError) {
        var next = Snapshot()
        next.credentials = try catalog.credentials()
        (next.tenants, next.workstations) = try catalog.names()
        replace(by: next)
    }

    package func replace(by next: Snapshot) { snapshot.withLock { $0 = next } }

    package func add(_ tenant: Tenant) { snapshot.withLock { $0.tenants[tenant.id] = tenant.name } }

    /// Its token opens its tenant from here on.
    package func add(_ workstation: Workstation, token: TokenHash, in catalog: Catalog) throws(StorageError) {
        let isKnown = snapshot.withLock { snapshot in
            guard snapshot.tenants[workstation.tenant] != nil else { return false }
            snapshot.workstations[workstation.id] = workstation.label
            snapshot.credentials.enroll(
                workstation.id, of: workstation.tenant, label: workstation.label, token: token)
            return true
        }
        if !isKnown { try refresh(from: catalog) }
    }

    /// Its token opens nothing from here on.
    package func revoke(_ workstation: Workstation, in catalog: Catalog) throws(StorageError) {
        let isKnown = snapshot.withLock {
            $0.credentials.revoke(workstation.id, of: workstation.tenant, label: workstation.label)
        }
        if !isKnown { try refresh(from: catalog) }
    }

    /// It is being deleted: its tokens open nothing from here on.
    package func remove(_ tenant: TenantID) {
        snapshot.withLock { snapshot in
            for workstation in snapshot.credentials.remove(tenant) { snapshot.workstations[workstation] = nil }
            snapshot.tenants[tenant] = nil
        }
    }

    // MARK: Answers

    package var current: Snapshot { snapshot.withLock { $0 } }

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
