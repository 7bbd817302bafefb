import Synchronization
import TallyGateway
import TallyIO
import TallyLog
import TallyModel
import TallyProtocol
import TallyStorage
import TallyWire
import TestDisk
import Testing

/// The appender over disks in memory that lie, a barrier over all of them, and clocks that stand until they are moved.
final class CoreRig {
    static let startMs: Int64 = 1_770_000_000_000

    let disks: [LyingDisk]
    let tenants: [Tenant]
    let board = TenantBoard()
    private let draws: Draws
    private let options: LogOptions
    private let limits: AbuseLimits
    private(set) var core: LedgerCore
    let barrier: ToyBarrier
    private let usesBarrier: Bool
    var now: GatewayInstant
    private(set) var notes: [LedgerNote] = []

    init(
        seed: UInt64 = 1, tenants count: Int = 1, usesBarrier: Bool = true, options: LogOptions = .small,
        limits: AbuseLimits = AbuseLimits()
    ) throws {
        self.options = options
        self.limits = limits
        self.usesBarrier = usesBarrier
        disks = (0..<count).map { LyingDisk(seed: seed &* 1_000 &+ UInt64($0)) }
        tenants = try (0..<count).map { try CoreRig.tenant(UInt64($0 + 1)) }
        draws = Draws(seed)
        barrier = ToyBarrier(disks)
        now = GatewayInstant(wallMs: CoreRig.startMs, monotonic: MonotonicInstant(nanoseconds: 1_000_000_000))
        core = LedgerCore(
            settings: LedgerCore.Settings(book: 1), board: board, entropy: Entropy { 0 }, barrier: nil
        ) { _, _, _ in }
        open()
    }

    private static func tenant(_ number: UInt64) throws -> Tenant {
        Tenant(
            id: TenantID(number), name: try #require(TenantName("t\(number)")), plan: .pro,
            retention: try Retention(plan: .pro, days: nil), createdMs: startMs, state: .active,
            epoch: StoreEpoch(number), projectKey: [UInt8](repeating: 7, count: 32), folder: "f\(number)")
    }

    /// The epochs that were made durable where tenants are kept.
    var epochs: [StoreEpoch] { draws.epochs }

    /// A new process over the same disks.
    func open(viewsThrough: UInt64 = 0) {
        begin()
        for (tenant, disk) in zip(tenants, disks) {
            if let problem = core.open(tenant, disk: disk, viewsThrough: viewsThrough, now: now) {
                Issue.record("\(tenant.name.text): \(problem)")
            }
        }
    }

    /// A new process that opens one tenant and says why it could not.
    func openOnce(_ tenant: Tenant, on disk: LyingDisk) -> LedgerError? {
        begin()
        return core.open(tenant, disk: disk, viewsThrough: 0, now: now)
    }

    private func begin() {
        let draws = self.draws
        var settings = LedgerCore.Settings(book: 1)
        settings.logOptions = options
        settings.limits = limits
        core = LedgerCore(
            settings: settings, board: board, entropy: Entropy { draws.next() },
            barrier: usesBarrier ? barrier : nil
        ) { _, epoch, _ in draws.keep(epoch) }
    }

    func advance(_ duration: Duration) {
        now.wallMs += Int64(duration.wholeMilliseconds)
        now.monotonic = now.monotonic + duration
    }

    func take(_ command: LedgerCommand) { core.take(command, now: now) }

    /// One round's end: the news in order.
    @discardableResult
    func commit() -> [(ConnectionID, LedgerNews)] {
        _ = core.commit(now: now)
        notes += core.takeNotes()
        return core.takeNews()
    }

    /// Claims the spool's stream for a connection and gives what it is welcomed with.
    @discardableResult
    func claim(_ spool: CoreSpool, offsetMs: Int32 = 0) throws -> StreamClaim {
        take(.claim(spool.request(offsetMs)))
        for (connection, item) in commit() where connection == spool.connection {
            guard case .claimed(let claim, let ticket) = item else { continue }
            spool.ticket = ticket
            return claim
        }
        throw NoClaim()
    }

    struct NoClaim: Error {}
}

/// Seeded random numbers, and the epochs that were made durable.
private final class Draws: Sendable {
    private let state: Guarded<(random: SeededRandom, epochs: [StoreEpoch])>

