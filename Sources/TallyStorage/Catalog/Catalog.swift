import GRDB
package import TallyModel

/// The data folder's book of tenants, workstations and tokens (`catalog.sqlite`).
///
/// Every change and its audit row are one transaction, on stable storage when the verb returns. Calls block
/// the thread for one commit; they belong to the control plane, never to a connection (`CredentialIndex`).
/// The caller holds the data folder's lock.
package struct Catalog: Sendable {
    let file: DatabaseFile

    package static let fileName = "catalog.sqlite"

    /// Opens the catalog in the data folder `folder`, or makes an empty one.
    package init(folder: String, on disk: some DatabaseDisk = .machine) throws(StorageError) {
        file = try DatabaseFile(writing: "\(folder)/\(Catalog.fileName)", schema: .catalog, on: disk)
        try file.checkPages()
    }

    /// Opens an existing catalog for reading alone, as a command does while a gateway owns the folder. Verbs
    /// that write fail.
    package init(reading folder: String, on disk: some DatabaseDisk = .machine) throws(StorageError) {
        file = try DatabaseFile(reading: "\(folder)/\(Catalog.fileName)", schema: .catalog, on: disk)
    }

    /// Whether a commit survives a power loss.
    package func isDurable() throws(StorageError) -> Bool { try file.synchronous() >= 2 }

    /// Closes the gap to the write-ahead log; for a quiet moment.
    package func checkpoint() throws(StorageError) { try file.checkpoint() }

    // MARK: Settings

    package func setting(_ setting: Setting) throws(StorageError) -> String? {
        try file.read { database in
            try Row.fetchOne(database, sql: "SELECT value FROM settings WHERE id = ?", arguments: [setting.rawValue])?
                .text(0)
        }
    }

    /// Remembers `value`. Writes nothing if it is the same as before.
    package func set(_ setting: Setting, to value: String, by stamp: Stamp) throws(StorageError) {
        guard try self.setting(setting) != value else { return }
        try file.write { database in
            try database.run(
                "INSERT INTO settings (id, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                [setting.rawValue, value])
            try Catalog.append(
                AuditRow(stamp: stamp, tenant: nil, action: .settingChanged, first: Int64(setting.rawValue)),
                to: database)
        }
    }

    // MARK: Audit

    package func audit(_ row: AuditRow) throws(StorageError) {
        try file.write { database in try Catalog.append(row, to: database) }
    }

    /// The latest rows, newest first, at most `Limits.auditRowsReadMax`.
    package func auditRows(tenant: TenantID? = nil, limit: Int = 100) throws(StorageError) -> [AuditRow] {
        let limit = max(0, min(limit, Limits.auditRowsReadMax))
        return try file.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT time_ms, tenant, actor_kind, actor, action, first, second FROM audit
                    WHERE ?1 IS NULL OR tenant = ?1 ORDER BY id DESC LIMIT ?2
                    """,
                arguments: [tenant?.value.pattern, limit]
            ).map(Catalog.auditRow)
        }
    }

    static func append(_ row: AuditRow, to database: Database) throws {
        let (kind, actor): (Int64, Int64) =
            switch row.stamp.actor {
            case .gateway: (0, 0)
            case .user(let number): (1, Int64(number))
            case .workstation(let id): (2, id.value.pattern)
            }
        try database.run(
            """
            INSERT INTO audit (time_ms, tenant, actor_kind, actor, action, first, second)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            [
                row.stamp.timeMs, row.tenant?.value.pattern, kind, actor, row.action.rawValue, row.first, row.second,
            ])
        guard row.tenant == nil else { return }
        // A gateway that starts over and over must not fill its catalog; a tenant's rows are kept.
        try database.run(
            """
            DELETE FROM audit WHERE tenant IS NULL AND id <=
                (SELECT id FROM audit WHERE tenant IS NULL ORDER BY id DESC LIMIT 1 OFFSET ?)
            """,
            [Limits.auditRowsOfGatewayMax])
    }

    private static func auditRow(_ row: Row) throws -> AuditRow {
        let number = try row.int(3)
        let actor: Actor
        switch try row.int(2) {
        case 0: actor = .gateway
        case 1:
            guard let user = UInt32(exactly: number) else { throw UnreadableValue.type }
            actor = .user(user)
        case 2: actor = .workstation(WorkstationID(UInt64(bitPattern: number)))
        default: throw UnreadableValue.type
        }
        return AuditRow(
            stamp: Stamp(actor: actor, timeMs: try row.int(0)),
            tenant: try row.intIfAny(1).map { TenantID(UInt64(bitPattern: $0)) },
            action: try row.vocabulary(4), first: try row.int(5), second: try row.int(6))
    }
}
