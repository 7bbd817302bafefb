package import TallyModel

/// The tokens and money of one request, as far as its lines have told.
///
/// `total cache write = write5m + write1h + writeUnknown`; reasoning is part of the output.
package struct RequestCounts: Hashable, Sendable {
    package var input: UInt32 = 0
    package var cacheRead: UInt32 = 0
    package var write5m: UInt32 = 0
    package var write1h: UInt32 = 0
    package var writeUnknown: UInt32 = 0
    package var output: UInt32 = 0
    package var reasoning: UInt32 = 0
    package var webSearches: UInt16 = 0
    /// What the agent said it cost; 0 if it said nothing.
    package var reportedNanoUSD: UInt64 = 0

    package init() {}

    package var isZero: Bool { self == RequestCounts() }
    package var cacheWrite: UInt64 { UInt64(write5m) + UInt64(write1h) + UInt64(writeUnknown) }
    package var prompt: UInt64 { UInt64(input) + UInt64(cacheRead) + cacheWrite }
}

/// Which request a line speaks of: hashes of its message id (or what stands in for one) and request id.
package struct RequestKey: Hashable, Sendable {
    package let message: UInt64
    /// 0 if the line gave none.
    package let request: UInt64

    package init(message: UInt64, request: UInt64) {
        self.message = message
        self.request = request
    }
}

/// One line's word on one request. Numbers and ids only: text ended in the parser.
package struct RequestFact: Hashable, Sendable {
    package var key: RequestKey
    package var timeMs: Int64
    package var session: SessionID
    package var project: ProjectID?
    package var agent: Agent
    package var model: Label
    package var origin: Origin = .unknown
    package var speed: Speed = .unknown
    package var tier: Tier = .unknown
    package var region: Region = .unknown
    package var outcome: Outcome = .unknown
    /// The source says that nothing will be added.
    package var isFinal = false
    /// Told by telemetry alone, whose facts are never held.
    package var durationMs: UInt32?
    package var counts: RequestCounts
}

/// What a line told.
package enum Fact: Sendable {
    /// A request that repeats while it streams, and in copies of its session.
    case request(RequestFact)
    /// A row of a cumulative counter, which forks copy; the key's `request` stands for the session.
    case row(RequestFact)
    /// A session continues another.
    case lineage(session: UInt64, ancestor: UInt64)
    /// A request of this session was passed over: the agent worked in an ignored folder.
    case ignored(session: SessionID)
    /// A row of a cumulative counter that was passed over for it. Its hash is remembered, so that a fork elsewhere
    /// which copies it does not count it.
    case ignoredRow(RequestFact)
    /// An event that a program handed over; `id` is a hash of its own id for deduplication, or nil.
    case sent(Event, id: UInt64?)
}

/// Why a line counted nothing although it might have.
package enum SkipReason: UInt8, CaseIterable, Hashable, Sendable {
    case malformed, tooDeep, tooLong, badNumber, noTime
    /// `<synthetic>` messages and counter rows without any token.
    case empty
    /// A cumulative counter told again unchanged.
    case repeatedTotal
    /// A request or row that is already counted: streaming repeat, resume, fork, sidechain.
    case duplicate
    /// Telemetry of a call that nothing ties to the transcripts of its agent, which are read here and tell of it too.
    case inTranscripts
    /// The agent worked in a folder that is ignored on this machine.
    case ignored

    package var name: String {
        switch self {
        case .malformed: "malformed"
        case .tooDeep: "too_deep"
        case .tooLong: "too_long"
        case .badNumber: "bad_number"
        case .noTime: "no_time"
        case .empty: "empty"
        case .repeatedTotal: "repeated_total"
        case .duplicate: "duplicate"
        case .inTranscripts: "in_transcripts"
        case .ignored: "ignored"
        }
    }

    init(_ error: JSONError) {
        switch error {
        case .malformed, .truncated: self = .malformed
        case .tooDeep: self = .tooDeep
        case .unfit: self = .badNumber
        }
    }
}

/// What became of a line.
package enum LineResult: Sendable {
    case fact(Fact)
    /// The line speaks of no spend.
    case nothing
    case skipped(SkipReason)
}
