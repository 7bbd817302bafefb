package import TallyModel

/// A book's identity: the first eight bytes, little-endian, of the SHA-256 of its file.
package struct PriceBookID: Hashable, Sendable {
    package let value: UInt64
    package init(_ value: UInt64) { self.value = value }
}

/// What a model costs and when: dated rows, read once from a file, never changed.
///
/// Re-pricing means another book with another id beside this one. The file's format and the rules of matching
/// stand in docs/PRICES.md.
package struct PriceBook: Sendable {
    package let id: PriceBookID
    /// The book's own name for itself, for people.
    package let version: String
    private let prefixes: [String]
    private let rows: [PriceRow]
    /// Rows by exact name, and those of them that dated forms of the name match too.
    private let exact: [String: [Int]]
    private let dated: [String: [Int]]

    /// Reads a book. `id` is computed by the caller, for hashing lives on another floor.
    package init(bytes: [UInt8], id: PriceBookID) throws(PriceBookError) {
        let content = try BookLoader.load(bytes)
        self.id = id
        version = content.version
        prefixes = content.prefixes
        rows = content.rows
        var exact: [String: [Int]] = [:]
        var dated: [String: [Int]] = [:]
        for (index, row) in rows.enumerated() {
            for name in row.names {
                exact[name, default: []].append(index)
                if row.isDated { dated[name, default: []].append(index) }
            }
        }
        self.exact = exact
        self.dated = dated
    }

    /// The file that ships with the program.
    package static var builtInBytes: [UInt8] { PackageResources.prices_json }

    /// The rows that stand for one model, found once per label.
    package struct Model: Hashable, Sendable {
        let rows: [Int]
    }

    /// The model that `label` names, or nil: exactly, then without sellers' prefixes, then without a date.
    package func model(_ label: Label) -> Model? {
        let names = ModelName.unprefixed(label.text, prefixes: prefixes)
        for name in names {
            if let found = exact[name] { return Model(rows: found) }
        }
        for name in names {
            if let base = ModelName.undated(name), let found = dated[base] { return Model(rows: found) }
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
        for index in model.rows where rows[index].validFrom <= effectiveMs && effectiveMs < rows[index].validTo {
            return rows[index].price(event)
        }
        return .unpriced(.time)
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
