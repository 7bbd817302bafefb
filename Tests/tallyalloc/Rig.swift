import AllocationCount
import TallyGateway
import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyProtocol
import TallyRollup
import TallyStorage
import TallyWire
import TestDisk

/// One connection and the appender behind it.
final class Rig {
    static let holder = TokenHolder(tenant: TenantID(1), workstation: WorkstationID(7))
    static let token = Token(random: [UInt8](repeating: 9, count: 32))
    static let stream = StreamID(Bytes16(high: 4, low: 4))
    static let startMs: Int64 = 1_782_000_000_000
    static let now = GatewayInstant(wallMs: startMs, monotonic: MonotonicInstant(nanoseconds: 1_000_000_000))

    /// What is not as it has to be.
    struct Unfit: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    private var machine: IngestMachine
    private var scratch: IngestScratch
    private let core: LedgerCore
    private var actions: [IngestAction] = []
    private var held = 0

    init(isOpen: Bool = true) throws {
        guard let input = Token.hashInput(presented: Self.token.text), let name = TenantName("acme") else {
            throw Unfit("a token and a name")
        }
        var snapshot = TenantDirectory.Snapshot()
        snapshot.credentials = CredentialIndex([TokenHash(sha256: SHA256.hash(input)): Self.holder])
        snapshot.tenants = [Self.holder.tenant: name]
        machine = IngestMachine(
            id: ConnectionID(shard: 0, number: 1), directory: TenantDirectory(snapshot), now: Self.now)
        let book = try PriceBook(bytes: PriceBook.builtInBytes, id: PriceBookID(1))
        let key = HashKey(first: 1, second: 2)
        scratch = IngestScratch(
            hashSeed: 1, sums: ShardSums(book: book, hashKey: key),
            gate: NewcomerGate(Newcomers(limits: AbuseLimits()), secret: key))
        core = LedgerCore(
            settings: LedgerCore.Settings(book: 1), board: TenantBoard(), entropy: Entropy { 5 }, barrier: nil
        ) { _, _, _ in }
        let tenant = Tenant(
            id: Self.holder.tenant, name: name, plan: .pro, retention: try Retention(plan: .pro, days: nil),
            createdMs: Self.startMs, state: .active, epoch: StoreEpoch(1),
            projectKey: [UInt8](repeating: 7, count: 32), folder: "acme")
        guard core.open(tenant, disk: LyingDisk(seed: 1), viewsThrough: 0, now: Self.now) == nil else {
            throw Unfit("a ledger")
        }
        actions.reserveCapacity(64)
        if isOpen { try open() }
    }

    private func open() throws {
        let hello = Hello(
            stream: Self.stream, highestChain: Chain.initial(Self.stream),
            acknowledged: StreamCursor(sequence: .zero, chain: Chain.initial(Self.stream), totals: .zero),
            clockMs: Self.startMs, credential: .token(Array(Self.token.text.utf8)))
        let bytes = FrameCodec.encode(.hello(hello))
        _ = receive(bytes)
        for case .submit(let command) in actions { core.take(command, now: Self.now) }
        actions.removeAll(keepingCapacity: true)
        _ = core.commit(now: Self.now)
        for (_, news) in core.takeNews() { machine.hear(news, now: Self.now, into: &actions) }
        guard machine.isWelcomed else { throw Unfit("welcomed") }
        actions.removeAll(keepingCapacity: true)
    }

    private func receive(_ frame: [UInt8]) -> Int {
        let consumed = machine.received(frame.span, scratch: &scratch, now: Self.now, into: &actions)
        sayHeld()
        return consumed
    }

    /// As the connection's conductor does after each call.
    private func sayHeld() {
        scratch.held.move(machine.holder?.tenant, from: held, to: machine.heldBytes)
        held = machine.heldBytes
    }

    /// What one frame costs that is to be refused, by REJECT or GOAWAY.
    func refuse(_ frame: [UInt8], _ name: String) throws -> UInt {
        let before = tally_allocations()
        let consumed = receive(frame)
        let counted = tally_allocations() - before
        guard consumed == frame.count, actions.contains(where: Self.isRefusal) else {
            throw Unfit("a refusal of " + name)
        }
        return counted
    }

    private static func isRefusal(_ action: IngestAction) -> Bool {
        switch action {
        case .send(.goaway), .send(.reject): true
        default: false
        }
    }

    func run(
        _ frames: [[UInt8]], _ cursors: [GatewaySession.Cursor], warmUp: Int, perDelivery: Int,
        into counts: inout Main.Counts
    ) throws {
        var commands: [LedgerCommand] = []
        commands.reserveCapacity(perDelivery)
        var out: [UInt8] = []
        out.reserveCapacity(4_096)
        for round in frames.indices {
            var delivery: ShardDelivery?
            let begun = tally_allocations()
            let consumed = receive(frames[round])
            let received = tally_allocations()
            for case .submit(let command) in actions { commands.append(command) }
            actions.removeAll(keepingCapacity: true)
            let isDue = commands.count == perDelivery
            let handing = tally_allocations()
            if isDue {
                delivery = ShardDelivery(shard: 0, commands: commands, bodies: scratch.takeBodies())
                commands = []
                commands.reserveCapacity(perDelivery)
            }
            let handed = tally_allocations()
            guard consumed == frames[round].count else { throw Unfit("a whole frame") }
            if let delivery {
                for command in delivery.commands { core.take(command, bodies: delivery.bodies, now: Self.now) }
            }
            let appended = tally_allocations()
            if delivery != nil {
                // The disk is one of the test's own: what it allocates is not looked at.
                _ = core.commit(now: Self.now)
                _ = core.takeNews()
            }
            let acknowledging = tally_allocations()
            if delivery != nil {
                machine.hear(.committed(cursors[round]), now: Self.now, into: &actions)
                sayHeld()
            }
            for case .send(let frame) in actions { FrameCodec.append(frame, to: &out) }
            let acknowledged = tally_allocations()
            if delivery != nil, out.isEmpty { throw Unfit("an acknowledgement") }
            actions.removeAll(keepingCapacity: true)
            out.removeAll(keepingCapacity: true)
            guard round >= warmUp else { continue }
            counts.receiving += received - begun
            counts.handing += handed - handing
            counts.appending += appended - handed
            counts.acknowledging += acknowledged - acknowledging
        }
        guard core.appended(of: Self.holder.tenant)?.ordinal ?? 0 > UInt64(frames.count) else {
            throw Unfit("all batches in the ledger")
        }
    }
}
