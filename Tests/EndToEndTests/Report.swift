import Foundation

/// The figures that are compared: those of `usage --json`, of the generator's truth and of the oracle alike.
struct Figures: Codable, Hashable {
    var events: Int
    var input: Int
    var cacheRead: Int
    var cacheWrite5m: Int
    var cacheWrite1h: Int
    var cacheWriteUnknown: Int
    var output: Int
    var reasoning: Int
    var webSearches: Int
    var cost: Int
    var reported: Int
    var unpriced: Int
    var firstMs: Int?
    var lastMs: Int?

    enum CodingKeys: String, CodingKey {
        case events, input = "input_tokens", cacheRead = "cache_read_tokens", cacheWrite5m = "cache_write_5m_tokens"
        case cacheWrite1h = "cache_write_1h_tokens", cacheWriteUnknown = "cache_write_unknown_tokens"
        case output = "output_tokens", reasoning = "reasoning_tokens", webSearches = "web_searches"
        case cost = "cost_nano_usd", reported = "reported_cost_nano_usd", unpriced = "unpriced_events"
        case firstMs = "first_ms", lastMs = "last_ms"
    }
}

struct KeyedFigures: Codable {
    let key: String?
    let figures: Figures

    init(from decoder: any Decoder) throws {
        figures = try Figures(from: decoder)
        key = try decoder.container(keyedBy: Key.self).decodeIfPresent(String.self, forKey: .key)
    }

    func encode(to encoder: any Encoder) throws { try figures.encode(to: encoder) }

    private enum Key: String, CodingKey { case key }
}

/// What `usage --json` prints.
struct Report {
    private struct Body: Codable {
        let rows: [KeyedFigures]
        let totals: Figures
        let gaps: Gaps
    }

    struct Gaps: Codable, Hashable {
        let events: Int
        let reported: Int
        enum CodingKeys: String, CodingKey { case events, reported = "reported_cost_nano_usd" }
    }

    let rows: [String: Figures]
    let totals: Figures
    let gaps: Gaps

    init(_ json: String) throws {
        let body = try JSONDecoder().decode(Body.self, from: Data(json.utf8))
        rows = Dictionary(body.rows.map { ($0.key ?? "", $0.figures) }) { first, _ in first }
        totals = body.totals
        gaps = body.gaps
    }
}

/// What the generator wrote as the truth, or the oracle found.
struct Truth {
    private struct Body: Codable {
        let rows: [KeyedFigures]
        let days: [KeyedFigures]?
        let totals: Figures
    }

    let models: [String: Figures]
    let days: [String: Figures]
    let totals: Figures

    init(_ path: String) throws {
        try self.init(json: Data(contentsOf: URL(fileURLWithPath: path)))
    }

    init(json: Data) throws {
        let body = try JSONDecoder().decode(Body.self, from: json)
        models = Dictionary(body.rows.map { ($0.key ?? "", $0.figures) }) { first, _ in first }
        days = Dictionary((body.days ?? []).map { ($0.key ?? "", $0.figures) }) { first, _ in first }
        totals = body.totals
    }
}
