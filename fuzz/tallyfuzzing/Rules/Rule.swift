/// A requirement of `protocol/SPEC.md` or `BEHAVIOUR.md` by its number: what a finding says is broken.
package struct Rule: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let number: String

    package init(_ number: String) { self.number = number }

    package var description: String { number }

    /// By section and number, so that TG-4-10 stands behind TG-4-9.
    package static func < (left: Rule, right: Rule) -> Bool {
        (left.section, left.place, left.number) < (right.section, right.place, right.number)
    }

    private var section: Substring { number.split(separator: "-").dropFirst().first ?? "" }
    private var place: Int { number.split(separator: "-").last.flatMap { Int($0) } ?? 0 }

    package static let transport = Rule("TG-1-1")
    package static let length = Rule("TG-2-1")
    package static let form = Rule("TG-2-2")
    package static let options = Rule("TG-2-4")
    package static let sequences = Rule("TG-2-5")
    package static let versions = Rule("TG-2-6")
    package static let values = Rule("TG-2-7")
    package static let direction = Rule("TG-2-8")
    package static let adoptedRows = Rule("TG-2-9")
    package static let label = Rule("TG-3-2")
    package static let columns = Rule("TG-3-4")
    package static let kinds = Rule("TG-3-5")
    package static let sizes = Rule("TG-4-1")
    package static let canonical = Rule("TG-4-2")
    package static let malformed = Rule("TG-4-3")
    package static let dictionary = Rule("TG-4-4")
    package static let packed = Rule("TG-4-5")
    package static let residual = Rule("TG-4-6")
    package static let block = Rule("TG-4-7")
    package static let controlTotals = Rule("TG-4-9")
    package static let rejectForm = Rule("TG-4-10")
    package static let chain = Rule("TG-5-2")
    package static let skip = Rule("TG-5-3")
    package static let next = Rule("TG-6-1")
    package static let places = Rule("TG-6-2")
    package static let acknowledge = Rule("TG-6-3")
    package static let credit = Rule("TG-6-4")
    package static let order = Rule("TG-6-6")
    package static let ping = Rule("TG-6-7")
    package static let close = Rule("TG-6-8")
    package static let age = Rule("TG-8-2")
    package static let hello = Rule("TG-B2-1")
    package static let takeover = Rule("TG-B2-2")
    package static let fork = Rule("TG-B2-4")
    package static let probe = Rule("TG-B2-5")
    package static let offer = Rule("TG-B3-4")
    package static let adoption = Rule("TG-B8-1")
    package static let answer = Rule("TG-B8-5")

    /// The rule that a REJECT of this reason says was broken: whom to blame where nothing was.
    static func home(of reason: Reason) -> Rule {
        switch reason {
        case .sequenceGap, .sequenceOverlap: .places
        case .size: .sizes
        case .decompress: .block
        case .malformed: .malformed
        case .nonCanonical: .canonical
        case .unknownField, .contentField, .fieldRange: .columns
        case .fieldRequired, .fieldForbidden: .kinds
        case .tooOld, .clockUnsure: .age
        case .controlTotal: .controlTotals
        case .chainMismatch: .chain
        default: .order
        }
    }
}

/// REJECT's reasons (SPEC section 7).
package enum Reason: UInt16, CaseIterable, Hashable, Sendable {
    case sequenceGap = 1, sequenceOverlap, size, decompress, malformed, nonCanonical, unknownField, contentField
    case fieldRange, fieldRequired, fieldForbidden, labelLimit, tooOld, clockUnsure, controlTotal, chainMismatch
    case overflow, busy, sessionLimit, storage

    var isPermanent: Bool {
        switch self {
        case .sequenceGap, .sequenceOverlap, .clockUnsure, .busy, .sessionLimit, .storage: false
        default: true
        }
    }

    /// Whether a gateway may say it of a valid batch, for reasons that lie with the gateway.
    var isCircumstance: Bool {
        switch self {
        case .busy, .storage, .sessionLimit, .labelLimit, .clockUnsure, .overflow: true
        default: false
        }
    }
}

/// GOAWAY's reasons (SPEC section 7).
package enum Farewell: UInt16, CaseIterable, Hashable, Sendable {
    case `protocol` = 1, version, schema, unauthenticated, revoked, superseded, shutdown, idle, tenantUnavailable
    case streamFork, overloaded, storage, streamOwned, timeout, credit

    /// Whether a gateway may say it at any time, for reasons that lie with the gateway.
    var isCircumstance: Bool {
        switch self {
        case .shutdown, .overloaded, .storage, .tenantUnavailable, .revoked: true
        default: false
        }
    }
}
