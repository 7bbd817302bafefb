package import TallyModel
package import TallyWire

/// What a gateway's session says to the frames and news that it is told of. Every `goaway` has already closed
/// the session: the conductor sends it and ends the connection.

/// What the gateway offers to every workstation.
package struct GatewayOffer: Sendable {
    package var versions: ClosedRange<UInt16> = 1...1
    package var schemas: ClosedRange<UInt16> = 1...1
    package var batchEventsMax = UInt32(Limits.batchEventsMax)
    package var batchBodyBytesMax = UInt32(Limits.batchRawBytesMax)
    package var patience = Patience.usual
    /// HELLO options that this gateway understands; every other is named in WELCOME (TG-2-4).
    package var knownOptions: [UInt16] = []
    package init() {}
}

/// A stream that has been taken over: its generation is raised, and everything appended before is durable.
package struct StreamClaim: Hashable, Sendable {
    package var committed: StreamCursor
    package var generation: Generation
    package var storeEpoch: StoreEpoch
    /// `Credit.paused`, or at least one largest batch.
    package var credit: Credit
    package var backedUpThrough: Sequence64
    package var clockMs: Int64
    package var oldestTimeMs: Int64
    /// Whether the clock that `oldestTimeMs` was taken from is trusted (TG-B9-1): TOO_OLD, or CLOCK_UNSURE.
    package var isClockTrusted = true
    package var allowsAdoption: Bool
    /// 32 bytes: the tenant's key for hashing projects.
    package var tenantKey: [UInt8]

    package init(
        committed: StreamCursor, generation: Generation, storeEpoch: StoreEpoch, credit: Credit,
        backedUpThrough: Sequence64, clockMs: Int64, oldestTimeMs: Int64, allowsAdoption: Bool, tenantKey: [UInt8]
    ) {
        self.committed = committed
        self.generation = generation
        self.storeEpoch = storeEpoch
        self.credit = credit
        self.backedUpThrough = backedUpThrough
        self.clockMs = clockMs
        self.oldestTimeMs = oldestTimeMs
        self.allowsAdoption = allowsAdoption
        self.tenantKey = tenantKey
    }
}

package enum HelloDecision: Hashable, Sendable {
    /// Look the credential up, then call `authenticated` or `end`.
    case authenticate
    case goaway(GoAway)
    /// The session has ended already.
    case silent
}

package enum ClaimDecision: Hashable, Sendable {
    case welcome(Welcome)
    /// The workstation holds an ACK, of this same epoch, for events the gateway does not have: raise the
    /// alarm, draw a new epoch, make it durable, call `claimed` again.
    case raiseEpoch(lost: ClosedRange<Sequence64>)
    /// The session ended while the claim was under way; give the stream back.
    case silent
}

package enum BatchDecision: Hashable, Sendable {
    /// In order and within credit: decode the body against `chainBefore`, then call `accepted` or `refused`.
    case decode
    /// Committed long ago: acknowledge again, the body unread.
    case duplicate(Ack)
    /// Drop it; nothing is answered.
    case silent
    case reject(Reject)
    case goaway(GoAway)
}

package enum SkipDecision: Hashable, Sendable {
    /// In order: append the gap, then call `accepted(_:)`, or `refused` where the appender says no.
    case append
    case duplicate(Ack)
    case silent
    case reject(Reject)
    case goaway(GoAway)
}

/// What was wrong with a run of rows, as the decoder or the appender found it. Index and run are counted in
/// rows of the batch; a whole batch is index 0 and run `count`.
package struct RunRefusal: Hashable, Sendable {
    package var reason: RejectReason
    package var index: UInt32
    package var run: UInt32
    /// The column to blame, 0 for none.
    package var field: UInt8
    package var retryMs: UInt32

    package init(reason: RejectReason, index: UInt32 = 0, run: UInt32, field: UInt8 = 0, retryMs: UInt32 = 0) {
        self.reason = reason
        self.index = index
        self.run = run
        self.field = field
        self.retryMs = retryMs
    }

    /// What the decoder found.
    package init(_ refusal: BatchRefusal, retryMs: UInt32 = 0) {
        self.init(
            reason: refusal.reason, index: refusal.index, run: refusal.run, field: refusal.field, retryMs: retryMs)
    }
}

package enum CommitDecision: Hashable, Sendable {
    /// Nothing new was committed.
    case silent
    case ack(Ack)
    /// The last accepted event is durable and the gateway is shutting down.
    case ackThenGoAway(Ack, GoAway)
}

package enum ProbeDecision: Hashable, Sendable {
    /// Answer with `Frame.chain(sequence:value:)`, nil where the ledger no longer tells.
    case lookUp(Sequence64)
    case answer(sequence: Sequence64, value: ChainValue?)
    case silent
    case goaway(GoAway)
}

package enum PingDecision: Hashable, Sendable {
    case pong(opaque: UInt64)
    case silent
    case goaway(GoAway)
}

package enum CloseDecision: Hashable, Sendable {
    /// Note durably that the stream is closed, send the ACK, end the connection.
    case close(Ack)
    case silent
    case goaway(GoAway)
}

package enum AdoptDecision: Hashable, Sendable {
    /// Answer with ADOPTED frames, the last of them marked.
    case lookUp
    case silent
    case goaway(GoAway)
}

package enum ShutdownDecision: Hashable, Sendable {
    case goaway(GoAway)
    /// Accepted events are not yet committed: `committed` or `tick` ends it.
    case draining(until: MonotonicInstant)
    case silent
}

package struct GatewayTick: Hashable, Sendable {
    package var goaway: GoAway?
    /// When to call `tick` again at the latest; nil where the session has ended.
    package var deadline: MonotonicInstant?
    package init(goaway: GoAway?, deadline: MonotonicInstant?) {
        self.goaway = goaway
        self.deadline = deadline
    }
}
