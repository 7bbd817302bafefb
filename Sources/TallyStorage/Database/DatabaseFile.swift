import GRDB
import TallyIO
import TallyModel

/// One connection to one SQLite file: the only place that opens databases and that turns SQLite's errors into
/// `StorageError`.
///
/// A writer is the only connection that writes **and** the only one that checkpoints; readers are opened
/// read-only and can do neither (SQLite up to 3.51.2 can corrupt a database when two connections write or
/// checkpoint at the same instant). The library sets `synchronous` itself while it switches to WAL, so the
/// wanted value is set afterwards and asserted.
struct DatabaseFile: Sendable {
    let path: String
    private let queue: DatabaseQueue
    private let disk: any DatabaseDisk

    /// Opens or creates the file for writing, and makes or checks its schema.
    ///
    /// An empty file is an empty database; it is made by us so that nobody else may read it. SQLite gives the
    /// write-ahead log the same permissions.
    init(
        writing path: String, schema: DatabaseSchema, on disk: some DatabaseDisk = .machine
    ) throws(StorageError) {
        self.path = path
        self.disk = disk
        try disk.prepare(path, schema)
        self.queue = try DatabaseFile.guarded(path) {
            var configuration = DatabaseFile.configuration()
            configuration.journalMode = .wal
            // The schema is looked at before the switch to WAL could change a byte of a foreign file.
            configuration.prepareDatabase { database in try DatabaseFile.check(database, path, schema) }
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.inDatabase { database in try DatabaseFile.settle(database, path, schema) }
            return queue
        }
        if !schema.isDerived { try disk.syncLog(path) }
    }

    /// Opens an existing file for reading alone.
    init(
        reading path: String, schema: DatabaseSchema, on disk: some DatabaseDisk = .machine
    ) throws(StorageError) {
        self.path = path
        self.disk = disk
        let isThere: Bool
        do throws(SystemError) { isThere = try disk.exists(path) } catch { throw StorageError(error, file: path) }
        guard isThere else { throw .absent(file: path) }
        self.queue = try DatabaseFile.guarded(path) {
            var configuration = DatabaseFile.configuration()
            configuration.readonly = true
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.inDatabase { database in
                try DatabaseFile.check(database, path, schema)
                // One of an earlier version is read as it is, for what that had; its owner brings it forward.
                guard try database.number("PRAGMA user_version") > 0 else {
                    throw StorageError.absent(file: path)
                }
            }
            return queue
        }
    }

    /// Runs `body` in one read transaction: everything it sees is of one instant.
    func read<T>(_ body: (Database) throws -> T) throws(StorageError) -> T {
        try DatabaseFile.guarded(path) { try queue.read(body) }
    }

    /// As `read`, for a body that has errors of its own; SQLite's are still turned into `StorageError`.
    func readWithForeignErrors<T>(_ body: (Database) throws -> T) throws -> T {
        do {
            return try queue.read(body)
        } catch let error as DatabaseError {
            throw DatabaseFile.translated(error, path)
        }
    }

    /// Runs `body` in one write transaction: all of it or nothing is kept.
    func write<T>(_ body: (Database) throws -> T) throws(StorageError) -> T {
        try DatabaseFile.guarded(path) { try queue.write(body) }
    }

    /// Moves the write-ahead log into the database as far as readers allow, and empties the log if they do.
    /// Never waits for a reader: what one still needs is left for the next time.
    func checkpoint() throws(StorageError) {
        try DatabaseFile.guarded(path) {
            try queue.inDatabase { database in
                try database.execute(sql: "PRAGMA busy_timeout = 0")
                defer { try? database.execute(sql: "PRAGMA busy_timeout = \(DatabaseFile.busyMs)") }
                _ = try database.number("PRAGMA wal_checkpoint(TRUNCATE)")
            }
        }
    }

    /// The size of the write-ahead log.
    func logBytes() throws(StorageError) -> Int {
        do throws(SystemError) {
            return try disk.exists(path + "-wal") ? try disk.size(path + "-wal") : 0
        } catch {
            throw StorageError(error, file: path)
        }
    }

    /// Reads every page. Throws `.damaged` if one is not as it should be.
    func checkPages() throws(StorageError) {
        let isSound = try DatabaseFile.guarded(path) {
            try queue.read { database in
                try String.fetchOne(database, sql: "PRAGMA quick_check(1)") == "ok"
            }
        }
        guard isSound else { throw .damaged(file: path) }
    }

