import Foundation
import TallyModel
import TallyPricing
import TallyStorage

/// How price books and their rows are printed: for people, and as stable JSON for programs.
enum PriceTables {
    /// A stretch of time in which new records named a book.
    struct Span: Encodable {
        let fromMs: Int64
        /// Nil while it lasts.
        let toMs: Int64?

        enum CodingKeys: String, CodingKey {
            case fromMs = "from_ms"
            case toMs = "to_ms"
        }

        var text: String {
            let from = AdminTables.time(fromMs)
            return toMs.map { "\(from) to \(AdminTables.time($0))" } ?? "since \(from)"
        }
    }

    struct Book: Encodable {
        let id: String
        /// Nil where the book is missing or damaged.
        let version: String?
        let rows: Int?
        let isInUse: Bool
        let isShipped: Bool
        let uses: [Span]

        enum CodingKeys: String, CodingKey {
            case id, version, rows, uses
            case isInUse = "in_use"
            case isShipped = "shipped"
        }

        /// By their first use; those that never were, last.
        var order: (Int64, String) { (uses.first?.fromMs ?? .max, id) }
    }

    static func spans(of book: PriceBookID, _ uses: [PriceBookUse]) -> [Span] {
        var spans: [Span] = []
        for (place, use) in uses.enumerated() where use.book == book {
            // One that was the program's own and then was chosen goes on.
            if place > 0, uses[place - 1].book == book, let last = spans.popLast() {
                spans.append(Span(fromMs: last.fromMs, toMs: end(of: place, uses)))
            } else {
                spans.append(Span(fromMs: use.fromMs, toMs: end(of: place, uses)))
            }
        }
        return spans
    }

    private static func end(of place: Int, _ uses: [PriceBookUse]) -> Int64? {
        place + 1 < uses.count ? uses[place + 1].fromMs : nil
    }

    static func books(_ books: [Book], format: OutputFormat) -> String {
        guard format == .text else { return AdminTables.json(["books": books]) }
        return AdminTables.table(
            head: ["book", "version", "rows", "state", "used"],
            rows: books.map { book in
                var state = book.isInUse ? "in use" : "kept"
                if book.isShipped { state += ", the program's own" }
                if book.version == nil { state += ", missing or damaged" }
                return [
                    book.id, book.version ?? "-", book.rows.map(String.init) ?? "-", state,
                    book.uses.isEmpty ? "never" : book.uses.map(\.text).joined(separator: "; "),
                ]
            })
    }

    static func used(_ book: PriceBook, isNew: Bool, _ format: OutputFormat) -> String {
        struct Used: Encodable {
            let book: String
            let version: String
            let changed: Bool
        }
        guard format == .text else {
            return AdminTables.json(Used(book: book.id.name, version: book.version, changed: isNew))
        }
        return isNew
            ? "price book \(book.id.name) (\(book.version)) prices what is received from now on; what was received before "
                + "keeps its price\n"
            : "price book \(book.id.name) (\(book.version)) is in use already; nothing was changed\n"
    }

    // MARK: Comparing

    static func comparison(
        _ comparison: BookComparison, of book: PriceBook, name: String, with old: PriceBook, _ format: OutputFormat
    ) -> String {
        guard format == .text else { return AdminTables.json(ComparisonFacts(comparison, of: book, with: old)) }
        var text = "\(name) is a valid price book: \(book.id.name) (\(book.version)), \(book.rows.count) rows\n"
        text += "against \(old.id.name) (\(old.version)), which is in use:\n"
        guard !comparison.isEmpty else { return text + "  every row is the same\n" }
        for prefix in comparison.prefixesAdded { text += "  added    prefix \(prefix)\n" }
        for prefix in comparison.prefixesRemoved { text += "  removed  prefix \(prefix)\n" }
        for row in comparison.added { text += "  added    \(line(row))\n" }
        for row in comparison.removed { text += "  removed  \(line(row))\n" }
        for change in comparison.changed {
            text += "  changed  \(line(change.after))\n"
            for field in change.fields {
                text += "             \(field.name): \(field.before ?? "none") -> \(field.after ?? "none")\n"
            }
        }
        return text
            + "rows added: \(comparison.added.count), removed: \(comparison.removed.count), changed: \(comparison.changed.count)\n"
    }

    private static func line(_ row: PriceRowFacts) -> String {
        "row \(row.number): \(row.names.joined(separator: ", ")) (\(row.period))"
    }

    // MARK: One model

    static func show(_ label: Label, atMs: Int64, in book: PriceBook, _ format: OutputFormat) -> AdminReply {
        let match = book.match(label)
        let row = match?.row(at: atMs)
        let facts = RowAnswer(label, atMs: atMs, book: book, match: match, row: row)
        guard let match, let row else {
            let failure = match.map { untimely(label, atMs, $0) } ?? unknown(label, book)
            return .failed(failure, output: format == .text ? "" : AdminTables.json(facts))
        }
        guard format == .text else { return .done(AdminTables.json(facts)) }
        var lines = [("price book", "\(book.id.name) (\(book.version))"), ("at", AdminTables.time(atMs))]
        lines.append(("row", "\(row.number), which names \(match.name)"))
        if !match.prefix.isEmpty { lines.append(("prefix", "\(match.prefix) left out: it says who sold the call")) }
        if !match.tail.isEmpty { lines.append(("tail", "\(match.tail) left out: a date or version of \(match.name)")) }
        lines += row.fields.map { ($0.name, $0.text) }
        for other in match.rows where other.number != row.number {
            lines.append(("at other times", "row \(other.number), \(other.period)"))
        }
        let width = lines.map(\.0.count).max() ?? 0
        return .done(
            "\(label.text) is priced; dollars per million tokens:\n"
                + lines.map {
                    "  " + $0.0.padding(toLength: width, withPad: " ", startingAt: 0) + "  " + $0.1 + "\n"
                }.joined())
    }

    private static func unknown(_ label: Label, _ book: PriceBook) -> String {
        let alike = book.namesLike(label)
        return
            "no row of price book \(book.id.name) (\(book.version)) names '\(label.text)', so it stays unpriced: reports "
            + "show its tokens, and never $0 in place of a price. "
            + (alike.isEmpty
                ? "" : "Names that begin like it: \(alike.joined(separator: ", ")); none of them is taken for it. ")
            + "To price it, put a row that names it into a copy of the book, then 'tallygate prices check FILE' and "
            + "'tallygate prices use FILE'"
    }

    private static func untimely(_ label: Label, _ atMs: Int64, _ match: PriceMatch) -> String {
        let periods = match.rows.map { "row \($0.number) is valid \($0.period)" }.joined(separator: ", ")
        return
            "'\(label.text)' has no price at \(AdminTables.time(atMs)), so events of that time stay unpriced: \(periods)"
    }
}
