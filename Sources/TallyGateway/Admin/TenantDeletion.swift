import TallyHash
import TallyIO
import TallyModel
import TallyStorage

/// Deletes a tenant for good, while the gateway serves all others:
///
///     its connections end, what was appended becomes durable, ledger and views close
///     → the catalog says "deleting", durably: its tokens open nothing any more
///     → its folder is renamed, then emptied (`TenantRemoval`), durably
///     → its rows go from the catalog, overwritten; its number is never given again
///
/// A stop at any arrow leaves either the tenant as it was or a deletion that the next start finishes.
struct TenantDeletion {
    let store: Store

    private var catalog: Catalog { store.services.folder.catalog }

    func delete(_ tenant: Tenant, by stamp: Stamp) throws {
        store.ledgers.sync { $0.retire(tenant.id) }
        store.views.sync { $0.close(tenant.id) }
        store.board.set(tenant.id, nil)
        do {
            try catalog.beginDeletion(of: tenant.id, by: stamp)
        } catch {
            // Nothing has been deleted: the tenant goes on.
            try store.open(tenant)
            throw error
        }
        store.directory.remove(tenant.id)
        try finish(tenant, by: stamp)
    }

    /// The rest of a deletion that the catalog knows of.
    func finish(_ tenant: Tenant, by stamp: Stamp) throws {
        try TenantRemoval.remove(tenant.folder, from: try store.services.folder.tenantsDirectory(), entropy: .system)
        try catalog.finishDeletion(of: tenant.id, by: stamp)
        // What the rows held must not stand on in the write-ahead log.
        try catalog.checkpoint()
    }

    /// Finishes what an earlier process began; says what it could not finish.
    func resume() throws {
        try TenantRemoval.sweep(try store.services.folder.tenantsDirectory())
        for tenant in try catalog.tenants() where tenant.state == .deleting {
            try finish(tenant, by: store.services.stamp())
        }
    }
}
