import TallyModel

/// Reads a price book strictly (docs/PRICES.md): every key known, every number whole and bounded, no model
/// priced twice at one time. A book that loads cannot fail later.
enum BookLoader {
    struct Content {
        var version: String
        /// Longest first, so that the most specific goes.
        var prefixes: [String]
        var rows: [PriceRow]
    }

    static let format: Int64 = 1

    static func load(_ bytes: [UInt8]) throws(PriceBookError) -> Content {
        let head = try BookFields(
            try JSONReader.read(bytes), row: nil, path: "", allowed: ["format", "version", "prefixes", "rows"])
        guard try head.integer("format", max: .max) == format else { throw head.refused("format", .unknownFormat) }
        let version = try head.text("version")
        let prefixes = try head.texts("prefixes", max: Limits.priceBookPrefixesMax)
        guard case .array(let values) = try head.required("rows") else { throw head.refused("rows", .wrongType) }
        guard !values.isEmpty else { throw head.refused("rows", .empty) }
        guard values.count <= Limits.priceBookRowsMax else { throw head.refused("rows", .tooMany) }
        var rows: [PriceRow] = []
        for (index, value) in values.enumerated() { rows.append(try row(value, number: index + 1)) }
        guard rows.reduce(0, { $0 + $1.names.count }) <= Limits.priceBookNamesMax else {
            throw head.refused("rows", .tooMany)
        }
        try refuseOverlaps(rows)
        let longestFirst = prefixes.sorted { $0.utf8.count > $1.utf8.count }
        return Content(version: version, prefixes: longestFirst, rows: rows)
    }

    private static func row(_ value: JSONValue, number: Int) throws(PriceBookError) -> PriceRow {
        let fields = try BookFields(
            value, row: number, path: "",
            allowed: [
                "provider", "models", "dated", "valid_from", "valid_to", "rates", "bands", "speeds", "tiers",
                "regions", "web_search_per_1000", "source", "checked_on",
            ])
        let names = try fields.texts("models", max: Limits.priceBookNamesMax)
        guard !names.isEmpty else { throw fields.refused("models", .empty) }
        for name in names where Label(name) == nil { throw fields.refused("models", .notALabel) }
        guard Set(names).count == names.count else { throw fields.refused("models", .overlap(withRow: number)) }
        let from = try fields.date("valid_from") ?? .min
        let to = try fields.date("valid_to") ?? .max
        guard from < to else { throw fields.refused("valid_to", .emptyPeriod) }
        guard try fields.date("checked_on") != nil else { throw fields.refused("checked_on", .badDate) }
        let source = try fields.text("source")
        let provider = try fields.text("provider")
        let isDated = try fields.bool("dated")
        let searches = try webSearch(fields)
        let base = try ScheduleLoader.schedule(fields)
        let speeds = try ScheduleLoader.alternatives(fields, "speeds", of: [Speed.fast])
        let tiers = try ScheduleLoader.alternatives(fields, "tiers", of: [Tier.priority, .flex, .batch])
        let regions = try ScheduleLoader.alternatives(fields, "regions", of: [Region.us, .other])
        let facts = PriceRowFacts(
            number: number, provider: provider, names: names, isDated: isDated, validFrom: from, validTo: to,
            base: base, speeds: named(speeds), tiers: named(tiers), regions: named(regions),
            webSearchPer1000: searches.map { $0 / 1_000_000 }, source: source, checkedOn: try fields.text("checked_on"))
        let row = PriceRow(
            facts: facts, names: names, isDated: isDated, validFrom: from, validTo: to, webSearch: searches, base: base,
            speeds: speeds, tiers: tiers, regions: regions)
        guard let row else { throw fields.refused("rates", .notWholeFemto) }
        return row
    }

    /// In the order of the words' numbers.
    private static func named<Word: Vocabulary>(
        _ alternatives: [Word: Alternative]
    ) -> [(name: String, Alternative)] {
        Word.allCases.compactMap { word in alternatives[word].map { (name: word.name, $0) } }
    }

    /// Micro-USD per 1,000 searches are 10⁹ ÷ 10³ femto-USD each: always whole.
    private static func webSearch(_ fields: BookFields) throws(PriceBookError) -> Int64? {
        let name = "web_search_per_1000"
        guard fields.optional(name) != nil else { return nil }
        return try fields.integer(name, max: Limits.priceTokenFemtoMax / 1_000_000) * 1_000_000
    }

    private static func refuseOverlaps(_ rows: [PriceRow]) throws(PriceBookError) {
        var priced: [String: [Int]] = [:]
        for (index, row) in rows.enumerated() {
            for name in row.names {
                for other in priced[name, default: []]
                where row.validFrom < rows[other].validTo && rows[other].validFrom < row.validTo {
                    throw .refused(row: index + 1, field: "models", .overlap(withRow: other + 1))
                }
                priced[name, default: []].append(index)
            }
        }
    }
}
