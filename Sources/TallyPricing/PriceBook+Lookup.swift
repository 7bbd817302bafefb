package import TallyModel

/// Which rows a label finds, and by which of the rules: for people. `PriceBook.model(_:)` finds the same.
package struct PriceMatch: Hashable, Sendable {
    /// The name that the rows list.
    package let name: String
    /// What was taken from the front of the label and from its end; empty where nothing was.
    package let prefix: String
    package let tail: String
    /// The name's rows, in the order of the file; no two are valid at one time.
    package let rows: [PriceRowFacts]

    package func row(at ms: Int64) -> PriceRowFacts? { rows.first { $0.isValid(at: ms) } }
}

extension PriceBook {
    /// Nil where no row names the model: its events are unpriced.
    package func match(_ label: Label) -> PriceMatch? {
        guard let found = find(label) else { return nil }
        let text = label.text
        let tail = text.dropFirst(found.prefixBytes + found.name.utf8.count)
        return PriceMatch(
            name: found.name, prefix: String(text.prefix(found.prefixBytes)), tail: String(tail),
            rows: rows.filter { $0.names.contains(found.name) && ($0.isDated || tail.isEmpty) })
    }

    /// Listed names that begin most like `label`, best first: for whoever mistyped one. None of them is ever taken for it.
    package func namesLike(_ label: Label, limit: Int = 5) -> [String] {
        let bare = ModelName.unprefixed(label.text, prefixes: prefixes).last ?? label.text
        func common(_ name: String) -> Int { zip(name, bare).prefix { $0 == $1 }.count }
        let names = Set(rows.flatMap(\.names)).map { (name: $0, length: common($0)) }.filter { $0.length >= 3 }
        return names.sorted { $0.length != $1.length ? $0.length > $1.length : $0.name < $1.name }.prefix(limit).map(
            \.name)
    }
}
