import Foundation
import GRDB
import TallyModel

/// Gives models, projects and sessions their small numbers in the views. Lives as long as the writer, since
/// most of what a batch names was named a moment ago.
struct Interner {
    /// Entries of one cache; when it is full it starts again.
    private static let cacheEntriesMax = 65_536

    private var models: [Label: Int64] = [:]
    private var projects: [ProjectID: Int64] = [:]
    private var sessions: [SessionID: Int64] = [:]

    /// After a transaction that was not kept, its new numbers are not in the file.
    mutating func forget() { self = Interner() }

    mutating func model(_ label: Label, _ database: Database) throws -> Int64 {
        try Interner.number(label, in: &models, "models", label.text, database)
    }

    mutating func project(_ project: ProjectID?, _ database: Database) throws -> Int64 {
        guard let project else { return 0 }
        return try Interner.number(project, in: &projects, "projects", project.value.data, database)
    }

    mutating func session(_ session: SessionID, _ database: Database) throws -> Int64 {
        try Interner.number(session, in: &sessions, "session_ids", session.value.data, database)
    }

    private static func number<Key: Hashable>(
        _ key: Key, in cache: inout [Key: Int64], _ table: String, _ value: some DatabaseValueConvertible,
        _ database: Database
    ) throws -> Int64 {
        if let known = cache[key] { return known }
        let id: Int64
        let select = try database.cachedStatement(sql: "SELECT id FROM \(table) WHERE value = ?")
        if let row = try Row.fetchOne(select, arguments: [value]) {
            id = try row.int(0)
        } else {
            try database.run("INSERT INTO \(table) (value) VALUES (?)", [value])
            id = database.lastInsertedRowID
        }
        if cache.count >= cacheEntriesMax { cache.removeAll(keepingCapacity: true) }
        cache[key] = id
        return id
    }
}
