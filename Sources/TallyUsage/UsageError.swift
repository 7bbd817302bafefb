import TallyModel

/// Why a report cannot be made: the words of whoever asked, or sums beyond any bound. Nothing of it is a peer's.
package enum UsageError: Error, Hashable, Sendable, CustomStringConvertible {
    case dimensionUnknown(String, known: [UsageDimension])
    case dimensionTwice(UsageDimension)
    /// The report would have more rows than `Limits.reportRowsMax`.
    case tooManyRows
    /// A sum of money is beyond 128 bits: only a damaged file can say so.
    case overflow

    package var description: String {
        switch self {
        case .dimensionUnknown(let word, let known):
            "no dimension '\(word)'; there are \(known.map(\.rawValue).joined(separator: ", "))"
        case .dimensionTwice(let dimension): "the dimension \(dimension.rawValue) is given twice"
        case .tooManyRows:
            "the report would have more than \(Limits.reportRowsMax) rows; narrow its period, or give fewer dimensions"
        case .overflow: "a sum of the report is too large to be shown"
        }
    }
}
