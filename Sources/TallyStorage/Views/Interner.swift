import Foundation
import GRDB
import TallyModel
import TallySQLite

/// Gives models, projects and sessions their small numbers in the views. Lives as long as the writer, since
/// most of what a batch names was named a moment ago.
struct Interner {
    /// Entries of one cache; when it is full it starts again.
    private static let cacheEntriesMax = 65_536

    private var models: [Label: Int64] = [:]
    private var projects: [ProjectID: Int64] = [:]
    private var sessions: [SessionID: Int64] = [:]
    /// Cells come session by session, mostly, and so of one model and project.
    private var latest = Latest()

    private struct Latest {
        var session: (id: SessionID, number: Int64)?
        var model: (label: Label, number: Int64)?
        var project: (id: ProjectID, number: Int64)?
    }

    /// After a transaction that was not kept, its new numbers are not in the file.
    mutating func forget() { self = Interner() }

    mutating func model(_ label: Label, _ database: Database) throws -> Int64 {
        if let model = latest.model, model.label == label { return model.number }
        let number = try Interner.number(label, in: &models, "models", label.text, database)
        latest.model = (label, number)
        return number
    }

    mutating func project(_ project: ProjectID?, _ database: Database) throws -> Int64 {
        guard let project else { return 0 }
        if let known = latest.project, known.id == project { return known.number }
        let number = try Interner.number(project, in: &projects, "projects", project.value.data, database)
        latest.project = (project, number)
        return number
    }

    mutating func session(_ session: SessionID, _ database: Database) throws -> Int64 {
        if let known = latest.session, known.id == session { return known.number }
        var number = sessions[session]
        if number == nil {
            try learn([session], database)
            number = sessions[session]
        }
        guard let number else { throw UnreadableValue.type }
        latest.session = (session, number)
        return number
    }

    /// Looks up, or gives, the numbers of many sessions at once, in the order of the dictionary's index.
    mutating func learn(_ named: some Sequence<SessionID>, _ database: Database) throws {
        if sessions.count >= Interner.cacheEntriesMax { sessions.removeAll(keepingCapacity: true) }
        let unknown = Set(named.lazy.filter { [sessions] in sessions[$0] == nil }).sorted { $0.value < $1.value }
        guard !unknown.isEmpty else { return }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(unknown.count * 16)
        for session in unknown {
            for word in [session.value.high, session.value.low] {
                for shift in stride(from: 56, through: 0, by: -8) {
                    bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
                }
            }
        }
        let numbers = try database.numbers(
            insert: "INSERT INTO session_ids (value) VALUES (?) ON CONFLICT DO NOTHING",
            select: "SELECT id FROM session_ids WHERE value = ?", values: bytes, width: 16)
        for (session, number) in zip(unknown, numbers) { sessions[session] = number }
    }

    private static func number<Key: Hashable>(
        _ key: Key, in cache: inout [Key: Int64], _ table: String,
        _ value: @autoclosure () -> some DatabaseValueConvertible, _ database: Database
    ) throws -> Int64 {
        if let known = cache[key] { return known }
        let id: Int64
        let select = try database.cachedStatement(sql: "SELECT id FROM \(table) WHERE value = ?")
        if let row = try Row.fetchOne(select, arguments: [value()]) {
            id = try row.int(0)
        } else {
            try database.run("INSERT INTO \(table) (value) VALUES (?)", [value()])
            id = database.lastInsertedRowID
        }
        if cache.count >= cacheEntriesMax { cache.removeAll(keepingCapacity: true) }
        cache[key] = id
        return id
    }
}
