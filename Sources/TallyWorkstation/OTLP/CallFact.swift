import TallyModel

/// One call as telemetry told it: numbers and hashes, and by which of them the same call is known elsewhere.
package struct CallFact: Hashable, Sendable {
    /// What a transcript of the same agent, or another export, shares with this record.
    package enum Match: Hashable, Sendable {
        /// The request's id, which Claude Code's transcripts give too.
        case request
        /// The message's id: what a span calls the response's.
        case message
        /// Session and numbers, one for one: Codex writes the same four into its rollout.
        case numbers
        /// Nothing: where transcripts of the agent are read, they tell of it.
        case nothing
    }

    /// A hash of the record: the same record sent again has the same. For `.request` and `.message`, of that id.
    package var identity: UInt64
    package var match: Match
    package var fact: RequestFact
}

/// What became of the records of one export.
package struct OTLPBatch: Hashable, Sendable {
    package var records: UInt64 = 0
    package var calls: [CallFact] = []
    /// The latest sign of each session, of at most `Limits.statesSessionsMax`.
    package var signs: [FileSign] = []
    package var skips = [UInt64](repeating: 0, count: SkipReason.allCases.count)

    package init() {}

    mutating func note(_ sign: FileSign) {
        if let place = signs.firstIndex(where: { $0.session == sign.session }) {
            if sign.timeMs >= signs[place].timeMs { signs[place] = sign }
        } else if signs.count < Limits.statesSessionsMax {
            signs.append(sign)
        }
    }

    package var skipped: UInt64 { skips.reduce(0, +) }

    /// Calls whose numbers or time cannot be counted: what the sender is told of.
    package var rejected: UInt64 {
        [SkipReason.badNumber, .noTime].reduce(0) { $0 + skips[Int($1.rawValue)] }
    }
}
