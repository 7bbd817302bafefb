/// A place in a stream with what both sides can compare there.
package struct Place: Hashable, Sendable {
    package var sequence: UInt64
    package var chain: UInt64
    package var tokens: UInt128
    package var reported: UInt128
}

/// What is known of a stream across connections.
package struct StreamRecord: Sendable {
    /// What an ACK or a WELCOME has told: it may never be less again.
    package var acknowledged: Place
    /// Places beyond it that were accepted and may be committed.
    package var open: [Place] = []
    /// Nobody can say what was accepted: any place not below `acknowledged` is believed once.
    package var isLoose = false
    package var isClosed = false
    /// CLOSE was said where nobody can tell whether it was taken.
    package var mayBeClosed = false
    package var generation: UInt32 = 0
    /// Chain values that were told or worked out, the latest few.
    package private(set) var chains: [UInt64: UInt64] = [:]
    private var noted: [UInt64] = []

    private static let chainsMax = 256

    package init(stream: [UInt8]) {
        acknowledged = Place(sequence: 0, chain: ChainRules.initial(stream), tokens: 0, reported: 0)
        note(0, acknowledged.chain)
    }

    package mutating func note(_ sequence: UInt64, _ chain: UInt64) {
        if chains.updateValue(chain, forKey: sequence) == nil { noted.append(sequence) }
        if noted.count > StreamRecord.chainsMax { chains[noted.removeFirst()] = nil }
    }
}

/// The streams of one lane.
package struct StreamBook: Sendable {
    package var records: [[UInt8]: StreamRecord] = [:]

    package init() {}

    package subscript(_ stream: [UInt8]) -> StreamRecord {
        get { records[stream] ?? StreamRecord(stream: stream) }
        set { records[stream] = newValue }
    }
}

/// What a gateway did that a requirement forbids, or did not do.
package struct Finding: Hashable, Sendable {
    package let rule: Rule
    package let expected: String
    package let got: String

    package init(_ rule: Rule, expected: String, got: String) {
        self.rule = rule
        self.expected = expected
        self.got = got
    }
}
