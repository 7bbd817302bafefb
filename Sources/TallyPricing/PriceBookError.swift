/// Why a price book was refused. A book is the operator's own file, so the place is named in full.
package enum PriceBookError: Error, Hashable, Sendable, CustomStringConvertible {
    case tooLarge(bytes: Int)
    /// Not JSON as docs/PRICES.md describes it; `byte` counts from 0.
    case syntax(byte: Int, JSONProblem)
    /// `row` counts from 1; nil is the book's own head. `field` is a path such as `bands[0].rates.input`.
    case refused(row: Int?, field: String, PriceProblem)

    package var description: String {
        switch self {
        case .tooLarge(let bytes): "the price book has \(bytes) bytes, which is over the limit"
        case .syntax(let byte, let problem):
            "the price book is not valid JSON at byte \(byte): \(problem.text); see docs/PRICES.md"
        case .refused(nil, let field, let problem): "the price book's \(field): \(problem.text)"
        case .refused(let row?, let field, let problem): "row \(row) of the price book, \(field): \(problem.text)"
        }
    }
}

/// What is wrong with one field of a price book.
package enum PriceProblem: Hashable, Sendable {
    case missing
    case unknownKey
    case wrongType
    case empty
    case tooMany
    case notALabel
    case negative
    case tooLarge
    case badDate
    /// valid_to is not after valid_from.
    case emptyPeriod
    /// The same model name has two rows at one time.
    case overlap(withRow: Int)
    /// Thresholds must rise.
    case bandOrder
    /// A rate times its multipliers is no whole number of femto-USD a token.
    case notWholeFemto
    case unknownFormat

    var text: String {
        switch self {
        case .missing: "is missing"
        case .unknownKey: "is no key of this format"
        case .wrongType: "has the wrong type"
        case .empty: "is empty"
        case .tooMany: "has too many entries"
        case .notALabel: "is no model name ([a-z0-9][a-z0-9._:/@+-]{0,63})"
        case .negative: "is negative"
        case .tooLarge: "is too large"
        case .badDate: "is no date (YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ, UTC)"
        case .emptyPeriod: "is not after valid_from"
        case .overlap(let row): "is already priced for that time in row \(row)"
        case .bandOrder: "does not lie above the band before it"
        case .notWholeFemto: "times its multipliers is not a whole number of femto-USD a token"
        case .unknownFormat: "is a format that this version does not read"
        }
    }
}

extension JSONProblem {
    var text: String {
        switch self {
        case .endedEarly: "it ends early"
        case .unexpectedByte: "an unexpected character"
        case .trailingBytes: "something follows the closing brace"
        case .notWhole: "a number must be whole (micro-USD per million tokens)"
        case .numberTooLarge: "a number is too large"
        case .stringByte: "a text may hold printable ASCII only, without a backslash"
        case .stringTooLong: "a text is too long"
        case .tooDeep: "it is nested too deeply"
        case .duplicateKey: "a key stands twice"
        }
    }
}
