package import TallyModel

/// A book's identity: the first eight bytes, little-endian, of the SHA-256 of its file.
package struct PriceBookID: Hashable, Sendable {
    package let value: UInt64
    package init(_ value: UInt64) { self.value = value }

    /// 16 hexadecimal digits: how people and files name it.
    package var name: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// Nil unless `name` is 16 digits as `name` writes them.
    package init?(name: String) {
        guard name.utf8.count == 16, let value = UInt64(name, radix: 16) else { return nil }
        self.init(value)
        guard self.name == name else { return nil }
    }
}

/// What a model costs and when: dated rows, read once from a file, never changed.
///
/// Re-pricing means another book with another id beside this one. The file's format and the rules of matching
/// stand in docs/PRICES.md.
package struct PriceBook: Sendable {
    package let id: PriceBookID
    /// The book's own name for itself, for people.
    package let version: String
    let prefixes: [String]
    /// For people, in the order of the file.
    package let rows: [PriceRowFacts]
    let table: PriceTable
    /// Models by exact name, and by names whose dated forms match too.
    private let exact: [String: Model]
    private let dated: [String: Model]

    /// Reads a book. `id` is computed by the caller, for hashing lives on another floor.
    package init(bytes: [UInt8], id: PriceBookID) throws(PriceBookError) {
        let content = try BookLoader.load(bytes)
        self.id = id
        version = content.version
        prefixes = content.prefixes
        rows = content.rows.map(\.facts)
        var table = PriceTable()
        var periods: [PriceTable.Period] = []
        var exactRows: [String: [Int]] = [:]
        var datedRows: [String: [Int]] = [:]
        for (index, row) in content.rows.enumerated() {
            periods.append(
                PriceTable.Period(
                    validFrom: row.validFrom, validTo: row.validTo, webSearch: row.webSearch,
                    firstSlot: table.append(row)))
            for name in row.names {
                exactRows[name, default: []].append(index)
                if row.isDated { datedRows[name, default: []].append(index) }
            }
        }
        // Names with the same rows are one model, so that models can be compared.
        var models: [[Int]: Model] = [:]
        for rows in Set(exactRows.values).union(datedRows.values) {
            models[rows] = table.append(rows.map { periods[$0] })
        }
        exact = exactRows.compactMapValues { models[$0] }
        dated = datedRows.compactMapValues { models[$0] }
        self.table = table
    }

    /// The file that ships with the program.
    package static var builtInBytes: [UInt8] { PackageResources.prices_json }

    /// The prices of one model, found once per label: a run of the table's periods.
    package struct Model: Hashable, Sendable {
        let first: Int
        let count: Int
    }

    /// The model that `label` names, or nil: exactly, then without sellers' prefixes, then without a date.
    package func model(_ label: Label) -> Model? { find(label)?.model }

    /// The same with the listed name, and how many bytes of prefixes stand before it.
    func find(_ label: Label) -> (model: Model, name: String, prefixBytes: Int)? {
        let names = ModelName.unprefixed(label.text, prefixes: prefixes)
        let bytes = label.text.utf8.count
        for name in names {
            if let found = exact[name] { return (found, name, bytes - name.utf8.count) }
        }
        for name in names {
            if let base = ModelName.undated(name), let found = dated[base] {
                return (found, base, bytes - name.utf8.count)
            }
        }
        return nil
    }

    /// Whether the book knows this label at any time; such labels are free of the cap on new ones.
    package func knows(_ label: Label) -> Bool { model(label) != nil }

    /// The price of `event` at its effective time.
    package func price(_ event: Event, effectiveMs: Int64) -> Price {
        guard event.kind == .usage || event.kind == .correction, let label = event.model else {
            return .unpriced(.nothingToPrice)
        }
        return price(event, of: model(label), effectiveMs: effectiveMs)
    }

    /// The same with the model already found.
    package func price(_ event: Event, of model: Model?, effectiveMs: Int64) -> Price {
        guard let model else { return .unpriced(.model) }
        return table.price(event, of: model, effectiveMs: effectiveMs)
    }
}

/// A price book that remembers which model a label names, so that each label is matched once.
package struct Pricer: Sendable {
    package let book: PriceBook
    private var models: [Label: PriceBook.Model?] = [:]

    package init(book: PriceBook) { self.book = book }

    package mutating func model(_ label: Label) -> PriceBook.Model? {
        if let known = models[label] { return known }
        let found = book.model(label)
        // Labels are a peer's: bounded by starting anew, never by refusing.
        if models.count >= Limits.pricedLabelsMax { models.removeAll(keepingCapacity: true) }
        models[label] = .some(found)
        return found
    }

    package mutating func price(_ event: Event, effectiveMs: Int64) -> Price {
        guard event.kind == .usage || event.kind == .correction, let label = event.model else {
            return .unpriced(.nothingToPrice)
        }
        return book.price(event, of: model(label), effectiveMs: effectiveMs)
    }
}