    init(_ seed: UInt64) { state = Guarded((SeededRandom(seed), [])) }

    var epochs: [StoreEpoch] { state.withLock { $0.epochs } }
    func next() -> UInt64 { state.withLock { $0.random.next() } }
    func keep(_ epoch: StoreEpoch) { state.withLock { $0.epochs.append(epoch) } }
}

extension LogOptions {
    static var small: LogOptions {
        var options = LogOptions()
        options.segmentBytes = 4_096
        options.segmentBytesHard = 16_384
        options.preallocationBytes = 1_024
        options.bufferBytesMax = 2_048
        return options
    }
}

/// A barrier over every disk of a rig. It counts, and fails when told to.
final class ToyBarrier: DiskBarrier {
    private let disks: [LyingDisk]
    private let state = Guarded((count: 0, fails: false))

    init(_ disks: [LyingDisk]) { self.disks = disks }

    var count: Int { state.withLock { $0.count } }
    func failNext() { state.withLock { $0.fails = true } }

    func sync() throws(SystemError) {
        let fails = state.withLock { state in
            state.count += 1
            return state.fails
        }
        for disk in disks {
            if fails { disk.failSync(after: 1) }
            try disk.syncEverything()
        }
    }
}

/// One stream's events as its connection hands them to the appender.
final class CoreSpool {
    let tenant: TenantID
    let stream: StreamID
    private let workstation: UInt64
    var connection: ConnectionID
    var ticket: StreamTicket?
    private var encoder = BatchEncoder()
    /// The chain value after each sequence.
    private(set) var chains: [ChainValue]

    init(_ tenant: Tenant, stream: UInt64 = 1, connection: UInt64 = 1, workstation: UInt64? = nil) {
        self.tenant = tenant.id
        self.workstation = workstation ?? stream
        self.stream = StreamID(Bytes16(high: tenant.id.value, low: stream))
        self.connection = ConnectionID(shard: 0, number: connection)
        chains = [Chain.initial(self.stream)]
    }

    var last: UInt64 { UInt64(chains.count - 1) }

    func request(_ offsetMs: Int32 = 0) -> StreamRequest {
        StreamRequest(
            tenant: tenant, workstation: WorkstationID(workstation), stream: stream, connection: connection,
            clockOffsetMs: offsetMs)
    }

    /// The next batch, of `count` events at `timeMs`.
    func batch(_ count: Int, at timeMs: Int64 = CoreRig.startMs) throws -> LedgerCommand {
        let events = try plainEvents(count, at: timeMs)
        let before = chains[chains.count - 1]
        let encoded = try encoder.encode(events.span, after: before)
        try #require(encoded.count == count)
        let header = encoder.frame(encoded, first: Sequence64(last + 1)).header
        chains += [ChainValue](repeating: ChainValue(0), count: count - 1) + [encoded.chainAfter]
        return .append(
            BatchAppend(
                ticket: try #require(ticket), connection: connection, header: header, chainBefore: before,
                body: .own(encoded.raw), lowestTimeMs: timeMs, highestTimeMs: timeMs + Int64(count) - 1,
                clockOffsetMs: 0))
    }

    func skip(_ count: Int, groups: [SkipGroup] = []) throws -> LedgerCommand {
        let before = chains[chains.count - 1]
        let after = ChainValue(before.value &* 31 &+ UInt64(count))
        let skip = Skip(
            first: Sequence64(last + 1), last: Sequence64(last + UInt64(count)), chainAfter: after, reason: .poison,
            groups: groups)
        chains += [ChainValue](repeating: ChainValue(0), count: count - 1) + [after]
        return .skip(SkipAppend(ticket: try #require(ticket), connection: connection, skip: skip, chainBefore: before))
    }

    /// Forgets everything behind `sequence`, which was the end of a batch or skip.
    func rewind(to sequence: UInt64) { chains.removeLast(chains.count - 1 - Int(sequence)) }
}

extension [(ConnectionID, LedgerNews)] {
    /// The last sequence that a connection was told is committed.
    func committed(_ connection: ConnectionID) -> UInt64? {
        var last: UInt64?
        for (to, item) in self where to == connection {
            if case .committed(let cursor) = item { last = cursor.sequence.value }
        }
        return last
    }

    func told(_ connection: ConnectionID) -> [LedgerNews] { filter { $0.0 == connection }.map(\.1) }
}
