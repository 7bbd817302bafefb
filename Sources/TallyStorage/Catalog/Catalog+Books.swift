import GRDB
import TallyModel
package import TallyPricing

/// Which price book is in use, and which were: every change is a row that stays.
extension Catalog {
    /// From the first on; empty before a gateway has served on the folder.
    package func priceBookUses() throws(StorageError) -> [PriceBookUse] {
        try file.read { database in
            try Row.fetchAll(database, sql: "SELECT book, used_from_ms, is_shipped FROM price_books ORDER BY id").map {
                row in
                PriceBookUse(
                    book: PriceBookID(try row.word(0)), fromMs: try row.int(1), isShipped: try row.int(2) != 0)
            }
        }
    }

    /// From now on new records name `book`, which is on the shelf already. False where it was so before, and nothing was
    /// written.
    @discardableResult
    package func usePriceBook(_ book: PriceBookID, isShipped: Bool, by stamp: Stamp) throws(StorageError) -> Bool {
        try file.write { database in
            let last = try Row.fetchOne(
                database, sql: "SELECT book, is_shipped FROM price_books ORDER BY id DESC LIMIT 1")
            if let last, try last.word(0) == book.value, try (last.int(1) != 0) == isShipped { return false }
            guard try database.number("SELECT COUNT(*) FROM price_books") < Limits.priceBookUsesMax else {
                throw StorageError.priceBooksTooMany
            }
            try database.run(
                "INSERT INTO price_books (book, used_from_ms, is_shipped) VALUES (?, ?, ?)",
                [book.value.pattern, stamp.timeMs, isShipped ? 1 : 0])
            try Catalog.append(
                AuditRow(
                    stamp: stamp, tenant: nil, action: .priceBookUsed, first: book.value.pattern,
                    second: isShipped ? 1 : 0),
                to: database)
            return true
        }
    }
}
