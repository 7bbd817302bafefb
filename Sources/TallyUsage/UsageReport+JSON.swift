import TallyModel

/// A report for programs: JSON and CSV.
extension UsageReport {
    /// One JSON object, its fields always in the same order. `key` stands for one dimension, `keys` for
    /// several; counts and money are whole numbers, however large.
    package var json: String {
        var json = JSONOutput()
        json.object { json in
            json.string("tenant", tenant?.text)
            json.array("by") { json in
                for dimension in by { json.string(nil, dimension.rawValue) }
            }
            json.array("rows") { json in
                for row in rows {
                    json.object { json in
                        if by.count == 1 {
                            json.string("key", row.keys[0])
                        } else {
                            json.array("keys") { json in
                                for key in row.keys { json.string(nil, key) }
                            }
                        }
                        for field in row.sums.fields { json.integer(field.name, field.value) }
                    }
                }
            }
            json.object("totals") { json in
                for field in totals.fields { json.integer(field.name, field.value) }
            }
            json.object("gaps") { json in
                json.integer("events", gaps.events)
                json.integer("reported_cost_nano_usd", gaps.reportedNanoUSD)
            }
        }
        return json.text
    }

    /// RFC 4180: a header of the dimensions and field names, one line a row, CRLF; an absent key is empty.
    package var csv: String {
        let header = by.map(\.rawValue) + totals.fields.map(\.name)
        var text = header.joined(separator: ",") + "\r\n"
        for row in rows {
            let keys = row.keys.map { UsageReport.csvField($0 ?? "") }
            let numbers = row.sums.fields.map { $0.value.map { String($0) } ?? "" }
            text += (keys + numbers).joined(separator: ",") + "\r\n"
        }
        return text
    }

    private static func csvField(_ text: String) -> String {
        let isPlain = text.unicodeScalars.allSatisfy { $0 != "," && $0 != "\"" && $0 != "\r" && $0 != "\n" }
        return isPlain ? text : "\"" + text.replacing("\"", with: "\"\"") + "\""
    }
}
