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

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What a batch costs in memory asked for, once everything has its size: through the connection's machine, through the
/// ledger's appender, and its acknowledgement. Counted by an allocator in front of the C library's, in the program as it
/// is shipped; ends with 1 where a figure is over its bound.
@main
enum Main {
    private static let rounds = 400
    private static let warmUp = 100
    /// Batches that a shard hands over at once.
    private static let perDelivery = 20
    private static let startMs: Int64 = 1_782_000_000_000
    private static let holder = TokenHolder(tenant: TenantID(1), workstation: WorkstationID(7))
    private static let token = Token(random: [UInt8](repeating: 9, count: 32))
    private static let stream = StreamID(Bytes16(high: 4, low: 4))
    private static let now = GatewayInstant(wallMs: startMs, monotonic: MonotonicInstant(nanoseconds: 1_000_000_000))

    /// What is not as it has to be.
    struct Unfit: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    static func main() {
        do {
            try count()
        } catch {
            print("tallyalloc: \(error)")
            exit(1)
        }
    }

    private static func count() throws {
        guard tally_counts_allocations() != 0 else { return print("allocations are not counted on this system") }
        let (frames, cursors) = try batches()
        let rig = try Rig()
        var counts = Counts()
        try rig.run(frames, cursors, warmUp: warmUp, perDelivery: perDelivery, into: &counts)
        print(
            "allocations in \(rounds) batches of 100 events: \(counts.receiving) received,",
            "\(counts.handing) handed over, \(counts.appending) appended, \(counts.acknowledging) acknowledged")
        // A delivery brings a list of commands and a piece of memory for their bodies, which the next ones are as large as.
        let deliveries = UInt(rounds / perDelivery)
        guard counts.receiving == 0, counts.acknowledging == 0, counts.handing <= 4 * deliveries,
            counts.appending <= deliveries
        else { throw Unfit("too many allocations") }
    }

    struct Counts {
        var receiving: UInt = 0
        var handing: UInt = 0
        var appending: UInt = 0
        var acknowledging: UInt = 0
    }

    /// What a busy workstation sends: eight sessions, two models.
    private static func batches() throws -> (frames: [[UInt8]], cursors: [GatewaySession.Cursor]) {
        var encoder = BatchEncoder()
        var frames: [[UInt8]] = []
        var cursors = [GatewaySession.Cursor(sequence: .zero, chain: Chain.initial(stream))]
        for round in 0..<warmUp + rounds {
            var events: [Event] = []
            for index in 0..<100 {
                let number = UInt64((round + index) % 8 + 1)
                guard let session = SessionID(Bytes16(high: 7, low: number)),
                    let model = Label(number % 2 == 0 ? "claude-opus-4-5" : "claude-haiku-4-5-20251001")
                else { throw Unfit("a session and a model") }
                var event = Event(
                    timeMs: startMs - Int64(index), session: session, agent: .claudeCode, model: model)
                event.inputTokens = UInt32(round * 100 + index)
                event.cacheReadTokens = UInt32(index * 1_000)
                event.outputTokens = UInt32(index)
                events.append(event)
            }
            let last = cursors[cursors.count - 1]
            let encoded = try encoder.encode(events.span, after: last.chain)
            frames.append(
                FrameCodec.encode(.batch(encoder.frame(encoded, first: last.sequence.advanced(by: 1)))))
            cursors.append(
                GatewaySession.Cursor(sequence: last.sequence.advanced(by: 100), chain: encoded.chainAfter))
        }
        return (frames, Array(cursors.dropFirst()))
    }

    /// One connection and the appender behind it.
    private final class Rig {
        private var machine: IngestMachine
        private var scratch: IngestScratch
        private let core: LedgerCore
        private var actions: [IngestAction] = []
        private var held = 0

        init() throws {
            guard let input = Token.hashInput(presented: token.text), let name = TenantName("acme") else {
                throw Unfit("a token and a name")
            }
            var snapshot = TenantDirectory.Snapshot()
            snapshot.credentials = CredentialIndex([TokenHash(sha256: SHA256.hash(input)): holder])
            snapshot.tenants = [holder.tenant: name]
            machine = IngestMachine(
                id: ConnectionID(shard: 0, number: 1), directory: TenantDirectory(snapshot), now: now)
            let book = try PriceBook(bytes: PriceBook.builtInBytes, id: PriceBookID(1))
            let key = HashKey(first: 1, second: 2)
            scratch = IngestScratch(
                hashSeed: 1, sums: ShardSums(book: book, hashKey: key),
                gate: NewcomerGate(Newcomers(limits: AbuseLimits()), secret: key))
            core = LedgerCore(
                settings: LedgerCore.Settings(book: 1), board: TenantBoard(), entropy: Entropy { 5 }, barrier: nil
            ) { _, _, _ in }
            let tenant = Tenant(
                id: holder.tenant, name: name, plan: .pro, retention: try Retention(plan: .pro, days: nil),
                createdMs: startMs, state: .active, epoch: StoreEpoch(1),
                projectKey: [UInt8](repeating: 7, count: 32), folder: "acme")
            guard core.open(tenant, disk: LyingDisk(seed: 1), viewsThrough: 0, now: now) == nil else {
                throw Unfit("a ledger")
            }
            try open()
        }

        private func open() throws {
            let hello = Hello(
                stream: stream, highestChain: Chain.initial(stream),
                acknowledged: StreamCursor(sequence: .zero, chain: Chain.initial(stream), totals: .zero),
                clockMs: startMs, credential: .token(Array(token.text.utf8)))
            let bytes = FrameCodec.encode(.hello(hello))
            _ = receive(bytes)
            for case .submit(let command) in actions { core.take(command, now: now) }
            actions = []
            _ = core.commit(now: now)
            for (_, news) in core.takeNews() { machine.hear(news, now: now, into: &actions) }
            guard machine.isWelcomed else { throw Unfit("welcomed") }
            actions = []
        }

        private func receive(_ frame: [UInt8]) -> Int {
            let consumed = machine.received(frame.span, scratch: &scratch, now: now, into: &actions)
            sayHeld()
            return consumed
        }

        /// As the connection's conductor does after each call.
        private func sayHeld() {
            scratch.held.move(machine.holder?.tenant, from: held, to: machine.heldBytes)
            held = machine.heldBytes
        }

        func run(
            _ frames: [[UInt8]], _ cursors: [GatewaySession.Cursor], warmUp: Int, perDelivery: Int,
            into counts: inout Counts
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
                    for command in delivery.commands { core.take(command, bodies: delivery.bodies, now: now) }
                }
                let appended = tally_allocations()
                if delivery != nil {
                    // The disk is one of the test's own: what it allocates is not looked at.
                    _ = core.commit(now: now)
                    _ = core.takeNews()
                }
                let acknowledging = tally_allocations()
                if delivery != nil {
                    machine.hear(.committed(cursors[round]), now: now, into: &actions)
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
            guard core.appended(of: holder.tenant)?.ordinal ?? 0 > UInt64(frames.count) else {
                throw Unfit("all batches in the ledger")
            }
        }
    }
}
