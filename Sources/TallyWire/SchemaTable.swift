package import TallyModel

/// Schema 1 as a table: what each column holds and how it may be encoded.
/// `protocol/schema.json` is the normative table; a test compares the two.
package enum SchemaTable {
    package static let version: UInt16 = 1
    /// Ids of this range are names of content: such a column is refused by name and told to the tenant's owner.
    package static let contentIDs: ClosedRange<UInt8> = 128...191

    package static let columns: [Column] = [
        Column(.kind, .enumeration(bits: 3), 0...4),
        Column(.timeMs, .time, 1...UInt64(Limits.timeMsMax)),
        Column(.session, .id16, 0...0),
        Column(.project, .id16, 0...0, canBeAbsent: true),
        Column(.agent, .enumeration(bits: 4), 0...7),
        Column(.model, .label, 0...0, canBeAbsent: true),
        Column(.origin, .enumeration(bits: 3), 0...4),
        Column(.speed, .enumeration(bits: 2), 0...2),
        Column(.tier, .enumeration(bits: 3), 0...4),
        Column(.region, .enumeration(bits: 2), 0...3),
        Column(.outcome, .enumeration(bits: 3), 0...5),
        Column(.inputTokens, .count, 0...tokens),
        Column(.cacheReadTokens, .residual, 0...tokens),
        Column(.cacheWrite5mTokens, .count, 0...tokens),
        Column(.cacheWrite1hTokens, .count, 0...tokens),
        Column(.cacheWriteUnknownTokens, .count, 0...tokens),
        Column(.outputTokens, .count, 0...tokens),
        Column(.reasoningTokens, .count, 0...tokens),
        Column(.webSearches, .count, 0...65_535),
        Column(.toolCalls, .count, 0...65_535),
        Column(.durationMs, .nullableCount, 0...UInt64(Limits.durationMsMax)),
        Column(.reportedCostNanoUSD, .nullableCount, 0...Limits.reportedCostNanoUSDMax),
        Column(.state, .enumeration(bits: 3), 0...6),
        Column(.contextTokens, .nullableCount, 0...tokens),
        Column(.billing, .enumeration(bits: 2), 0...3),
    ]

    private static let tokens = UInt64(Limits.tokensMax)

    package static func column(_ id: ColumnID) -> Column { columns[Int(id.rawValue) - 1] }
}

/// What a column holds, which says how it may be encoded.
package enum ColumnType: Hashable, Sendable {
    /// A number of a closed vocabulary, so many bits wide when packed.
    case enumeration(bits: Int)
    case count
    /// Encoded as value + 1; 0 is absent.
    case nullableCount
    /// A count told as its difference from a prediction (SPEC.md TG-4-6).
    case residual
    case id16
    case label
    case time

    /// The name in schema.json.
    package var name: String {
        switch self {
        case .enumeration: "enum"
        case .count: "count"
        case .nullableCount: "nullable_count"
        case .residual: "residual"
        case .id16: "id16"
        case .label: "label"
        case .time: "time"
        }
    }
}

/// How the rows of a column are written; the top three bits of its head.
package enum Encoding: UInt8, CaseIterable, Hashable, Sendable {
    case constant = 0, varint, residual, packed, dictionary, dictionaryWithAbsent, delta
}

/// One line of the table.
package struct Column: Hashable, Sendable {
    package let id: ColumnID
    package let type: ColumnType
    /// Of the value, not of its encoding. Identifiers and labels have none.
    package let bounds: ClosedRange<UInt64>
    /// Of identifiers and labels: whether rows may hold none.
    package let canBeAbsent: Bool
    /// The highest encoded value.
    package let encodedMax: UInt64

    /// What follows from the id, at hand for the decoder: its number, its bit in a set of columns, its place in a batch.
    let number: UInt8
    let bit: UInt64
    let kind: Slot.Kind
    let index: Int

    package init(
        _ id: ColumnID, _ type: ColumnType, _ bounds: ClosedRange<UInt64>, canBeAbsent: Bool = false
    ) {
        self.id = id
        self.type = type
        self.bounds = bounds
        self.canBeAbsent = canBeAbsent
        encodedMax = type == .nullableCount ? bounds.upperBound + 1 : bounds.upperBound
        number = id.rawValue
        bit = 1 << UInt64(id.rawValue)
        (kind, index) = Slot.of(id)
    }

    @inline(__always)
    func allows(_ encoding: Encoding) -> Bool {
        switch (type, encoding) {
        case (_, .constant), (.enumeration, .packed), (.count, .varint), (.nullableCount, .varint),
            (.residual, .residual), (.id16, .dictionary), (.label, .dictionary), (.time, .delta):
            true
        case (.id16, .dictionaryWithAbsent), (.label, .dictionaryWithAbsent): canBeAbsent
        default: false
        }
    }

    package var encodings: [Encoding] { Encoding.allCases.filter(allows) }
}
