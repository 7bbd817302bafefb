import GRDB
package import TallyModel

/// Tenants: made, listed, deleted. A number is never given twice, not even after a deletion.
extension Catalog {
    /// Makes a tenant. Its folder is the caller's to create, named `Tenant.folder`.
    package func createTenant(
        _ name: TenantName, plan: Plan, retentionDays: Int? = nil, draws: TenantDraws, by stamp: Stamp
    ) throws(StorageError) -> Tenant {
        let retention: Retention
        do { retention = try Retention(plan: plan, days: retentionDays) } catch { throw .retention(error) }
        return try file.write { database in
            guard try Catalog.find(name, in: database) == nil else { throw StorageError.tenantExists(name) }
            guard try database.number("SELECT COUNT(*) FROM tenants") < Limits.tenantsMax else {
                throw StorageError.tenantsTooMany
            }
            try database.run(
                """
                INSERT INTO tenants (name, plan, retention_days, created_ms, state, epoch, project_key, folder)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    name.text, plan.rawValue, retentionDays, stamp.timeMs, TenantState.active.rawValue,
                    draws.epoch.pattern, draws.projectKey.data, draws.folder.data,
                ])
            guard let tenant = try Catalog.find(name, in: database) else { throw UnreadableValue.type }
            try Catalog.append(
                AuditRow(
                    stamp: stamp, tenant: tenant.id, action: .tenantCreated, first: Int64(plan.rawValue),
                    second: Int64(retention.days)),
                to: database)
            return tenant
        }
    }

    /// All tenants by name, those being deleted too.
    package func tenants() throws(StorageError) -> [Tenant] {
        try file.read { database in
            try Row.fetchAll(database, sql: Catalog.selectTenant + " ORDER BY name").map(Catalog.tenant)
        }
    }

    /// The active tenant of this name.
    package func tenant(named name: TenantName) throws(StorageError) -> Tenant {
        try file.read { database in try Catalog.active(name, in: database) }
    }

    /// Draws a new life of the tenant's store, after a restore: workstations then send again what they kept.
    package func renewEpoch(of id: TenantID, to epoch: StoreEpoch, by stamp: Stamp) throws(StorageError) {
        try file.write { database in
            try database.run("UPDATE tenants SET epoch = ? WHERE id = ?", [epoch.value.pattern, id.value.pattern])
            guard database.changesCount == 1 else { throw StorageError.tenantGone(id) }
            try Catalog.append(AuditRow(stamp: stamp, tenant: id, action: .epochRenewed), to: database)
        }
    }

    /// First durable step of a deletion: from here on the tenant's tokens open nothing, and a restart goes on
    /// where this one stopped. Asking again changes nothing.
    package func beginDeletion(of id: TenantID, by stamp: Stamp) throws(StorageError) {
        try file.write { database in
            let deleting = TenantState.deleting.rawValue
            guard
                let row = try Row.fetchOne(
                    database, sql: "SELECT state FROM tenants WHERE id = ?", arguments: [id.value.pattern])
            else { throw StorageError.tenantGone(id) }
            guard try row.int(0) != Int64(deleting) else { return }
            try database.run("UPDATE tenants SET state = ? WHERE id = ?", [deleting, id.value.pattern])
            try Catalog.append(AuditRow(stamp: stamp, tenant: id, action: .tenantDeletionBegun), to: database)
        }
    }

    /// Last step, once the tenant's folder is gone: its row, workstations and token hashes go; the name is free.
    package func finishDeletion(of id: TenantID, by stamp: Stamp) throws(StorageError) {
        try file.write { database in
            try database.run(
                "DELETE FROM tenants WHERE id = ? AND state = ?",
                [id.value.pattern, TenantState.deleting.rawValue])
            guard database.changesCount == 1 else { throw StorageError.tenantGone(id) }
            try Catalog.append(AuditRow(stamp: stamp, tenant: id, action: .tenantDeleted), to: database)
        }
    }

    // MARK: Rows

    static func active(_ name: TenantName, in database: Database) throws -> Tenant {
        guard let tenant = try find(name, in: database) else { throw StorageError.tenantUnknown(name) }
        guard tenant.state == .active else { throw StorageError.tenantDeleting(name) }
        return tenant
    }

    private static let selectTenant =
        "SELECT id, name, plan, retention_days, created_ms, state, epoch, project_key, folder FROM tenants"

    private static func find(_ name: TenantName, in database: Database) throws -> Tenant? {
        try Row.fetchOne(database, sql: selectTenant + " WHERE name = ?", arguments: [name.text]).map(tenant)
    }

    private static func tenant(_ row: Row) throws -> Tenant {
        let plan: Plan = try row.vocabulary(2)
        guard let name = TenantName(try row.text(1)),
            let retention = try? Retention(plan: plan, days: row.intIfAny(3).map { Int($0) })
        else { throw UnreadableValue.type }
        return Tenant(
            id: TenantID(try row.word(0)), name: name, plan: plan, retention: retention, createdMs: try row.int(4),
            state: try row.vocabulary(5), epoch: StoreEpoch(try row.word(6)),
            projectKey: try row.bytes(7, count: 32), folder: try row.bytes16(8).hexText)
    }
}
