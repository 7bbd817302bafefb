package import TallyModel
package import TallyPricing
import TallyUsage

/// A repricing for people and for programs. All of its money is API-equivalent: of two books, and their difference.
extension Repricing {
    package func table(tenant: TenantName, book: PriceBook) -> String {
        let head =
            "API-equivalent of tenant \(tenant) as counted, and by price book \(book.id.name) (\(book.version)). "
            + "Nothing is changed.\n"
        guard !rows.isEmpty else { return head + "No usage in this period.\n" }
        let largest = max(totals.before.nanoUSDRounded.magnitude, totals.after.nanoUSDRounded.magnitude)
        let decimals = UsageReport.decimals(Int128(largest))
        func cells(_ name: String, _ row: Row) -> [String] {
            let money = [row.before, row.after, row.difference].map {
                UsageReport.dollars($0.nanoUSDRounded, decimals: decimals)
            }
            let counts = [row.events, row.unpricedBefore, row.unpricedAfter].map { UsageReport.grouped($0) }
            return [name, counts[0]] + money + counts[1...]
        }
        var lines = [["Model", "Events", "As counted", "By this book", "Difference", "Unpriced", "Unpriced then"]]
        lines += rows.map { cells($0.model, $0.row) }
        lines.append(cells("Total", totals))
        let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return head
            + lines.map { line in
                line.enumerated().map { column, cell in
                    let blank = String(repeating: " ", count: widths[column] - cell.count)
                    return column == 0 ? cell + blank : blank + cell
                }.joined(separator: "  ") + "\n"
            }.joined()
    }

    /// One JSON object, its fields always in the same order. Each amount is rounded once, by itself.
    package func json(tenant: TenantName, book: PriceBook) -> String {
        var json = JSONOutput()
        json.object { json in
            json.string("tenant", tenant.text)
            json.string("book", book.id.name)
            json.string("version", book.version)
            json.array("models") { json in
                for (model, row) in rows {
                    json.object { json in
                        json.string("model", model)
                        for field in row.fields { json.integer(field.name, field.value) }
                    }
                }
            }
            json.object("totals") { json in
                for field in totals.fields { json.integer(field.name, field.value) }
            }
        }
        return json.text
    }
}

extension Repricing.Row {
    fileprivate var fields: [(name: String, value: Int128)] {
        [
            ("events", events), ("counted_cost_nano_usd", before.nanoUSDRounded),
            ("repriced_cost_nano_usd", after.nanoUSDRounded), ("difference_nano_usd", difference.nanoUSDRounded),
            ("unpriced_events", unpricedBefore), ("repriced_unpriced_events", unpricedAfter),
        ]
    }
}
