package import TallyModel

/// Every frame of `tallygate/1` as a value; `protocol/SPEC.md` section 2 is the normative table.
package enum Frame: Hashable, Sendable {
    case hello(Hello)
    case welcome(Welcome)
    case batch(BatchFrame)
    case ack(Ack)
    case reject(Reject)
    case skip(Skip)
    case probe(sequence: Sequence64)
    case chain(sequence: Sequence64, value: ChainValue?)
    case ping(opaque: UInt64)
    case pong(opaque: UInt64)
    case goaway(GoAway)
    case close(final: Sequence64)
    case adopt(Adopt)
    case adopted(Adopted)
}

/// Opens a connection: who speaks, and where its stream stands.
package struct Hello: Hashable, Sendable {
    package var versions: ClosedRange<UInt16> = 1...1
    package var schemas: ClosedRange<UInt16> = 1...1
    package var stream: StreamID
    /// The lowest and the highest sequence that the spool holds; zero where it holds none.
    package var lowestHeld: Sequence64 = .zero
    package var highestHeld: Sequence64 = .zero
    package var highestChain: ChainValue
    package var acknowledged: StreamCursor
    package var clockMs: Int64
    /// The epoch that the last WELCOME told; zero before the first.
    package var storeEpoch: StoreEpoch = StoreEpoch(0)
    package var wantsAdoption = false
    package var credential: Credential
    package var options: [HelloOption] = []

    package init(
        stream: StreamID, highestChain: ChainValue, acknowledged: StreamCursor, clockMs: Int64, credential: Credential
    ) {
        self.stream = stream
        self.highestChain = highestChain
        self.acknowledged = acknowledged
        self.clockMs = clockMs
        self.credential = credential
    }
}

/// What a HELLO is let in by: all that is read of a stranger's, so that the rest never gets beyond the connection's
/// buffer, which is overwritten. Credential and options stay in it too, told by their place.
package struct HelloHeader: Hashable, Sendable {
    package enum CredentialKind: Hashable, Sendable { case mutualTLS, token }

    package var versions: ClosedRange<UInt16>
    package var schemas: ClosedRange<UInt16>
    package var lowestHeld: Sequence64
    package var highestHeld: Sequence64
    package var acknowledged: Sequence64
    package var credential: CredentialKind

    package init(_ hello: Hello) {
        versions = hello.versions
        schemas = hello.schemas
        lowestHeld = hello.lowestHeld
        highestHeld = hello.highestHeld
        acknowledged = hello.acknowledged.sequence
        credential = hello.credential == .mutualTLS ? .mutualTLS : .token
    }

    init(
        versions: ClosedRange<UInt16>, schemas: ClosedRange<UInt16>, lowestHeld: Sequence64, highestHeld: Sequence64,
        acknowledged: Sequence64, credential: CredentialKind
    ) {
        self.versions = versions
        self.schemas = schemas
        self.lowestHeld = lowestHeld
        self.highestHeld = highestHeld
        self.acknowledged = acknowledged
        self.credential = credential
    }
}

/// A place in a stream with everything that both sides can compare there.
package struct StreamCursor: Hashable, Sendable {
    package var sequence: Sequence64
    package var chain: ChainValue
    package var totals: RunningTotals
    package init(sequence: Sequence64, chain: ChainValue, totals: RunningTotals) {
        self.sequence = sequence
        self.chain = chain
        self.totals = totals
    }
}

package enum Credential: Hashable, Sendable {
    case mutualTLS
    /// The token's text as bytes, at most 255.
    case token([UInt8])
}

package struct HelloOption: Hashable, Sendable {
    package var id: UInt16
    package var value: [UInt8]
    package init(id: UInt16, value: [UInt8]) {
        self.id = id
        self.value = value
    }
}

/// How much may be in flight above committed.
package struct Credit: Hashable, Sendable {
    package var events: UInt32
    /// Bytes of BATCH bodies as they travel.
    package var bytes: UInt32
    package static let paused = Credit(events: 0, bytes: 0)
    package init(events: UInt32, bytes: UInt32) {
        self.events = events
        self.bytes = bytes
    }
}

