import Foundation
import TallyModel
import VectorFiles

@testable import TallyWire

/// Files of batches as `conformance.py` reads and writes them: records of a u32 length and that many bytes of JSON.
enum BatchFile {
    /// What is read of a record. The rows are only counted: `raw` says the same in one form.
    struct Record: Decodable {
        struct Rows: Decodable {
            let count: Int
            init(from decoder: any Decoder) throws {
                guard let count = try decoder.unkeyedContainer().count else {
                    throw Vectors.Missing(description: "rows of no number")
                }
                self.count = count
            }
        }
        var name: String
        var rows: Rows
        var stream: String
        var chain_before: String
        var chain_zero: Bool?
        var raw: String
        var chain_after: String
        var control_tokens: UInt64
        var reported_nano_usd: UInt64
        var lz4: String
    }

    /// A damaged body or block, and what it is refused with.
    struct Damaged: Decodable {
        var name: String
        var count: UInt32
        var raw: String?
        var lz4: String?
        var raw_bytes: UInt32?
        var accepted: Bool?
        var reason: String?
        var field: UInt8?
        var index: UInt32?
        var run: UInt32?
    }

    static func records<Line: Decodable>(_ url: URL, as type: Line.Type, _ body: (Line) throws -> Void) throws {
        let data = try Data(contentsOf: url)
        let decoder = JSONDecoder()
        var position = data.startIndex
        while position < data.endIndex {
            guard data.endIndex - position >= 4 else { throw Vectors.Missing(description: "half a length") }
            let length = data[position..<position + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
            position += 4
            guard data.endIndex - position >= length else { throw Vectors.Missing(description: "half a record") }
            try body(try decoder.decode(Line.self, from: data[position..<position + length]))
            position += length
        }
    }
}

/// Writes one record as bytes; a batch has thousands of values, so no dictionary stands between.
struct BatchRecord {
    private(set) var bytes: [UInt8] = [0, 0, 0, 0]

    init(
        name: String, rows: [Event], stream: StreamID, isFirst: Bool, before: ChainValue, encoded: EncodedBatch,
        lz4: [UInt8]?
    ) {
        text("{\"name\":\"\(name)\",\"stream\":\"")
        hex(stream.value.bytes)
        text(
            "\",\"chain_before\":\"\(hexText(before.value))\",\"chain_after\":\"\(hexText(encoded.chainAfter.value))\"")
        text(",\"control_tokens\":\(encoded.controlTokens),\"reported_nano_usd\":\(encoded.reportedNanoUSD)")
        if isFirst { text(",\"chain_zero\":true") }
        text(",\"raw\":\"")
        hex(encoded.raw)
        if let lz4 {
            text("\",\"lz4\":\"")
            hex(lz4)
        }
        text("\",\"rows\":[")
        for (index, event) in rows.enumerated() {
            text(index == 0 ? "{" : ",{")
            row(event)
            text("}")
        }
        text("]}")
        let length = bytes.count - 4
        for place in 0..<4 { bytes[place] = UInt8(truncatingIfNeeded: length >> (8 * place)) }
    }

    private mutating func row(_ event: Event) {
        text("\"time_ms\":\(event.timeMs),\"session\":\"")
        hex(event.session.value.bytes)
        text("\"")
        word(.kind, event.kind)
        if let project = event.project {
            text(",\"project\":\"")
            hex(project.value.bytes)
            text("\"")
        }
        word(.agent, event.agent)
        if let model = event.model { text(",\"model\":\"\(model.text)\"") }
        word(.origin, event.origin)
        word(.speed, event.speed)
        word(.tier, event.tier)
        word(.region, event.region)
        word(.outcome, event.outcome)
        count(.inputTokens, event.inputTokens)
        count(.cacheReadTokens, event.cacheReadTokens)
        count(.cacheWrite5mTokens, event.cacheWrite5mTokens)
        count(.cacheWrite1hTokens, event.cacheWrite1hTokens)
        count(.cacheWriteUnknownTokens, event.cacheWriteUnknownTokens)
        count(.outputTokens, event.outputTokens)
        count(.reasoningTokens, event.reasoningTokens)
        count(.webSearches, UInt32(event.webSearches))
        count(.toolCalls, UInt32(event.toolCalls))
        if let duration = event.durationMs { text(",\"duration_ms\":\(duration)") }
        if let cost = event.reportedCostNanoUSD { text(",\"reported_cost_nano_usd\":\(cost)") }
        if let state = event.state { text(",\"state\":\"\(state.name)\"") }
        if let context = event.contextTokens { text(",\"context_tokens\":\(context)") }
        word(.billing, event.billing)
    }

    private mutating func count(_ column: ColumnID, _ value: UInt32) {
        if value != 0 { text(",\"\(column.name)\":\(value)") }
    }

    private mutating func word(_ column: ColumnID, _ value: some Vocabulary) {
        if value.rawValue != 0 { text(",\"\(column.name)\":\"\(value.name)\"") }
    }

    private mutating func text(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func hex(_ values: [UInt8]) {
        for value in values {
            bytes.append(BatchRecord.digit(value >> 4))
            bytes.append(BatchRecord.digit(value & 15))
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value + (value < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)
    }
}
