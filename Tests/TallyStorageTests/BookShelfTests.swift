import Foundation
import GRDB
import TallyIO
import TallyModel
import TallyPricing
import Testing

@testable import TallyStorage

@Suite("Price books in the data folder")
struct BookShelfTests {
    /// A book of one row, with another input rate or version: another book.
    static func book(_ version: String = "test", input: Int = 1_000_000) -> [UInt8] {
        Array(
            """
            {"format":1,"version":"\(version)","prefixes":[],"rows":[{"provider":"x","models":["m"],"dated":false,\
            "valid_from":null,"valid_to":null,"rates":{"input":\(input),"output":1},"source":"s",\
            "checked_on":"2026-01-01"}]}
            """.utf8)
    }

    private func path(_ folder: borrowing TemporaryFolder, _ id: PriceBookID) -> String {
        folder.path + "/books/\(id.name).json"
    }

    @Test("A book that is chosen is used by the next process too; the one before stays on the shelf, byte by byte")
    func chosen() throws {
        let folder = try TemporaryFolder()
        var first: PriceBook?
        do {
            let data = try DataFolder(path: folder.path)
            #expect(data.books.current.id == data.books.shipped.id && data.missingBook == nil)
            let book = try data.books.add(Self.book())
            #expect(data.books.current.id != book.id, "it lies there, and nobody uses it")
            #expect(try data.catalog.usePriceBook(book.id, isShipped: false, by: CatalogTests.stamp))
            first = book
        }
        let book = try #require(first)
        let again = try DataFolder(path: folder.path)
        #expect(again.books.current.id == book.id && again.books.current.version == "test")
        #expect(try again.books.ids().count == 2)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path(folder, book.id))) == Data(Self.book()))
        let shipped = path(folder, again.books.shipped.id)
        #expect(try Data(contentsOf: URL(fileURLWithPath: shipped)) == Data(PriceBook.builtInBytes))
    }

    @Test("A stop between the shelf and the catalog leaves the book before in use")
    func stopBetween() throws {
        let folder = try TemporaryFolder()
        do { _ = try DataFolder(path: folder.path).books.add(Self.book()) }
        let again = try DataFolder(path: folder.path)
        #expect(again.books.current.id == again.books.shipped.id)
        #expect(try again.catalog.priceBookUses().isEmpty)
    }

    @Test("A book in use that was changed or taken away is not taken for itself; putting it there again mends it")
    func swapped() throws {
        let folder = try TemporaryFolder()
        let id = BookShelf.id(of: Self.book())
        do {
            let data = try DataFolder(path: folder.path)
            _ = try data.books.add(Self.book())
            _ = try data.catalog.usePriceBook(id, isShipped: false, by: CatalogTests.stamp)
            try Data(Self.book(input: 2)).write(to: URL(fileURLWithPath: path(folder, id)))
            #expect(data.books.book(id.value)?.rows[0].bands[0].rates[0].microUSD == 1_000_000, "as it was read")
        }
        do {
            let data = try DataFolder(path: folder.path)
            #expect(data.missingBook == id && data.books.book(id.value) == nil)
            #expect(data.books.current.id == data.books.shipped.id)
            #expect(try data.books.add(Self.book()).id == id)
        }
        #expect(try DataFolder(path: folder.path).books.current.id == id)
    }

    @Test("The program's own book is whole again at the next start")
    func shippedIsMended() throws {
        let folder = try TemporaryFolder()
        let id = try DataFolder(path: folder.path).books.shipped.id
        try Data("{}".utf8).write(to: URL(fileURLWithPath: path(folder, id)))
        _ = try DataFolder(path: folder.path)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path(folder, id))) == Data(PriceBook.builtInBytes))
    }

    @Test("A book that is refused is not put on the shelf, and the shelf has an end")
    func refusedAndFull() throws {
        let folder = try TemporaryFolder()
        let shelf = try BookShelf(directory: Directory.openOrMake(folder.path))
        #expect(throws: StorageError.priceBookRefused(.refused(row: 1, field: "rates.input", .negative))) {
            try shelf.add(Self.book(input: -1))
        }
        #expect(try shelf.ids().count == 1)
        for number in 1..<Limits.priceBooksMax { _ = try shelf.add(Self.book("\(number)")) }
        #expect(throws: StorageError.priceBooksTooMany) { try shelf.add(Self.book("one more")) }
        _ = try shelf.add(Self.book("1"))
    }

    @Test("Each change of books is one row with its audit row; the same again is none")
    func uses() throws {
        let folder = try TemporaryFolder()
        let catalog = try Catalog(folder: folder.path)
        func stamp(_ ms: Int64) -> Stamp { Stamp(actor: .user(7), timeMs: ms) }
        let high = PriceBookID(.max - 5)
        #expect(try catalog.usePriceBook(PriceBookID(1), isShipped: true, by: stamp(10)))
        #expect(try !catalog.usePriceBook(PriceBookID(1), isShipped: true, by: stamp(11)))
        #expect(try catalog.usePriceBook(high, isShipped: false, by: stamp(12)))
        #expect(try catalog.usePriceBook(PriceBookID(1), isShipped: true, by: stamp(13)))
        #expect(
            try catalog.priceBookUses() == [
                PriceBookUse(book: PriceBookID(1), fromMs: 10, isShipped: true),
                PriceBookUse(book: high, fromMs: 12, isShipped: false),
                PriceBookUse(book: PriceBookID(1), fromMs: 13, isShipped: true),
            ])
        let rows = try catalog.auditRows()
        #expect(rows.map(\.action) == [.priceBookUsed, .priceBookUsed, .priceBookUsed])
        #expect(UInt64(bitPattern: rows[1].first) == high.value && rows[1].second == 0)
    }

    @Test("A catalog of version 1 is brought forward with all that it held")
    func versionOne() throws {
        let folder = try TemporaryFolder()
        let name = try CatalogTests.name("demo")
        do {
            let catalog = try Catalog(folder: folder.path)
            _ = try catalog.createTenant(name, plan: .pro, draws: CatalogTests.draws(1), by: CatalogTests.stamp)
        }
        do {
            let queue = try DatabaseQueue(path: folder.path + "/" + Catalog.fileName)
            try queue.inDatabase { try $0.execute(sql: "DROP TABLE price_books; PRAGMA user_version = 1") }
        }
        #expect(try Catalog(reading: folder.path).tenants().map(\.name) == [name], "read as it is, without a change")
        let catalog = try Catalog(folder: folder.path)
        #expect(try catalog.tenant(named: name).name == name)
        #expect(try catalog.usePriceBook(PriceBookID(3), isShipped: false, by: CatalogTests.stamp))
        #expect(try Catalog(reading: folder.path).priceBookUses().count == 1)
    }
}