    /// What `PRAGMA synchronous` says on this connection.
    func synchronous() throws(StorageError) -> Int64 {
        try DatabaseFile.guarded(path) {
            try queue.inDatabase { database in try database.number("PRAGMA synchronous") }
        }
    }

    // MARK: Opening

    private static var busyMs: Int64 { Limits.databaseBusyTimeout.components.seconds * 1_000 }

    private static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(Double(busyMs) / 1_000)
        configuration.foreignKeysEnabled = true
        return configuration
    }

    /// Refuses a file that is not ours or of a newer version. Reads only.
    private static func check(_ database: Database, _ path: String, _ schema: DatabaseSchema) throws {
        let mark = try database.number("PRAGMA application_id")
        let version = try database.number("PRAGMA user_version")
        if mark == 0 && version == 0 {
            guard try database.number("SELECT COUNT(*) FROM sqlite_master") == 0 else {
                throw StorageError.foreignFile(file: path)
            }
            return
        }
        guard mark == schema.applicationID else { throw StorageError.foreignFile(file: path) }
        guard version <= schema.version else {
            throw StorageError.newerVersion(file: path, found: version, known: schema.version)
        }
        guard version == schema.version || !schema.isDerived else {
            throw StorageError.olderVersion(file: path, found: version, known: schema.version)
        }
    }

    private static func settle(_ database: Database, _ path: String, _ schema: DatabaseSchema) throws {
        try database.execute(
            sql: """
                PRAGMA synchronous = \(schema.synchronous.rawValue);
                PRAGMA temp_store = MEMORY;
                PRAGMA secure_delete = ON;
                PRAGMA cache_size = -8192;
                PRAGMA wal_autocheckpoint = \(schema.isDerived ? 0 : 1_000);
                PRAGMA journal_size_limit = 16777216;
                """)
        // A sync that fails while SQLite changes to write-ahead logging leaves it with a rollback journal, in silence; the
        // folder of that one is not synced when it is deleted, and a power loss would take the last commit back.
        guard try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL") == "wal" else {
            throw StorageError.database(file: path, code: ResultCode.SQLITE_IOERR.rawValue)
        }
        let synchronous = try database.number("PRAGMA synchronous")
        precondition(synchronous == schema.synchronous.rawValue, "SQLite kept another synchronous mode")
        let found = try database.number("PRAGMA user_version")
        guard found < schema.version else { return }
        // Version 1 is the first, so anything lower is an empty file. A derived file of an earlier one never comes here.
        try database.inTransaction {
            if found < 1 {
                try database.execute(sql: schema.statements)
            } else {
                for step in schema.steps.dropFirst(Int(found) - 1) { try database.execute(sql: step) }
            }
            try database.execute(
                sql: "PRAGMA application_id = \(schema.applicationID); PRAGMA user_version = \(schema.version);")
            return .commit
        }
    }

    // MARK: Errors

    static func guarded<T>(_ path: String, _ body: () throws -> T) throws(StorageError) -> T {
        do {
            return try body()
        } catch let error as StorageError {
            throw error
        } catch let error as DatabaseError {
            throw translated(error, path)
        } catch let error as UnreadableValue {
            throw error.kind == .overflow ? .amountTooLarge(file: path) : .damaged(file: path)
        } catch {
            throw .database(file: path, code: -1)
        }
    }

    private static func translated(_ error: DatabaseError, _ path: String) -> StorageError {
        switch error.resultCode {
        case .SQLITE_FULL: .diskFull(file: path)
        case .SQLITE_BUSY, .SQLITE_LOCKED: .busy(file: path)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: .damaged(file: path)
        case _ where SQLiteCode(error.extendedResultCode.rawValue).isNoRoomForIndex: .diskFull(file: path + "-shm")
        default:
            isOverflow(error)
                ? .amountTooLarge(file: path) : .database(file: path, code: error.extendedResultCode.rawValue)
        }
    }

    /// A sum beyond 63 bits becomes a real number, which a STRICT column refuses; `SUM` has its own error.
    private static func isOverflow(_ error: DatabaseError) -> Bool {
        error.extendedResultCode == .SQLITE_CONSTRAINT_DATATYPE || error.message == "integer overflow"
    }
}
