/// The table of SPEC section 3 once more, as the judge reads it: on purpose not the product's.
package struct ColumnRule: Sendable {
    enum Form: Sendable { case enumeration, count, residual, nullable, time, id16, label }

    let id: UInt8
    let form: Form
    /// The largest encoded value; of an enum the largest named one.
    let most: UInt64
    /// Of a packed value.
    let bits: Int
    let mayBeAbsent: Bool

    /// Encodings of the table in section 4 that the column's type has; 5 only where it can be absent.
    func has(encoding: UInt8) -> Bool {
        switch (form, encoding) {
        case (_, 0), (.count, 1), (.nullable, 1), (.residual, 2), (.enumeration, 3), (.id16, 4), (.label, 4),
            (.time, 6):
            true
        case (.id16, 5), (.label, 5): mayBeAbsent
        default: false
        }
    }

    static func rule(_ id: UInt8) -> ColumnRule? {
        guard id >= 1, id <= table.count else { return nil }
        return table[Int(id) - 1]
    }

    private static let tokens: UInt64 = 1_000_000_000

    static let table: [ColumnRule] = [
        named(1, 4, bits: 3),
        ColumnRule(id: 2, form: .time, most: 1 << 43 - 1, bits: 0, mayBeAbsent: false),
        ColumnRule(id: 3, form: .id16, most: 0, bits: 0, mayBeAbsent: false),
        ColumnRule(id: 4, form: .id16, most: 0, bits: 0, mayBeAbsent: true),
        named(5, 7, bits: 4),
        ColumnRule(id: 6, form: .label, most: 0, bits: 0, mayBeAbsent: true),
        named(7, 4, bits: 3), named(8, 2, bits: 2), named(9, 4, bits: 3), named(10, 3, bits: 2), named(11, 5, bits: 3),
        count(12, tokens),
        ColumnRule(id: 13, form: .residual, most: tokens, bits: 0, mayBeAbsent: true),
        count(14, tokens), count(15, tokens), count(16, tokens), count(17, tokens), count(18, tokens),
        count(19, 65_535), count(20, 65_535),
        nullable(21, 86_400_000), nullable(22, 10_000_000_000_000),
        named(23, 6, bits: 3),
        nullable(24, tokens),
        named(25, 3, bits: 2),
    ]

    private static func named(_ id: UInt8, _ most: UInt64, bits: Int) -> ColumnRule {
        ColumnRule(id: id, form: .enumeration, most: most, bits: bits, mayBeAbsent: true)
    }

    private static func count(_ id: UInt8, _ most: UInt64) -> ColumnRule {
        ColumnRule(id: id, form: .count, most: most, bits: 0, mayBeAbsent: true)
    }

    private static func nullable(_ id: UInt8, _ most: UInt64) -> ColumnRule {
        ColumnRule(id: id, form: .nullable, most: most + 1, bits: 0, mayBeAbsent: true)
    }

    /// TG-3-5, by kind.
    static let required: [[UInt8]] = [[2, 3, 6], [2, 3, 6, 24], [2, 3], [2, 3, 23], [2, 3]]
    static let forbidden: [[UInt8]] = [
        [23, 24], [11, 21, 23], Array(11...24), Array(11...22) + [24], Array(12...24),
    ]
    static let contentIDs: ClosedRange<UInt8> = 128...191
    /// TG-3-6.
    static let tokenColumns: ClosedRange<UInt8> = 12...17
    static let reportedColumn: UInt8 = 22
}
