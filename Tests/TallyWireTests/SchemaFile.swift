import Foundation
import VectorFiles

/// `protocol/schema.json` as it stands, for the tests that compare the product's tables with it.
struct SchemaFile: Decodable {
    struct Named: Decodable {
        var number: UInt8?
        var id: UInt8?
        var code: UInt16?
        var name: String
        var permanent: Bool?
    }
    struct ColumnLine: Decodable {
        var id: UInt8
        var name: String
        var type: String
        var chain_factors: [String]
        var bits: Int?
        var min: UInt64?
        var max: UInt64?
        var nullable: Bool?
        var absent: UInt8?
        var values: [Named]?
    }
    struct Rules: Decodable {
        var required: [String]
        var forbidden: [String]
    }
    struct Relation: Decodable {
        var column: String
        var at_most: String
    }
    struct Flag: Decodable {
        var bit: UInt8
        var name: String
    }
    struct FrameLine: Decodable {
        var type: UInt8
        var name: String
        var direction: String
        var flags: [Flag]
    }
    struct Chain: Decodable {
        var prefix: String
        var factor_text: String
        var step_text: String
        var step: String
        var rotation: Int
    }
    struct ColumnHead: Decodable {
        var id_bits: Int
        var encoding_bits: Int
        var escape_id: Int
    }

    var `protocol`: String
    var version: UInt16
    var schema: UInt16
    var limits: [String: UInt64]
    var label: [String: String]
    var chain: Chain
    var column_head: ColumnHead
    var encodings: [String: UInt8]
    var types: [String: [String]]
    var columns: [ColumnLine]
    var kinds: [String: Rules]
    var control_tokens: [String]
    var relations: [Relation]
    var content_columns: [Named]
    var content_id_range: [UInt8]
    var preset_dictionary_hex: String
    var frames: [FrameLine]
    var reject_reasons: [Named]
    var goaway_reasons: [Named]
    var skip_reasons: [Named]

    static func read() throws -> SchemaFile {
        let data = try Data(contentsOf: Vectors.root.appending(path: "protocol/schema.json"))
        return try JSONDecoder().decode(SchemaFile.self, from: data)
    }
}
