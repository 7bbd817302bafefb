import GRDB
import Synchronization
import TallyIO
package import TallyModel

/// The writer of one tenant's views (`views.sqlite` in the tenant's folder).
///
/// The views follow the ledger: `apply` moves them forward behind the acknowledgement, in large transactions
/// that hold the numbers and the ledger position together, so they are always those of exactly one prefix of
/// the ledger. Whatever goes wrong here costs a rebuild and never an event. There is one `Views` per file;
/// readers use `ViewsReader`.
package final class Views: Sendable {
    private let file: DatabaseFile
    private let interner = Guarded(Interner())

    package static let fileName = "views.sqlite"

    static func path(in folder: String) -> String { "\(folder)/\(fileName)" }

    /// Opens the views in the tenant's folder, or makes empty ones.
    package init(folder: String, on disk: some DatabaseDisk = .machine) throws(StorageError) {
        file = try DatabaseFile(writing: Views.path(in: folder), schema: .views, on: disk)
    }

    /// Removes the views of a tenant, which can be made again. Nobody may have them open.
    package static func discard(folder: String, on disk: some DatabaseDisk = .machine) throws(StorageError) {
        try disk.discard(path(in: folder))
    }

    /// The last ledger record that the views contain; nil for none.
    package func position() throws(StorageError) -> LedgerPosition? {
        try file.read(Views.position)
    }

    /// Adds `delta` and moves to `delta.through`, in one transaction. Returns false, having changed nothing,
    /// if the views contain that record already: applying twice counts once.
    ///
    /// Throws `.positionMismatch` if they stand neither there nor at `delta.after`.
    package func apply(_ delta: ViewsDelta) throws(StorageError) -> Bool {
        try interner.withLock { interner throws(StorageError) in
            do throws(StorageError) {
                return try file.write { database in
                    guard try Views.isNext(delta, after: Views.position(database)) else { return false }
                    try Views.write(delta, &interner, database)
                    return true
                }
            } catch {
                interner.forget()
                throw error
            }
        }
    }

    /// Empties the views, to be built again from the ledger's start.
    package func reset() throws(StorageError) {
        try interner.withLock { interner throws(StorageError) in
            interner.forget()
            try file.write { database in
                for table in DatabaseSchema.viewsTables { try database.execute(sql: "DELETE FROM \(table)") }
            }
        }
        try file.checkpoint()
    }

    /// Drops the numbers of quarter-hours that ended at or before `cutoffMs`, and sessions last heard of then.
    package func expire(cutoffMs: Int64) throws(StorageError) {
        guard cutoffMs > 0 else { return }
        try file.write { database in
            let quarter = cutoffMs / Quarter.ms
            try database.run("DELETE FROM rollup WHERE quarter < ?", [quarter])
            try database.run("DELETE FROM session_rollup WHERE quarter < ?", [quarter])
            try database.run("DELETE FROM sessions WHERE last_ms <= ?", [cutoffMs])
        }
    }

    /// Moves the write-ahead log into the database and empties it where no reader stands in the way.
    package func checkpoint() throws(StorageError) { try file.checkpoint() }

    /// Reads every page; for `verify`.
    package func checkPages() throws(StorageError) { try file.checkPages() }

    // MARK: Position

    static func position(_ database: Database) throws -> LedgerPosition? {
        let statement = try database.cachedStatement(sql: "SELECT lineage, segment, ordinal, checksum FROM meta")
        guard let row = try Row.fetchOne(statement) else { return nil }
        guard let segment = UInt32(exactly: try row.int(1)) else { throw UnreadableValue.type }
        return LedgerPosition(
            lineage: try row.bytes16(0), segment: segment, ordinal: try row.word(2), checksum: try row.word(3))
    }

    private static func isNext(_ delta: ViewsDelta, after applied: LedgerPosition?) throws -> Bool {
        if applied == delta.through { return false }
        if let applied, applied.lineage == delta.through.lineage, applied.ordinal > delta.through.ordinal {
            return false
        }
        guard applied == delta.after else {
            throw StorageError.positionMismatch(applied: applied, expected: delta.after)
        }
        if let applied {
            guard applied.lineage == delta.through.lineage, applied.ordinal < delta.through.ordinal else {
                throw StorageError.positionMismatch(applied: applied, expected: delta.after)
            }
        }
        return true
    }
}
