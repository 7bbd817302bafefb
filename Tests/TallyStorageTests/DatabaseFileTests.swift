import Foundation
import GRDB
import TallyModel
import Testing

@testable import TallyStorage
@testable import TallyUsage

@Suite("Database files")
struct DatabaseFileTests {
    private static func alter(_ path: String, _ sql: String) throws {
        try DatabaseQueue(path: path).writeWithoutTransaction { try $0.execute(sql: sql) }
    }

    @Test("A file of a newer version is refused by name, says to upgrade, and keeps every byte")
    func newerVersion() throws {
        let folder = try TemporaryFolder()
        _ = try Catalog(folder: folder.path)
        _ = try Views(folder: folder.path)
        for (name, known, open) in [
            ("catalog.sqlite", DatabaseSchema.catalog.version, { folder in _ = try Catalog(folder: folder) }),
            ("views.sqlite", DatabaseSchema.views.version, { folder in _ = try Views(folder: folder) }),
            ("views.sqlite", DatabaseSchema.views.version, { folder in _ = try ViewsReader(folder: folder) }),
        ] as [(String, Int64, (String) throws -> Void)] {
            let path = "\(folder.path)/\(name)"
            try Self.alter(path, "PRAGMA user_version = 7; PRAGMA wal_checkpoint(TRUNCATE)")
            let before = try Data(contentsOf: URL(fileURLWithPath: path))
            let refusal = StorageError.newerVersion(file: path, found: 7, known: known)
            #expect(throws: refusal) { try open(folder.path) }
            #expect(refusal.description.contains("upgrade tallygate"))
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
        }
    }

    @Test("Another program's database is refused and keeps every byte")
    func foreignFile() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/views.sqlite"
        try Self.alter(path, "CREATE TABLE theirs (x)")
        let before = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(throws: StorageError.foreignFile(file: path)) { try Views(folder: folder.path) }
        try Self.alter(path, "PRAGMA application_id = 1")
        #expect(throws: StorageError.foreignFile(file: path)) { try Views(folder: folder.path) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count == before.count)
    }

    @Test("A file that is no database at all is called damaged, and views can be discarded and begun again")
    func damagedFile() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/views.sqlite"
        try Data(repeating: 0x41, count: 8_192).write(to: URL(fileURLWithPath: path))
        #expect(throws: StorageError.damaged(file: path)) { try Views(folder: folder.path) }
        try Views.discard(folder: folder.path)
        #expect(try Views(folder: folder.path).position() == nil)
    }

    @Test("A log that is left beside discarded views does not come back to life")
    func leftoverLog() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/views.sqlite"
        let views = try Views(folder: folder.path)
        #expect(try views.apply(ViewsDelta(after: nil, through: Sample.position(1))))
        let log = try Data(contentsOf: URL(fileURLWithPath: path + "-wal"))
        #expect(!log.isEmpty)
        try FileManager.default.createDirectory(atPath: "\(folder.path)/other", withIntermediateDirectories: false)
        try log.write(to: URL(fileURLWithPath: "\(folder.path)/other/views.sqlite-wal"))
        #expect(try Views(folder: "\(folder.path)/other").position() == nil)
        #expect(try views.position() == Sample.position(1))
    }

    @Test("Pages that were overwritten are found")
    func damagedPages() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/views.sqlite"
        do {
            let views = try Views(folder: folder.path)
            try views.checkpoint()
            try views.checkPages()
        }
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let page = 4_096
        try #require(bytes.count > 3 * page)
        for index in page..<bytes.count { bytes[index] = 0x5a }
        try bytes.write(to: URL(fileURLWithPath: path))
        #expect(throws: StorageError.damaged(file: path)) { try Views(folder: folder.path).checkPages() }
    }

    @Test("A value of another type in a damaged file is an error, never a trap")
    func wrongType() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/views.sqlite"
        do {
            let views = try Views(folder: folder.path)
            var delta = ViewsDelta(after: nil, through: Sample.position(1))
            delta.cells = [(try Sample.key(), Sample.counts())]
            #expect(try views.apply(delta))
        }
        try Self.alter(path, "UPDATE session_rollup SET agent = 250; UPDATE meta SET segment = -1")
        let reader = try ViewsReader(folder: folder.path)
        #expect(throws: StorageError.damaged(file: path)) { try reader.report(UsageQuery(by: [.agent])) }
        #expect(throws: StorageError.damaged(file: path)) { try Views(folder: folder.path).position() }
        try Self.alter(path, "UPDATE meta SET segment = 1; DELETE FROM models")
        #expect(throws: StorageError.damaged(file: path)) { try reader.report(UsageQuery(by: [.model])) }
    }

    @Test("A reader never makes a file, and cannot change one")
    func readOnly() throws {
        let folder = try TemporaryFolder()
        let path = "\(folder.path)/views.sqlite"
        #expect(throws: StorageError.absent(file: path)) { try ViewsReader(folder: folder.path) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        let views = try Views(folder: folder.path)
        let file = try DatabaseFile(reading: path, schema: .views)
        #expect(throws: StorageError.self) {
            try file.write { try $0.execute(sql: "DELETE FROM meta") }
        }
        #expect(throws: StorageError.self) { try file.checkpoint() }
        #expect(try views.position() == nil)
    }

    @Test("Views commit without waiting for the disk, the catalog waits")
    func synchronous() throws {
        let folder = try TemporaryFolder()
        let views = try DatabaseFile(writing: "\(folder.path)/v", schema: .views)
        let catalog = try DatabaseFile(writing: "\(folder.path)/c", schema: .catalog)
        #expect(try views.synchronous() == 1)
        #expect(try catalog.synchronous() == 2)
        for file in [views, catalog] {
            #expect(try file.read { try String.fetchOne($0, sql: "PRAGMA journal_mode") } == "wal")
        }
    }

    @Test("The library's version is what the library says, and the known-bad ones are known")
    func library() throws {
        let said = try DatabaseQueue().read { try String.fetchOne($0, sql: "SELECT sqlite_version()") }
        #expect(SQLiteLibrary.version == said)
        #expect(SQLiteLibrary.isNewEnough)
        #expect(SQLiteLibrary.corruptsWithTwoWriters(number: 3_040_001))
        #expect(SQLiteLibrary.corruptsWithTwoWriters(number: 3_051_002))
        #expect(!SQLiteLibrary.corruptsWithTwoWriters(number: 3_051_003))
    }
}
