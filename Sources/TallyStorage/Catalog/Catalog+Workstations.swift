import GRDB
package import TallyModel

/// Workstations and their tokens.
extension Catalog {
    /// Enrols a workstation under a token of which the catalog learns the hash alone.
    ///
    /// A label that a live workstation has is refused: with two machines under one name a report could not
    /// tell them apart, and a token that leaked would go unnoticed. After `revoke` the label is free; the new
    /// workstation gets a new number, and reports show both under the one label.
    package func enroll(
        tenant name: TenantName, label: WorkstationLabel, tokenHash: TokenHash, by stamp: Stamp
    ) throws(StorageError) -> Workstation {
        try file.write { database in
            let tenant = try Catalog.active(name, in: database)
            guard try Catalog.live(label, of: tenant.id, in: database) == nil else {
                throw StorageError.workstationExists(label, name)
            }
            let hash = tokenHash.bytes.data
            guard try database.number("SELECT COUNT(*) FROM workstations WHERE token_hash = ?", [hash]) == 0 else {
                throw StorageError.tokenExists
            }
            try database.run(
                "INSERT INTO workstations (tenant, label, token_hash, created_ms) VALUES (?, ?, ?, ?)",
                [tenant.id.value.pattern, label.text, hash, stamp.timeMs])
            guard let workstation = try Catalog.live(label, of: tenant.id, in: database) else {
                throw UnreadableValue.type
            }
            try Catalog.append(
                AuditRow(
                    stamp: stamp, tenant: tenant.id, action: .workstationEnrolled,
                    first: workstation.id.value.pattern),
                to: database)
            return workstation
        }
    }

    /// All workstations of a tenant by label and number, the revoked ones too.
    package func workstations(of tenant: TenantID) throws(StorageError) -> [Workstation] {
        try file.read { database in
            try Row.fetchAll(
                database, sql: Catalog.selectWorkstation + " WHERE tenant = ? ORDER BY label, id",
                arguments: [tenant.value.pattern]
            ).map(Catalog.workstation)
        }
    }

    /// What reports call the workstations of a tenant.
    package func labels(of tenant: TenantID) throws(StorageError) -> [WorkstationID: WorkstationLabel] {
        Dictionary(uniqueKeysWithValues: try workstations(of: tenant).map { ($0.id, $0.label) })
    }

    /// Takes a live workstation's token away. Its numbers stay.
    package func revoke(
        tenant name: TenantName, label: WorkstationLabel, by stamp: Stamp
    ) throws(StorageError) -> Workstation {
        try file.write { database in
            let tenant = try Catalog.active(name, in: database)
            guard let workstation = try Catalog.live(label, of: tenant.id, in: database) else {
                throw StorageError.workstationUnknown(label, name)
            }
            let id = workstation.id.value.pattern
            try database.run("UPDATE workstations SET revoked_ms = ? WHERE id = ?", [stamp.timeMs, id])
            try Catalog.append(
                AuditRow(stamp: stamp, tenant: tenant.id, action: .workstationRevoked, first: id), to: database)
            return Workstation(
                id: workstation.id, tenant: tenant.id, label: label, createdMs: workstation.createdMs,
                revokedMs: stamp.timeMs, lastSeenMs: workstation.lastSeenMs)
        }
    }

    /// The live tokens of active tenants, and those that were revoked.
    package func credentials() throws(StorageError) -> CredentialIndex {
        try file.read { database in
            // A label's revoked workstations come before its live one.
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT w.token_hash, w.tenant, w.id, w.revoked_ms IS NOT NULL, w.label
                    FROM workstations w JOIN tenants t ON t.id = w.tenant WHERE t.state = ?
                    ORDER BY w.revoked_ms IS NULL
                    """,
                arguments: [TenantState.active.rawValue])
            var index = CredentialIndex.empty
            while let row = try rows.next() {
                let token = TokenHash(sha256: try row.bytes(0, count: 32))
                let (tenant, id) = (TenantID(try row.word(1)), WorkstationID(try row.word(2)))
                guard let label = WorkstationLabel(try row.text(4)) else { throw UnreadableValue.type }
                if try row.int(3) != 0 {
                    index.noteRevoked(id, of: tenant, label: label, token: token)
                } else {
                    index.enroll(id, of: tenant, label: label, token: token)
                }
            }
            return index
        }
    }

    /// What tenants that are not being deleted, and their workstations, are called.
    package func names() throws(StorageError) -> (
        tenants: [TenantID: TenantName], workstations: [WorkstationID: WorkstationLabel]
    ) {
        try file.read { database in
            var tenants: [TenantID: TenantName] = [:]
            var workstations: [WorkstationID: WorkstationLabel] = [:]
            let active = TenantState.active.rawValue
            var rows = try Row.fetchCursor(
                database, sql: "SELECT id, name FROM tenants WHERE state = ?", arguments: [active])
            while let row = try rows.next() {
                guard let name = TenantName(try row.text(1)) else { throw UnreadableValue.type }
                tenants[TenantID(try row.word(0))] = name
            }
            rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT w.id, w.label FROM workstations w JOIN tenants t ON t.id = w.tenant WHERE t.state = ?
                    """,
                arguments: [active])
            while let row = try rows.next() {
                guard let label = WorkstationLabel(try row.text(1)) else { throw UnreadableValue.type }
                workstations[WorkstationID(try row.word(0))] = label
            }
            return (tenants, workstations)
        }
    }

    /// Notes when workstations were last heard of, many in one commit; a time never goes back.
    package func noteSeen(_ times: [(WorkstationID, Int64)]) throws(StorageError) {
        guard !times.isEmpty else { return }
        try file.write { database in
            for (id, timeMs) in times {
                try database.run(
                    "UPDATE workstations SET last_seen_ms = max(coalesce(last_seen_ms, 0), ?) WHERE id = ?",
                    [timeMs, id.value.pattern])
            }
        }
    }

    // MARK: Rows

    private static let selectWorkstation =
        "SELECT id, tenant, label, created_ms, revoked_ms, last_seen_ms FROM workstations"

    private static func live(
        _ label: WorkstationLabel, of tenant: TenantID, in database: Database
    ) throws -> Workstation? {
        try Row.fetchOne(
            database, sql: selectWorkstation + " WHERE tenant = ? AND label = ? AND revoked_ms IS NULL",
            arguments: [tenant.value.pattern, label.text]
        ).map(workstation)
    }

    private static func workstation(_ row: Row) throws -> Workstation {
        guard let label = WorkstationLabel(try row.text(2)) else { throw UnreadableValue.type }
        return Workstation(
            id: WorkstationID(try row.word(0)), tenant: TenantID(try row.word(1)), label: label,
            createdMs: try row.int(3), revokedMs: try row.intIfAny(4), lastSeenMs: try row.intIfAny(5))
    }
}