package struct Welcome: Hashable, Sendable {
    package var version: UInt16 = 1
    package var schema: UInt16 = 1
    package var allowsAdoption = false
    package var committed: StreamCursor
    package var credit: Credit
    package var batchEventsMax: UInt32
    package var batchBodyBytesMax: UInt32
    package var clockMs: Int64
    package var oldestTimeMs: Int64
    package var storeEpoch: StoreEpoch
    package var backedUpThrough: Sequence64
    package var generation: Generation
    /// 32 bytes: the tenant's key for hashing projects.
    package var tenantKey: [UInt8]
    package var ignoredOptions: [UInt16] = []

    package init(
        committed: StreamCursor, credit: Credit, batchEventsMax: UInt32, batchBodyBytesMax: UInt32, clockMs: Int64,
        oldestTimeMs: Int64, storeEpoch: StoreEpoch, backedUpThrough: Sequence64, generation: Generation,
        tenantKey: [UInt8]
    ) {
        self.committed = committed
        self.credit = credit
        self.batchEventsMax = batchEventsMax
        self.batchBodyBytesMax = batchBodyBytesMax
        self.clockMs = clockMs
        self.oldestTimeMs = oldestTimeMs
        self.storeEpoch = storeEpoch
        self.backedUpThrough = backedUpThrough
        self.generation = generation
        self.tenantKey = tenantKey
    }
}

/// What stands before a BATCH's body.
package struct BatchHeader: Hashable, Sendable {
    package var first: Sequence64
    package var count: UInt32
    package var rawBytes: UInt32
    package var controlTokens: UInt64
    package var reportedNanoUSD: UInt64
    package var chainAfter: ChainValue
    package var isLZ4: Bool

    package init(
        first: Sequence64, count: UInt32, rawBytes: UInt32, controlTokens: UInt64, reportedNanoUSD: UInt64,
        chainAfter: ChainValue, isLZ4: Bool
    ) {
        self.first = first
        self.count = count
        self.rawBytes = rawBytes
        self.controlTokens = controlTokens
        self.reportedNanoUSD = reportedNanoUSD
        self.chainAfter = chainAfter
        self.isLZ4 = isLZ4
    }

    /// The sequence of the last event; `first − 1` where `count` is 0, which is SIZE. Meaningful for a header that
    /// decoded: `first` is at least 1 there.
    package var last: Sequence64 { Sequence64(first.value + UInt64(count) - 1) }
}

package struct BatchFrame: Hashable, Sendable {
    package var header: BatchHeader
    package var body: [UInt8]
    package init(header: BatchHeader, body: [UInt8]) {
        self.header = header
        self.body = body
    }
}

package struct Ack: Hashable, Sendable {
    package var committed: Sequence64
    package var chain: ChainValue
    package var credit: Credit
    package var backedUpThrough: Sequence64
    package init(committed: Sequence64, chain: ChainValue, credit: Credit, backedUpThrough: Sequence64) {
        self.committed = committed
        self.chain = chain
        self.credit = credit
        self.backedUpThrough = backedUpThrough
    }
}

package struct Reject: Hashable, Sendable {
    package var first: Sequence64
    package var index: UInt32
    package var run: UInt32
    /// What is known of `code`. One that this side does not know stands for a known one of the same permanence.
    package var reason: RejectReason
    /// The reason and the permanent bit as they travel (SPEC.md TG-2-7).
    package var code: UInt16
    package var isPermanent: Bool
    /// The column to blame, 0 for none.
    package var field: UInt8
    package var retryMs: UInt32
    package init(
        first: Sequence64, index: UInt32, run: UInt32, reason: RejectReason, field: UInt8, retryMs: UInt32
    ) {
        self.first = first
        self.index = index
        self.run = run
        self.reason = reason
        code = reason.rawValue
        isPermanent = reason.isPermanent
        self.field = field
        self.retryMs = retryMs
    }
}

/// A range of events given up for good, with what they held.
package struct Skip: Hashable, Sendable {
    package var first: Sequence64
    package var last: Sequence64
    package var chainAfter: ChainValue
    package var reason: SkipReason
    package var groups: [SkipGroup]
    package init(
        first: Sequence64, last: Sequence64, chainAfter: ChainValue, reason: SkipReason, groups: [SkipGroup]
    ) {
        self.first = first
        self.last = last
        self.chainAfter = chainAfter
        self.reason = reason
        self.groups = groups
    }
}

