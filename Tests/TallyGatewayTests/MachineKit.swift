import TallyGateway
import TallyHash
import TallyModel
import TallyProtocol
import TallyStorage
import TallyWire
import Testing

/// One connection's machine with one enrolled token and nothing around it: the test is its channel, its appender and its
/// clock.
struct MachineKit {
    static let holder = TokenHolder(tenant: TenantID(1), workstation: WorkstationID(7))
    static let token = Token(random: [UInt8](repeating: 9, count: 32))
    static let ticket = StreamTicket(tenant: TenantID(1), number: 3, generation: Generation(1))
    /// The middle of 2026.
    static let startMs: Int64 = 1_782_000_000_000
    static let yearMs: Int64 = 365 * 86_400_000

    let directory: TenantDirectory
    var machine: IngestMachine
    var scratch = IngestScratch(hashSeed: 1)
    var now = GatewayInstant(wallMs: MachineKit.startMs, monotonic: MonotonicInstant(nanoseconds: 1_000_000_000))
    /// What has arrived and was not consumed.
    private var kept: [UInt8] = []

    init(offer: GatewayOffer = GatewayOffer()) throws {
        directory = TenantDirectory(try MachineKit.snapshot(isRevoked: false))
        machine = IngestMachine(
            id: ConnectionID(shard: 0, number: 1), directory: directory, offer: offer, now: now)
    }

    static func snapshot(isRevoked: Bool) throws -> TenantDirectory.Snapshot {
        let hash = TokenHash(sha256: SHA256.hash(try #require(Token.hashInput(presented: token.text))))
        var snapshot = TenantDirectory.Snapshot()
        snapshot.credentials =
            isRevoked ? CredentialIndex([:], revoked: [hash]) : CredentialIndex([hash: holder])
        snapshot.tenants = [holder.tenant: try #require(TenantName("acme"))]
        return snapshot
    }

    static func spool() -> Spool { Spool(token: token.text, stream: StreamID(Bytes16(high: 4, low: 4))) }

    // MARK: In

    mutating func feed(_ bytes: [UInt8]) -> [IngestAction] {
        kept += bytes
        var actions: [IngestAction] = []
        let shown = kept
        let consumed = machine.received(shown.span, scratch: &scratch, now: now, into: &actions)
        kept.removeFirst(consumed)
        machine.checkInvariants()
        return actions
    }

    mutating func feed(_ frame: Frame) -> [IngestAction] { feed(FrameCodec.encode(frame)) }

    mutating func hear(_ news: LedgerNews) -> [IngestAction] {
        var actions: [IngestAction] = []
        machine.hear(news, now: now, into: &actions)
        machine.checkInvariants()
        return actions
    }

    mutating func closed() -> [IngestAction] {
        var actions: [IngestAction] = []
        machine.closed(into: &actions)
        machine.checkInvariants()
        return actions
    }

    mutating func pass(_ duration: Duration) -> [IngestAction] {
        now.monotonic = now.monotonic + duration
        var actions: [IngestAction] = []
        machine.tick(now: now, into: &actions)
        return actions
    }

    /// Everything committed so far.
    mutating func commit(_ spool: borrowing Spool) -> [IngestAction] {
        hear(.committed(GatewaySession.Cursor(sequence: Sequence64(spool.last), chain: spool.chain)))
    }

    /// HELLO and WELCOME.
    mutating func open(_ spool: borrowing Spool, clockMs: Int64? = nil, _ claim: StreamClaim? = nil) throws {
        var hello = spool.hello()
        hello.clockMs = clockMs ?? now.wallMs
        hello.wantsAdoption = claim?.allowsAdoption ?? false
        let request = try #require(feed(.hello(hello)).requests.first)
        #expect(request.workstation == MachineKit.holder.workstation)
        let actions = hear(.claimed(claim ?? MachineKit.claim(spool.stream), MachineKit.ticket))
        guard case .welcome = try #require(actions.frames.first) else {
            throw PeerFailure(description: "not WELCOME: \(actions)")
        }
    }

    static func claim(
        _ stream: StreamID, credit: Credit = Credit(events: Limits.creditEvents, bytes: Limits.creditBytes),
        oldestTimeMs: Int64 = 1, isClockTrusted: Bool = true, allowsAdoption: Bool = false
    ) -> StreamClaim {
        let start = StreamCursor(sequence: .zero, chain: Chain.initial(stream), totals: .zero)
        var claim = StreamClaim(
            committed: start, generation: Generation(1), storeEpoch: StoreEpoch(5), credit: credit,
            backedUpThrough: .zero, clockMs: startMs, oldestTimeMs: oldestTimeMs, allowsAdoption: allowsAdoption,
            tenantKey: [UInt8](repeating: 3, count: 32))
        claim.isClockTrusted = isClockTrusted
        return claim
    }
}

/// What a list of actions holds of each kind.
extension [IngestAction] {
    var frames: [Frame] { compactMap { if case .send(let frame) = $0 { frame } else { nil } } }
    var commands: [LedgerCommand] { compactMap { if case .submit(let command) = $0 { command } else { nil } } }
    var notes: [IngestNote] { compactMap { if case .note(let note) = $0 { note } else { nil } } }
    var ends: [IngestEnd] { compactMap { if case .close(let end) = $0 { end } else { nil } } }
    var requests: [StreamRequest] {
        commands.compactMap { if case .claim(let request) = $0 { request } else { nil } }
    }
    var appends: [BatchAppend] { commands.compactMap { if case .append(let batch) = $0 { batch } else { nil } } }
    var releases: [StreamRequest] {
        commands.compactMap { if case .release(let request) = $0 { request } else { nil } }
    }
    var rejects: [Reject] { frames.compactMap { if case .reject(let reject) = $0 { reject } else { nil } } }
    var acks: [Ack] { frames.compactMap { if case .ack(let ack) = $0 { ack } else { nil } } }
    var goaways: [GoAway] { frames.compactMap { if case .goaway(let goaway) = $0 { goaway } else { nil } } }
}
