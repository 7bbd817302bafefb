package import TallyModel
package import TallyProtocol
package import TallyWire

/// What connections ask of the appender, and what it answers. Values only: they cross from a shard's queue to the
/// keeper's and back, in groups.
package enum LedgerCommand: Sendable {
    /// Take a stream over for a connection.
    case claim(StreamRequest)
    /// A valid batch.
    case append(BatchAppend)
    /// A range given up.
    case skip(SkipAppend)
    /// The stream ends for good at its committed sequence.
    case close(StreamTicket, connection: ConnectionID)
    /// The connection has gone, whatever has become of its claim.
    case release(StreamRequest)
    /// What the chain was after `sequence`.
    case probe(StreamTicket, sequence: Sequence64, connection: ConnectionID)
    /// What the tenant's other streams have counted of some sessions.
    case adopt(StreamTicket, Adopt, connection: ConnectionID)
    /// The workstation proves that acknowledged data is missing: draw a new epoch, then claim.
    case raiseEpoch(StreamRequest)
    /// A credential was revoked: its streams' connections end.
    case revoke(WorkstationID)
    /// The tenant is being deleted: its connections end, what is appended becomes durable, its desk closes.
    case retire(TenantID)
}

/// A claimed stream, as its connection names it. Stale as soon as a newer generation exists.
package struct StreamTicket: Hashable, Sendable {
    package var tenant: TenantID
    /// The stream's number in the tenant's ledger.
    package var number: UInt32
    package var generation: Generation

    package init(tenant: TenantID, number: UInt32, generation: Generation) {
        self.tenant = tenant
        self.number = number
        self.generation = generation
    }
}

package struct StreamRequest: Hashable, Sendable {
    package var tenant: TenantID
    package var workstation: WorkstationID
    /// What the workstation was before it was enrolled again.
    package var replaced: Set<WorkstationID>
    package var stream: StreamID
    package var connection: ConnectionID
    package var wantsAdoption: Bool
    /// The gateway's clock less the workstation's, at the HELLO: a second opinion on the time.
    package var clockOffsetMs: Int32

    package init(
        tenant: TenantID, workstation: WorkstationID, replaced: Set<WorkstationID> = [], stream: StreamID,
        connection: ConnectionID, wantsAdoption: Bool = false, clockOffsetMs: Int32
    ) {
        self.tenant = tenant
        self.workstation = workstation
        self.replaced = replaced
        self.stream = stream
        self.connection = connection
        self.wantsAdoption = wantsAdoption
        self.clockOffsetMs = clockOffsetMs
    }
}

/// Where the canonical body of a batch is, as it is stored.
package enum BatchBody: Sendable {
    case own([UInt8])
    /// Part of the bodies that are handed over with the command (`ShardDelivery`): one piece of memory a round.
    case part(Range<Int>)

    /// A copy, for whoever looks at one.
    package func bytes(in bodies: [UInt8]) -> [UInt8] {
        switch self {
        case .own(let bytes): bytes
        case .part(let range): Array(bodies[range])
        }
    }
}

package struct BatchAppend: Sendable {
    package var ticket: StreamTicket
    package var connection: ConnectionID
    package var header: BatchHeader
    package var chainBefore: ChainValue
    package var body: BatchBody
    /// The workstation for which its rows were added up, at their own times, on the way in; nil where they were not.
    package var foldedFor: WorkstationID?
    package var lowestTimeMs: Int64
    package var highestTimeMs: Int64
    /// The gateway's clock less the workstation's, at the HELLO.
    package var clockOffsetMs: Int32

    package init(
        ticket: StreamTicket, connection: ConnectionID, header: BatchHeader, chainBefore: ChainValue, body: BatchBody,
        lowestTimeMs: Int64, highestTimeMs: Int64, clockOffsetMs: Int32
    ) {
        self.ticket = ticket
        self.connection = connection
        self.header = header
        self.chainBefore = chainBefore
        self.body = body
        self.lowestTimeMs = lowestTimeMs
        self.highestTimeMs = highestTimeMs
        self.clockOffsetMs = clockOffsetMs
    }
}

package struct SkipAppend: Sendable {
    package var ticket: StreamTicket
    package var connection: ConnectionID
    package var skip: Skip
    package var chainBefore: ChainValue

    package init(ticket: StreamTicket, connection: ConnectionID, skip: Skip, chainBefore: ChainValue) {
        self.ticket = ticket
        self.connection = connection
        self.skip = skip
        self.chainBefore = chainBefore
    }
}

/// News for a connection.
package enum LedgerNews: Hashable, Sendable {
    case claimed(StreamClaim, StreamTicket)
    case claimFailed(GoAwayReason, reconnectMs: UInt32)
    /// Everything through the cursor is on stable storage.
    case committed(GatewaySession.Cursor)
    /// The appender turned the batch or skip away that begins with `first`.
    case refused(first: Sequence64, RunRefusal)
    case superseded
    case revoked
    /// The tenant is deleted or quarantined, or its storage is in trouble.
    case ended(GoAwayReason, reconnectMs: UInt32)
    /// The disk is nearly full: credit 0 at once.
    case paused
    case resumed(Credit)
    case chain(sequence: Sequence64, value: ChainValue?)
    /// A whole answer.
    case adopted([Adopted])
    case closed
}
