import GRDB
import TallySQLite
import Testing

/// Rows of whole numbers through SQLite's own calls.
@Suite("Rows through SQLite's own calls")
struct RowRunnerTests {
    private static func withTable(_ body: (Database) throws -> Void) throws {
        try DatabaseQueue().write { database in
            try database.execute(
                sql: """
                    CREATE TABLE t (a INTEGER NOT NULL, b INTEGER, c INTEGER CHECK (c < 100), UNIQUE (a)) STRICT;
                    CREATE TABLE names (id INTEGER PRIMARY KEY, value BLOB NOT NULL UNIQUE) STRICT;
                    """)
            try body(database)
        }
    }

    private static let insert = "INSERT INTO t (a, b, c) VALUES (?, ?, ?)"

    private static func rows(_ database: Database) throws -> [[Int64?]] {
        try Row.fetchAll(database, sql: "SELECT a, b, c FROM t ORDER BY rowid").map { row in (0..<3).map { row[$0] } }
    }

    @Test("What the row before had bound is bound anew where it differs, NULL and its number too")
    func values() throws {
        try Self.withTable { database in
            let rows: [Int64] = [1, -1, 5, 2, -1, 6, 3, 0, 6, -1, 7, -1, 4, -1, -1]
            try database.run(Self.insert, rows: rows, width: 3, null: -1, nullFrom: 1)
            #expect(try Self.rows(database) == [[1, nil, 5], [2, nil, 6], [3, 0, 6], [-1, 7, nil], [4, nil, nil]])
            // Nothing of that is left for the next run, or for the library's own.
            try database.run(Self.insert, rows: [10, -1, .max, .min, 0, 3], width: 3, order: [1])
            try database.cachedStatement(sql: Self.insert).execute(arguments: [11, nil, 4])
            try database.run(Self.insert, rows: [], width: 3)
            #expect(try Self.rows(database).suffix(2) == [[.min, 0, 3], [11, nil, 4]])
        }
    }

    @Test("A row that is refused is the library's error, and the statement can be run again")
    func refusal() throws {
        try Self.withTable { database in
            let error = #expect(throws: DatabaseError.self) {
                try database.run(Self.insert, rows: [1, 1, 1, 2, 2, 100, 3, 3, 3], width: 3)
            }
            #expect(error?.extendedResultCode == .SQLITE_CONSTRAINT_CHECK && error?.message?.isEmpty == false)
            try database.run(Self.insert, rows: [4, 4, 4], width: 3)
            #expect(try Self.rows(database) == [[1, 1, 1], [4, 4, 4]])
        }
    }

    @Test("A byte string gets one number, whether it was there or not")
    func numbers() throws {
        try Self.withTable { database in
            func numbers(_ values: [UInt8]) throws -> [Int64] {
                try database.numbers(
                    insert: "INSERT INTO names (value) VALUES (?) ON CONFLICT DO NOTHING",
                    select: "SELECT id FROM names WHERE value = ?", values: values, width: 2)
            }
            let answers = (try numbers([]), try numbers([1, 0, 0, 1, 1, 0]), try numbers([0, 2, 0, 1, 0, 2]))
            #expect(answers.0 == [] && answers.1 == [1, 2, 1] && answers.2 == [3, 2, 3])
            #expect(try Row.fetchAll(database, sql: "SELECT * FROM names").count == 3)
        }
    }
}
