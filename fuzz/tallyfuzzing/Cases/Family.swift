/// What a case's one mutation is about.
package enum Family: String, CaseIterable, Hashable, Sendable {
    case valid, state, sequence, length, type, fields, hello, position, sizes, varint, dictionary, label, column, kind
    case range, packed, truncation, lz4, bomb, totals, chain, credit, duplicate, replay, fork, half, slow, handshake
    case takeover, skip, probe, ping, adopt, close, time, silence, havoc

    /// How many of a thousand cases; together exactly so many.
    var perMille: Int {
        switch self {
        case .valid: 30
        case .state: 30
        case .sequence: 40
        case .length: 30
        case .type: 30
        case .fields: 50
        case .hello: 40
        case .position: 15
        case .sizes: 35
        case .varint: 60
        case .dictionary: 60
        case .label: 35
        case .column: 60
        case .kind: 35
        case .range: 45
        case .packed: 30
        case .truncation: 50
        case .lz4: 60
        case .bomb: 15
        case .totals: 20
        case .chain: 20
        case .credit: 15
        case .duplicate: 30
        case .replay: 21
        case .fork: 15
        case .half: 20
        case .slow: 12
        case .handshake: 10
        case .takeover: 8
        case .skip: 15
        case .probe: 6
        case .ping: 8
        case .adopt: 5
        case .close: 4
        case .time: 10
        case .silence: 1
        case .havoc: 30
        }
    }

    /// The family of the `place`th of a thousand cases.
    static func at(_ place: Int) -> Family {
        var left = place
        for family in allCases {
            if left < family.perMille { return family }
            left -= family.perMille
        }
        return .havoc
    }

    static let whole = allCases.reduce(0) { $0 + $1.perMille }
}
