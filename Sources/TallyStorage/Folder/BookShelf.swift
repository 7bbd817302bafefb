import Synchronization
import TallyHash
package import TallyIO
import TallyModel
package import TallyPricing

/// Every price book that a ledger may name, by its content's hash. A book is on stable storage before the first
/// record names it, and is never changed or removed.
package final class BookShelf: Sendable {
    /// The book that ships with the program.
    package let shipped: PriceBook
    /// Nil for a shelf in memory.
    private let directory: Directory?
    private let loaded: Guarded<[UInt64: PriceBook]>
    private let chosen: Guarded<PriceBook>

    /// The book that new records name. Changed by `use` alone.
    package var current: PriceBook { chosen.withLock { $0 } }

    /// A shelf in memory with the built-in book alone, for a run without files.
    package init() {
        shipped = BookShelf.builtIn()
        directory = nil
        loaded = Guarded([shipped.id.value: shipped])
        chosen = Guarded(shipped)
    }

    /// Puts the built-in book on the shelf if it is not there as it should be.
    package init(directory: Directory) throws(SystemError) {
        shipped = BookShelf.builtIn()
        self.directory = directory
        loaded = Guarded([shipped.id.value: shipped])
        chosen = Guarded(shipped)
        try BookShelf.place(PriceBook.builtInBytes, named: shipped.id.name, in: directory)
    }

    /// The book that a record names; nil where it is not on the shelf, or not as it was put there: damage.
    package func book(_ id: UInt64) -> PriceBook? {
        if let known = loaded.withLock({ $0[id] }) { return known }
        guard let directory, let bytes = BookShelf.bytes(named: PriceBookID(id).name, in: directory),
            BookShelf.id(of: bytes).value == id, let book = try? PriceBook(bytes: bytes, id: PriceBookID(id))
        else { return nil }
        loaded.withLock { $0[id] = book }
        return book
    }

    // MARK: More books

    /// Reads a book that is not on the shelf, or not yet.
    package static func read(_ bytes: [UInt8]) throws(StorageError) -> PriceBook {
        do throws(PriceBookError) {
            return try PriceBook(bytes: bytes, id: id(of: bytes))
        } catch {
            throw .priceBookRefused(error)
        }
    }

    /// Puts a book on the shelf, durably. One that is there stays; one that was damaged is whole again.
    package func add(_ bytes: [UInt8]) throws(StorageError) -> PriceBook {
        let book = try BookShelf.read(bytes)
        guard let directory else {
            loaded.withLock { $0[book.id.value] = book }
            return book
        }
        if let there = BookShelf.bytes(named: book.id.name, in: directory), there != bytes,
            BookShelf.id(of: there) == book.id
        {
            throw .priceBookNumberTaken(book.id.name)
        }
        let known = try ids()
        guard known.contains(book.id) || known.count < Limits.priceBooksMax else { throw .priceBooksTooMany }
        do throws(SystemError) {
            try BookShelf.place(bytes, named: book.id.name, in: directory)
            // Its name may be there from a try whose sync failed.
            try directory.sync()
        } catch {
            throw StorageError(error, file: directory.path)
        }
        loaded.withLock { $0[book.id.value] = book }
        return book
    }

    /// New records name `book` from here on. It is on the shelf, and the catalog says so.
    package func use(_ book: PriceBook) { chosen.withLock { $0 = book } }

    /// The numbers of the books on the shelf, damaged ones too.
    package func ids() throws(StorageError) -> [PriceBookID] {
        guard let directory else { return loaded.withLock { $0.keys.sorted() }.map { PriceBookID($0) } }
        do throws(SystemError) {
            return try directory.list().compactMap { name in
                name.hasSuffix(".json") ? PriceBookID(name: String(name.dropLast(5))) : nil
            }
        } catch {
            throw .system(error)
        }
    }

    // MARK: Files

    /// Writes the file unless it holds these very bytes. A name is never given to other bytes than it is the hash of.
    private static func place(_ bytes: [UInt8], named name: String, in directory: Directory) throws(SystemError) {
        guard BookShelf.bytes(named: name, in: directory) != bytes else { return }
        try directory.writeDurably(name + ".json", bytes.span)
    }

    private static func bytes(named name: String, in directory: Directory) -> [UInt8]? {
        try? directory.readWhole(name + ".json", limit: Limits.priceBookBytesMax)
    }

    private static func builtIn() -> PriceBook {
        let bytes = PriceBook.builtInBytes
        do throws(PriceBookError) {
            return try PriceBook(bytes: bytes, id: BookShelf.id(of: bytes))
        } catch {
            preconditionFailure("the built-in price book is refused: \(error)")
        }
    }

    /// The first eight bytes of the content's SHA-256, little-endian.
    static func id(of bytes: [UInt8]) -> PriceBookID {
        PriceBookID(SHA256.hash(bytes).prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) })
    }
}
