import TallyModel
import TallyProtocol
import TallyTransport
import TallyIO
import TallyWire

/// What the shards ask of the keeper of the ledgers, and what it answers. Values only: they cross from a shard's
/// queue to the keeper's and back, in groups.

/// A claimed stream, as its connection names it. Stale as soon as a newer generation exists.
struct StreamTicket: Hashable, Sendable {
    var tenant: TenantID
    /// The stream's number in the tenant's ledger.
    var number: UInt32
    var generation: Generation
}

enum LedgerCommand: Sendable {
    /// Take a stream over for a connection.
    case claim(StreamRequest)
    /// A valid batch.
    case append(BatchAppend)
    /// A range given up.
    case skip(SkipAppend)
    /// The stream ends for good at its committed sequence.
    case close(StreamTicket, connection: ShardReference<IngestConnection>)
    /// The connection has gone, whatever has become of its claim.
    case release(StreamRequest)
    /// What the chain was after `sequence`.
    case probe(StreamTicket, sequence: Sequence64, connection: ShardReference<IngestConnection>)
    /// The workstation proves that acknowledged data is missing: draw a new epoch, then claim.
    case raiseEpoch(StreamRequest)
    /// A credential was revoked: its streams' connections end.
    case revoke(WorkstationID)
    /// Something for the keeper's own queue: opening a tenant, asking for a position.
    case perform(@Sendable (isolated LedgerKeeper) -> Void)
}

struct StreamRequest: Sendable {
    var tenant: TenantID
    var workstation: WorkstationID
    var stream: StreamID
    var connection: ShardReference<IngestConnection>
}

struct BatchAppend: Sendable {
    var ticket: StreamTicket
    var connection: ShardReference<IngestConnection>
    var header: BatchHeader
    var chainBefore: ChainValue
    /// The canonical body, as it is stored.
    var rawBody: [UInt8]
    var lowestTimeMs: Int64
    var highestTimeMs: Int64
    /// The gateway's clock less the workstation's, at the HELLO.
    var clockOffsetMs: Int32
}

struct SkipAppend: Sendable {
    var ticket: StreamTicket
    var connection: ShardReference<IngestConnection>
    var skip: Skip
    var chainBefore: ChainValue
}

/// News for a connection.
enum LedgerNews: Sendable {
    case claimed(StreamClaim, StreamTicket)
    case claimFailed(GoAwayReason, reconnectMs: UInt32)
    /// Everything through the cursor is on stable storage.
    case committed(GatewaySession.Cursor)
    /// The appender turned the batch or skip away that begins with `first`.
    case refused(first: Sequence64, RunRefusal)
    case superseded
    case revoked
    case chain(sequence: Sequence64, value: ChainValue?)
    case closed
}
