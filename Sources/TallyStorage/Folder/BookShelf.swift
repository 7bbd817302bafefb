import Synchronization
import TallyHash
package import TallyIO
package import TallyPricing

/// Every price book that a ledger may name, by its content's hash. A book is on stable storage before the first
/// record names it, and is never changed or removed.
package final class BookShelf: Sendable {
    /// The book that new records name.
    package let current: PriceBook
    /// Nil for a shelf in memory.
    private let directory: Directory?
    private let loaded: Guarded<[UInt64: PriceBook]>

    /// A shelf in memory with the built-in book alone, for a run without files.
    package init() {
        current = BookShelf.builtIn()
        directory = nil
        loaded = Guarded([current.id.value: current])
    }

    /// Puts the built-in book on the shelf if it is not there.
    package init(directory: Directory) throws(SystemError) {
        let bytes = PriceBook.builtInBytes
        current = BookShelf.builtIn()
        self.directory = directory
        loaded = Guarded([current.id.value: current])
        let name = BookShelf.fileName(current.id.value)
        do throws(SystemError) {
            _ = try directory.facts(name)
        } catch {
            guard error.isNotFound else { throw error }
            try directory.writeDurably(name, bytes.span)
        }
    }

    /// The book that a record names; nil where it is not on the shelf, which is damage.
    package func book(_ id: UInt64) -> PriceBook? {
        if let known = loaded.withLock({ $0[id] }) { return known }
        guard let directory, let bytes = try? directory.readWhole(BookShelf.fileName(id), limit: 4 << 20),
            BookShelf.id(of: bytes).value == id, let book = try? PriceBook(bytes: bytes, id: PriceBookID(id))
        else { return nil }
        loaded.withLock { $0[id] = book }
        return book
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

    private static func fileName(_ id: UInt64) -> String {
        let digits = String(id, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits + ".json"
    }
}
