/// What one price book changes against another, row by row: for whoever is about to use it.
///
/// Rows belong together where they list the same names from the same time on, or else share a name and begin at the same
/// time. Where a row stands in its file does not matter.
package struct BookComparison: Hashable, Sendable {
    package struct Change: Hashable, Sendable {
        package let before: PriceRowFacts
        package let after: PriceRowFacts
        package let fields: [FieldChange]
    }

    /// A side without the field is nil.
    package struct FieldChange: Hashable, Sendable {
        package let name: String
        package let before: String?
        package let after: String?
    }

    package private(set) var added: [PriceRowFacts] = []
    package private(set) var removed: [PriceRowFacts] = []
    package private(set) var changed: [Change] = []
    package private(set) var prefixesAdded: [String] = []
    package private(set) var prefixesRemoved: [String] = []

    package var isEmpty: Bool {
        added.isEmpty && removed.isEmpty && changed.isEmpty && prefixesAdded.isEmpty && prefixesRemoved.isEmpty
    }

    package init(from old: PriceBook, to new: PriceBook) {
        var rest = new.rows
        var unmatched: [PriceRowFacts] = []
        for before in old.rows {
            guard let place = rest.firstIndex(where: { Self.isSame(before, $0) }) else {
                unmatched.append(before)
                continue
            }
            note(before, rest.remove(at: place))
        }
        for before in unmatched {
            guard let place = rest.firstIndex(where: { Self.isAlike(before, $0) }) else {
                removed.append(before)
                continue
            }
            note(before, rest.remove(at: place))
        }
        added = rest
        changed.sort { $0.after.number < $1.after.number }
        prefixesAdded = Set(new.prefixes).subtracting(old.prefixes).sorted()
        prefixesRemoved = Set(old.prefixes).subtracting(new.prefixes).sorted()
    }

    private static func isSame(_ left: PriceRowFacts, _ right: PriceRowFacts) -> Bool {
        left.validFromMs == right.validFromMs && Set(left.names) == Set(right.names)
    }

    private static func isAlike(_ left: PriceRowFacts, _ right: PriceRowFacts) -> Bool {
        left.validFromMs == right.validFromMs && !Set(left.names).isDisjoint(with: right.names)
    }

    private mutating func note(_ before: PriceRowFacts, _ after: PriceRowFacts) {
        let old = before.fields
        let new = after.fields
        var fields: [FieldChange] = []
        for field in old {
            let now = new.first { $0.name == field.name }?.text
            if now != field.text { fields.append(FieldChange(name: field.name, before: field.text, after: now)) }
        }
        for field in new where !old.contains(where: { $0.name == field.name }) {
            fields.append(FieldChange(name: field.name, before: nil, after: field.text))
        }
        if !fields.isEmpty { changed.append(Change(before: before, after: after, fields: fields)) }
    }
}
