package import GRDB
import GRDBSQLite

/// SQLite's own calls, for statements that run once for each of many rows of whole numbers.
///
/// The library binds a row through boxes, arrays and tables of witnesses: four times what SQLite itself takes for it. Here
/// a row is a stretch of an array. The statement is the library's, compiled once and kept with its connection, and so are
/// transaction, errors and locking: this file adds nothing but a shorter way to the same calls.
///
/// Every call is one pass over all rows, since a caller in another module pays for each call (docs/DECISIONS.md, "Small
/// functions across modules").
extension Database {
    /// Runs `sql`, which takes `width` whole numbers, once for each row of `rows`, which lie one behind the other. `order`:
    /// the rows' numbers in the order in which to run them. In the columns from `nullFrom` on, `null` stands for NULL.
    ///
    /// Precondition: inside a transaction, on the connection's own queue.
    package func run(
        _ sql: String, rows: [Int64], width: Int, order: [UInt32]? = nil, null: Int64? = nil, nullFrom: Int = 0
    ) throws {
        precondition(width > 0 && rows.count % width == 0, "rows of one width")
        let statement = try cachedStatement(sql: sql)
        // The handle lives as long as `statement`, which is used again behind the last call with it.
        let handle = unsafe statement.sqliteStatement
        precondition(unsafe Int(sqlite3_bind_parameter_count(handle)) == width, "a value for each parameter")
        unsafe begin(handle)
        defer { unsafe end(handle, statement) }
        var bound: Int?
        for step in 0..<(order?.count ?? rows.count / width) {
            let start = (order.map { Int($0[step]) } ?? step) * width
            for column in 0..<width {
                let value = rows[start + column]
                // What is bound stays bound: most columns are what they were in the row before.
                if let bound, rows[bound + column] == value { continue }
                // The place is one of the statement's, which was compared with `width`.
                let code =
                    value == null && column >= nullFrom
                    ? unsafe sqlite3_bind_null(handle, CInt(column + 1))
                    : unsafe sqlite3_bind_int64(handle, CInt(column + 1), value)
                guard code == SQLITE_OK else { throw failure(code) }
            }
            bound = start
            try unsafe finish(handle)
        }
    }

    /// The numbers of byte strings in a dictionary, all of them `width` bytes long and one behind the other in `values`:
    /// where `insert` adds a row, its rowid, and what `select` finds otherwise. Both statements take the bytes alone.
    ///
    /// Precondition: inside a transaction, on the connection's own queue.
    package func numbers(insert: String, select: String, values: [UInt8], width: Int) throws -> [Int64] {
        precondition(width > 0 && values.count % width == 0, "values of one width")
        let statements = (try cachedStatement(sql: insert), try cachedStatement(sql: select))
        // As above: the handles live as long as `statements`.
        let (inserting, selecting) = unsafe (statements.0.sqliteStatement, statements.1.sqliteStatement)
        unsafe begin(inserting)
        defer { unsafe end(inserting, statements.0) }
        unsafe begin(selecting)
        defer { unsafe end(selecting, statements.1) }
        var numbers: [Int64] = []
        numbers.reserveCapacity(values.count / width)
        // SQLite reads the bytes where they lie, and no longer than `values` stays in place: both statements are left
        // without a value before that ends.
        try unsafe values.withUnsafeBytes { bytes in
            defer { _ = unsafe (sqlite3_clear_bindings(inserting), sqlite3_clear_bindings(selecting)) }
            for start in stride(from: 0, to: values.count, by: width) {
                let value = unsafe bytes.baseAddress?.advanced(by: start)
                var code = unsafe sqlite3_bind_blob(inserting, 1, value, CInt(width), nil)
                guard code == SQLITE_OK else { throw failure(code) }
                try unsafe finish(inserting)
                if changesCount == 1 {
                    numbers.append(lastInsertedRowID)
                    continue
                }
                code = unsafe sqlite3_bind_blob(selecting, 1, value, CInt(width), nil)
                guard code == SQLITE_OK else { throw failure(code) }
                code = unsafe sqlite3_step(selecting)
                guard code == SQLITE_ROW, unsafe sqlite3_column_type(selecting, 0) == SQLITE_INTEGER else {
                    throw failure(code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_CORRUPT : code)
                }
                unsafe numbers.append(sqlite3_column_int64(selecting, 0))
                unsafe begin(selecting)
            }
        }
        return numbers
    }

    // MARK: One statement

    /// Ready to be bound and run, whatever it was left with.
    private func begin(_ handle: OpaquePointer) {
        // A reset tells the error of the run before, which was told then.
        _ = unsafe sqlite3_reset(handle)
    }

    /// Runs a statement that returns no row, and makes it ready to be bound anew.
    private func finish(_ handle: OpaquePointer) throws {
        let code = unsafe sqlite3_step(handle)
        guard code == SQLITE_DONE else { throw failure(code) }
        _ = unsafe sqlite3_reset(handle)
    }

    /// As the library's cache expects its statements.
    private func end(_ handle: OpaquePointer, _ statement: Statement) {
        withExtendedLifetime(statement) { _ = unsafe (sqlite3_reset(handle), sqlite3_clear_bindings(handle)) }
    }

    /// The library's error for `code`, with SQLite's words for what failed last on this connection.
    private func failure(_ code: CInt) -> DatabaseError {
        // SQLite's text is valid until the next call on the connection, and is copied before.
        let words = unsafe sqliteConnection.map { unsafe String(cString: sqlite3_errmsg($0)) }
        return DatabaseError(resultCode: ResultCode(rawValue: code), message: words)
    }
}
