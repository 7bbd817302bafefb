import GRDB
import Synchronization
import TallyHash
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
    private let logBytesMax: Int
    /// The log's size at which the next checkpoint is due.
    private let checkpointBytes: Guarded<Int>

    package static let fileName = "views.sqlite"

    static func path(in folder: String) -> String { "\(folder)/\(fileName)" }

    /// Opens the views in the tenant's folder, or makes empty ones. Their log is emptied when it is larger than
    /// `logBytesMax`; tests take less than the product.
    package init(
        folder: String, on disk: some DatabaseDisk = .machine, logBytesMax: Int = Limits.viewsLogBytesMax
    ) throws(StorageError) {
        self.logBytesMax = logBytesMax
        checkpointBytes = Guarded(logBytesMax)
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

    /// Every stream of the ledger up to `position`.
    package func streams() throws(StorageError) -> [StreamRow] { try file.read(Views.streams) }

    /// Adds `delta` and moves to `delta.through`, in one transaction. Returns false, having changed nothing,
    /// if the views contain that record already: applying twice counts once.
    ///
    /// Throws `.positionMismatch` if they stand neither there nor at `delta.after`.
    package func apply(_ delta: ViewsDelta) throws(StorageError) -> Bool {
        let isNew = try interner.withLock { interner throws(StorageError) in
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
        try checkpointIfDue()
        return isNew
    }

    /// SQLite's own checkpoints say nothing when a sync fails; and what such a sync leaves can tear the database.
    private func checkpointIfDue() throws(StorageError) {
        try checkpointBytes.withLock { due throws(StorageError) in
            guard try file.logBytes() >= due else { return }
            try file.checkpoint()
            // Where a reader stood in the way, it is tried again when as much has come.
            due = logBytesMax + (try file.logBytes())
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
            try database.run("DELETE FROM session_rollup WHERE quarter < ?", [quarter])
            try HourSums.expire(before: quarter, database)
            try database.run("DELETE FROM sessions WHERE last_ms <= ?", [cutoffMs])
        }
    }

    /// Moves the write-ahead log into the database and empties it where no reader stands in the way.
    package func checkpoint() throws(StorageError) { try file.checkpoint() }

    /// Reads every page; for `verify`.
    package func checkPages() throws(StorageError) { try file.checkPages() }

    // MARK: Position

    static func streams(_ database: Database) throws -> [StreamRow] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT number, stream, workstation, generation, committed, chain, tokens, reported_nano, is_closed
                FROM streams ORDER BY number
                """
        ).map { row in
            guard let number = UInt32(exactly: try row.int(0)), let generation = UInt32(exactly: try row.int(3)),
                let tokens = UInt128(exactly: try row.int(6)), let reported = UInt128(exactly: try row.int(7)),
                let committed = UInt64(exactly: try row.int(4)), committed <= Limits.sequenceMax
            else { throw UnreadableValue.type }
            return StreamRow(
                number: number, stream: StreamID(try row.bytes16(1)), workstation: WorkstationID(try row.word(2)),
                generation: Generation(generation), committed: Sequence64(committed),
                chain: ChainValue(try row.word(5)),
                totals: RunningTotals(tokens: tokens, reportedNanoUSD: reported), isClosed: try row.int(8) != 0)
        }
    }

    static func position(_ database: Database) throws -> LedgerPosition? {
        let statement = try database.cachedStatement(sql: "SELECT lineage, segment, ordinal, checksum, seal FROM meta")
        guard let row = try Row.fetchOne(statement) else { return nil }
        guard let segment = UInt32(exactly: try row.int(1)) else { throw UnreadableValue.type }
        let position = LedgerPosition(
            lineage: try row.bytes16(0), segment: segment, ordinal: try row.word(2), checksum: try row.word(3))
        guard try row.word(4) == position.seal else { throw UnreadableValue.type }
        return position
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

extension LedgerPosition {
    /// Recovery of the ledger takes a position from here as proof of what must be there: a bit that flipped in it would
    /// close a sound ledger.
    var seal: UInt64 {
        var bytes: [UInt8] = lineage.bytes
        for word in [UInt64(segment), ordinal, checksum] {
            for shift in stride(from: 0, to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
        return XXH3.hash64(bytes)
    }
}
