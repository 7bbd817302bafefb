import TallyModel
import TallyPricing

/// A price book's row as JSON: rates in micro-USD per million tokens, whole numbers all.
struct RowFacts: Encodable {
    struct Alternative: Encodable {
        let name: String
        /// Numerator and denominator; absent where there are rates of its own.
        let times: [Int64]?
        let bands: [[String: Int64]]?
    }

    let number: Int
    let provider: String
    let models: [String]
    let dated: Bool
    let validFromMs: Int64?
    let validToMs: Int64?
    /// Each with `from_tokens` beside its rates.
    let bands: [[String: Int64]]
    let alternatives: [Alternative]
    let webSearchPer1000: Int64?
    let source: String
    let checkedOn: String

    enum CodingKeys: String, CodingKey {
        case number, provider, models, dated, bands, alternatives, source
        case validFromMs = "valid_from_ms"
        case validToMs = "valid_to_ms"
        case webSearchPer1000 = "web_search_per_1000_micro_usd"
        case checkedOn = "checked_on"
    }

    init(_ row: PriceRowFacts) {
        number = row.number
        provider = row.provider
        models = row.names
        dated = row.isDated
        validFromMs = row.validFromMs
        validToMs = row.validToMs
        bands = row.bands.map(Self.band)
        alternatives = row.alternatives.map {
            Alternative(name: $0.name, times: $0.times, bands: $0.times == nil ? $0.bands.map(Self.band) : nil)
        }
        webSearchPer1000 = row.webSearchPer1000
        source = row.source
        checkedOn = row.checkedOn
    }

    private static func band(_ band: PriceRowFacts.Band) -> [String: Int64] {
        var values = ["from_tokens": Int64(clamping: band.fromTokens)]
        for rate in band.rates { values["\(rate.name)_micro_usd_per_million"] = rate.microUSD }
        return values
    }
}

/// `prices show --json`.
struct RowAnswer: Encodable {
    let model: String
    let atMs: Int64
    let book: String
    let version: String
    let priced: Bool
    /// Why not: `model` or `time`.
    let reason: String?
    let name: String?
    let prefix: String?
    let tail: String?
    let row: RowFacts?

    enum CodingKeys: String, CodingKey {
        case model, book, version, priced, reason, name, prefix, tail, row
        case atMs = "at_ms"
    }

    init(_ label: Label, atMs: Int64, book: PriceBook, match: PriceMatch?, row: PriceRowFacts?) {
        model = label.text
        self.atMs = atMs
        self.book = book.id.name
        version = book.version
        priced = row != nil
        reason = match == nil ? "model" : row == nil ? "time" : nil
        name = match?.name
        prefix = match?.prefix
        tail = match?.tail
        self.row = row.map(RowFacts.init)
    }
}

/// `prices check --json`.
struct ComparisonFacts: Encodable {
    struct Change: Encodable {
        let before: RowFacts
        let after: RowFacts
        let fields: [String]
    }

    let book: String
    let version: String
    let rows: Int
    let against: String
    let added: [RowFacts]
    let removed: [RowFacts]
    let changed: [Change]
    let prefixesAdded: [String]
    let prefixesRemoved: [String]

    enum CodingKeys: String, CodingKey {
        case book, version, rows, against, added, removed, changed
        case prefixesAdded = "prefixes_added"
        case prefixesRemoved = "prefixes_removed"
    }

    init(_ comparison: BookComparison, of book: PriceBook, with old: PriceBook) {
        self.book = book.id.name
        version = book.version
        rows = book.rows.count
        against = old.id.name
        added = comparison.added.map(RowFacts.init)
        removed = comparison.removed.map(RowFacts.init)
        changed = comparison.changed.map {
            Change(before: RowFacts($0.before), after: RowFacts($0.after), fields: $0.fields.map(\.name))
        }
        prefixesAdded = comparison.prefixesAdded
        prefixesRemoved = comparison.prefixesRemoved
    }
}
