import Foundation
import TallyIO
import TallyModel
import TallyPricing
import TallyStorage

/// `tallygate prices` and `reprice` on an open data folder.
///
/// Books are only ever added. Taking one into use goes from the shelf over the catalog to whoever prices:
///
///     its file is durable on the shelf → the catalog says so, durably, with an audit row
///     → new records name it (`LedgerKeeper.use`) → the shards price by it
///
/// A stop at any arrow leaves the one book or the other in use. What stands in a ledger names its book already.
struct PriceCommands {
    let store: Store

    private var folder: DataFolder { store.services.folder }

    // MARK: Books

    func list(_ format: OutputFormat) throws -> AdminReply {
        let uses = try folder.catalog.priceBookUses()
        var ids = try folder.books.ids()
        // One that was used and is gone is told of too.
        for use in uses where !ids.contains(use.book) { ids.append(use.book) }
        let current = folder.missingBook ?? folder.books.current.id
        let books = ids.map { id in
            let book = folder.books.book(id.value)
            return PriceTables.Book(
                id: id.name, version: book?.version, rows: book?.rows.count, isInUse: id == current,
                isShipped: id == folder.books.shipped.id, uses: PriceTables.spans(of: id, uses))
        }
        return .done(PriceTables.books(books.sorted { $0.order < $1.order }, format: format))
    }

    func show(_ model: String, at: String?, _ format: OutputFormat) throws -> AdminReply {
        guard let label = Label(model) else { throw AdminError.modelLabel }
        let atMs = try at.map { try InstantText.ms($0, zone: .gmt) } ?? store.services.clock.wallMs()
        return PriceTables.show(label, atMs: atMs, in: folder.books.current, format)
    }

    func check(_ source: BookSource, _ format: OutputFormat) throws -> AdminReply {
        let book = try find(source)
        let current = folder.books.current
        return .done(
            PriceTables.comparison(
                BookComparison(from: current, to: book), of: book, name: source.name, with: current, format))
    }

    /// Precondition: the caller holds `store.changing`.
    func use(_ source: BookSource, _ format: OutputFormat) throws -> AdminReply {
        let book: PriceBook
        switch source {
        case .file(let name, let content):
            book = try AdminError.naming(name) { () throws(StorageError) in try folder.books.add(Array(content)) }
        case .kept, .shipped: book = try find(source)
        }
        let isOther = folder.books.current.id != book.id
        let isNoted = try folder.catalog.usePriceBook(book.id, isShipped: source == .shipped, by: store.stamp())
        folder.books.use(book)
        store.ledgers.sync { $0.use(book) }
        return .done(PriceTables.used(book, isNew: isNoted || isOther, format))
    }

    /// The book itself, on the shelf or not.
    private func find(_ source: BookSource) throws -> PriceBook {
        switch source {
        case .file(let name, let content):
            return try AdminError.naming(name) { () throws(StorageError) in try BookShelf.read(Array(content)) }
        case .shipped: return folder.books.shipped
        case .kept(let text):
            guard let id = PriceBookID(name: text), try folder.books.ids().contains(id) else {
                throw StorageError.priceBookUnknown(text)
            }
            guard let book = folder.books.book(id.value) else { throw StorageError.priceBookUnreadable(text) }
            return book
        }
    }

    // MARK: Repricing

    /// Reads the ledger beside a working gateway, up to what is durable now.
    func reprice(_ arguments: RepriceArguments, _ format: OutputFormat) throws -> AdminReply {
        guard let name = TenantName(arguments.tenant) else { throw AdminError.tenantName }
        let tenant = try folder.catalog.tenant(named: name)
        let book = try arguments.book.map(find) ?? folder.books.current
        let from = try arguments.from.map { try InstantText.ms($0, zone: .gmt) } ?? .min
        let to = try arguments.to.map { try InstantText.ms($0, zone: .gmt) } ?? .max
        guard from < to else { throw AdminError.period }
        let durable = try store.board.durable(tenant)
        let ledger = try folder.tenantDirectory(tenant).openDirectory(TenantLedger.folderName)
        let repricing = try Repricing(of: ledger, through: durable, books: folder.books, by: book, period: from..<to)
        return .done(
            format == .text
                ? repricing.table(tenant: name, book: book) : repricing.json(tenant: name, book: book) + "\n")
    }
}

extension TenantBoard {
    /// How far the tenant's ledger is durable; throws where it is not open.
    func durable(_ tenant: Tenant) throws(AdminError) -> LedgerPosition {
        switch self[tenant.id] {
        case .open(let position)?: position
        case .waiting(let reason)?: throw .waiting(tenant: tenant.name, reason: reason)
        case .quarantined(let reason)?: throw .quarantined(tenant: tenant.name, reason: reason)
        case nil: throw .notOpen(tenant: tenant.name)
        }
    }
}

extension BookSource {
    /// For people.
    var name: String {
        switch self {
        case .file(let name, _): name
        case .kept(let id): id
        case .shipped: "the program's own book"
        }
    }
}

extension AdminError {
    /// What is wrong with a book is told with its file's name.
    fileprivate static func naming<Value>(
        _ file: String, _ body: () throws(StorageError) -> Value
    ) throws -> Value {
        do throws(StorageError) {
            return try body()
        } catch {
            guard case .priceBookRefused(let problem) = error else { throw error }
            throw AdminError.priceBook(file: file, problem: problem.description)
        }
    }
}