/// What stands before a SKIP's groups, and what these come to together: all that a session decides by.
package struct SkipHeader: Hashable, Sendable {
    package var first: Sequence64
    package var last: Sequence64
    package var chainAfter: ChainValue
    package var reason: SkipReason
    package var sums = SkipSums()

    package init(first: Sequence64, last: Sequence64, chainAfter: ChainValue, reason: SkipReason) {
        self.first = first
        self.last = last
        self.chainAfter = chainAfter
        self.reason = reason
    }

    package init(_ skip: Skip) {
        self.init(first: skip.first, last: skip.last, chainAfter: skip.chainAfter, reason: skip.reason)
        for group in skip.groups {
            sums.add(events: group.events)
            for (place, tokens) in group.tokenClasses.enumerated() { sums.add(tokens: tokens, class: place) }
            sums.add(reportedNanoUSD: group.reportedNanoUSD)
        }
    }
}

/// The sums of a SKIP's groups, of which there are few enough that 64-bit numbers cannot overflow them.
package struct SkipSums: Hashable, Sendable {
    package private(set) var events: UInt128 = 0
    /// Columns 12 to 17.
    package private(set) var tokens: UInt128 = 0
    /// Column 18, which is a part of column 15.
    package private(set) var reasoning: UInt128 = 0
    /// Nil where no number holds the sum.
    package private(set) var reportedNanoUSD: UInt128? = 0

    mutating func add(events more: UInt64) { events += UInt128(more) }

    /// `place`: 0 for column 12, and so on.
    mutating func add(tokens more: UInt64, class place: Int) {
        if place < SkipGroup.classes - 1 { tokens += UInt128(more) } else { reasoning += UInt128(more) }
    }

    mutating func add(reportedNanoUSD more: UInt128) {
        guard let (sum, isOver) = reportedNanoUSD?.addingReportingOverflow(more) else { return }
        reportedNanoUSD = isOver ? nil : sum
    }
}

package struct SkipGroup: Hashable, Sendable {
    /// Columns 12 to 18.
    package static let classes = 7
    /// Nil where the totals cannot be told by model.
    package var model: Label?
    package var events: UInt64
    /// Columns 12 to 18 in order.
    package var tokenClasses: [UInt64]
    package var reportedNanoUSD: UInt128
    package init(model: Label?, events: UInt64, tokenClasses: [UInt64], reportedNanoUSD: UInt128) {
        self.model = model
        self.events = events
        self.tokenClasses = tokenClasses
        self.reportedNanoUSD = reportedNanoUSD
    }
}

package struct GoAway: Hashable, Sendable {
    /// What is known of `code`; OVERLOADED, which retries, for one that this side does not know.
    package var reason: GoAwayReason
    /// The reason as it travels.
    package var code: UInt16
    package var reconnectMs: UInt32
    package var committed: Sequence64
    package init(reason: GoAwayReason, reconnectMs: UInt32, committed: Sequence64) {
        self.reason = reason
        code = reason.rawValue
        self.reconnectMs = reconnectMs
        self.committed = committed
    }
}

/// Asks what the tenant's other streams have counted of some sessions.
package struct Adopt: Hashable, Sendable {
    /// The stream that this one goes on from; its events up to `priorThrough` are this workstation's own past and not
    /// told. Nil where there is none.
    package var prior: StreamID?
    package var priorThrough: Sequence64
    /// Events before it are not told.
    package var fromMs: Int64
    package var sessions: [SessionID]

    package init(prior: StreamID?, priorThrough: Sequence64, fromMs: Int64, sessions: [SessionID]) {
        precondition(prior != nil || priorThrough == .zero, "a place is in a stream")
        self.prior = prior
        self.priorThrough = priorThrough
        self.fromMs = fromMs
        self.sessions = sessions
    }
}

/// One frame of the answer: counted events, as a canonical body.
package struct Adopted: Hashable, Sendable {
    /// Events in the body; none where it is empty.
    package var count: UInt32
    /// Everything before it is told by this answer; `Int64.max` where that is all. What the body holds from there on is
    /// told again by the next answer.
    package var nextMs: Int64
    package var body: [UInt8]
    package var isLast: Bool

    package init(count: UInt32, nextMs: Int64, body: [UInt8], isLast: Bool) {
        precondition((count == 0) == body.isEmpty && count <= UInt32(Limits.batchEventsMax), "a body of its events")
        self.count = count
        self.nextMs = nextMs
        self.body = body
        self.isLast = isLast
    }
}
