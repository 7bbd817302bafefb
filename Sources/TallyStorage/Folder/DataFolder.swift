package import TallyIO
package import TallyPricing

/// All files of a gateway, under one lock:
///
/// ```
/// DIR/lock              who owns the folder (flock)
///     admin.sock        commands, while a gateway runs
///     catalog.sqlite    tenants, workstations, settings, audit
///     tls/              the authority and the server's certificate
///     books/            price books by content, kept while a record may name them
///     tenants/NAME/     ledger/ and views.sqlite of one tenant; NAME is random and never reused
/// ```
///
/// Made with what is missing; whoever holds it is the only process that changes anything below it.
package final class DataFolder: Sendable {
    package let path: String
    package let directory: Directory
    package let catalog: Catalog
    package let books: BookShelf
    /// The book that the catalog says is in use, where it is not on the shelf: a gateway must not serve then.
    package let missingBook: PriceBookID?
    private let lock: FileLock

    package static let socketName = "admin.sock"

    package init(path: String) throws(DataFolderError) {
        self.path = path
        do throws(SystemError) {
            directory = try Directory.openOrMake(path)
        } catch {
            throw .unusable(path: path, error)
        }
        do throws(FileLock.Refusal) {
            lock = try FileLock.take(in: directory)
        } catch {
            switch error {
            case .held(_, let owner): throw .owned(path: path, owner: owner)
            case .system(let error): throw .unusable(path: path, error)
            }
        }
        do throws(StorageError) { catalog = try Catalog(folder: path) } catch { throw .storage(error) }
        do throws(SystemError) {
            // A rename whose sync failed, or never ran, is seen by this process and may be gone after a power loss: all
            // names are made durable before anything is built on them.
            try Directory.settle(path, directory)
            let shelf = try directory.openOrMakeDirectory("books")
            try shelf.sync()
            books = try BookShelf(directory: shelf)
            try directory.openOrMakeDirectory("tenants").sync()
            try directory.openOrMakeDirectory("tls").sync()
        } catch {
            throw .unusable(path: path, error)
        }
        do throws(StorageError) { missingBook = try Self.take(catalog, books) } catch { throw .storage(error) }
    }

    /// Has the shelf use the book that was chosen last; where the program's own is used, that is this program's.
    private static func take(_ catalog: Catalog, _ books: BookShelf) throws(StorageError) -> PriceBookID? {
        guard let use = try catalog.priceBookUses().last, !use.isShipped else { return nil }
        guard let book = books.book(use.book.value) else { return use.book }
        books.use(book)
        return nil
    }

    /// Where a tenant's ledger and views lie. Never made here: a reader must not bring back the folder of a tenant that
    /// is being deleted.
    package func tenantDirectory(_ tenant: Tenant) throws(SystemError) -> Directory {
        try tenantsDirectory().openDirectory(tenant.folder)
    }

    /// The same, made if it is missing: for whoever opens the tenant.
    package func makeTenantDirectory(_ tenant: Tenant) throws(SystemError) -> Directory {
        try tenantsDirectory().openOrMakeDirectory(tenant.folder)
    }

    /// The folder of all tenants' folders.
    package func tenantsDirectory() throws(SystemError) -> Directory { try directory.openDirectory("tenants") }

    package func tlsDirectory() throws(SystemError) -> Directory { try directory.openDirectory("tls") }

    /// Free and total bytes, and the name, of the file system below the folder.
    package func fileSystem() throws(SystemError) -> FileSystemFacts { try FileSystemFacts.under(directory) }
}

/// Why a data folder cannot be used.
package enum DataFolderError: Error, Sendable, CustomStringConvertible {
    /// Another process has it; its number where it has said so.
    case owned(path: String, owner: Int32?)
    case unusable(path: String, SystemError)
    case storage(StorageError)

    package var description: String {
        switch self {
        case .owned(let path, let owner?):
            "the data folder \(path) is in use by process \(owner); stop that process or choose another folder"
        case .owned(let path, nil):
            "the data folder \(path) is in use by another process; stop it or choose another folder"
        case .unusable(let path, let error): "the data folder \(path) cannot be used: \(error)"
        case .storage(let error): "\(error)"
        }
    }
}
