import CrashDisk
import TallyGateway
import TallyHash
import TallyLog
import TallyModel
import TallyStorage
import TestDisk
import TestEffort
import Testing

/// A tenant's ledger and views, each on a disk that loses its power with the other's: whatever the views hold is what
/// the ledger says up to there.
@Suite("The views when the power goes")
struct ViewsPowerTests {
    @Test(
        "Whenever the power goes, views hold exactly the ledger up to their position, or are rebuilt to it",
        arguments: 0..<4)
    func followTheLedger(part: UInt64) throws {
        var rebuilds = 0
        let count = Effort.of(80) as UInt64
        for seed in part * count..<(part + 1) * count {
            do {
                var life = try ViewsLife(seed: seed)
                if let violation = try life.run() { Issue.record("seed \(seed): \(violation)") }
                rebuilds += life.rebuilds
            } catch {
                Issue.record("seed \(seed): \(error)")
            }
        }
        print("seeds \(part * count)..<\((part + 1) * count): \(rebuilds) rebuilds")
        #expect(rebuilds > Effort.of(100))
    }

    @Test(
        "Views that are another ledger's, ahead of theirs, or no database, are rebuilt with an alarm", arguments: 0..<8)
    func alarms(seed: UInt64) throws {
        let first = try LedgerOnDisk(seed: seed)
        let second = try LedgerOnDisk(seed: seed + 1_000)
        let disk = CrashDisk(name: "alarms-\(seed)", seed: seed)
        try first.open(evidence: 0)
        try second.open(evidence: 0)
        try first.grow()
        try second.grow()
        let early = try #require(first.durable)
        let older = first.disk.snapshot()
        for _ in 0..<6 { try first.grow() }
        let desk = try ViewsDesk(folder: disk.root, on: disk, books: LedgerOnDisk.books, entropy: .system)
        let late = try #require(first.durable)

        var outcome = desk.catchUp(through: late, on: first.disk)
        #expect(outcome.rebuilt == nil && outcome.failure == nil && outcome.through == late.ordinal)
        #expect(desk.evidence(for: first.disk) == late.ordinal)
        #expect(desk.evidence(for: second.disk) == 0)
        // Once more changes nothing.
        outcome = desk.catchUp(through: late, on: first.disk)
        #expect(outcome.records == 0 && outcome.transactions == 0 && outcome.through == late.ordinal)

        let rolledBack = LyingDisk(seed: seed)
        for (name, bytes) in older { rolledBack.put(name, bytes) }
        outcome = desk.catchUp(through: early, on: rolledBack)
        #expect(outcome.rebuilt == .aheadOfLedger && outcome.failure == nil)
        #expect(try ViewsPicture(of: disk) == ViewsPicture(of: rolledBack, through: early))

        let other = try #require(second.durable)
        outcome = desk.catchUp(through: other, on: second.disk)
        #expect(outcome.rebuilt == .otherLedger && outcome.failure == nil)
        #expect(try ViewsPicture(of: disk) == ViewsPicture(of: second.disk, through: other))

        outcome = desk.rebuild(through: other, on: second.disk)
        #expect(outcome.rebuilt == .asked && outcome.records == other.ordinal)
        #expect(try ViewsPicture(of: disk) == ViewsPicture(of: second.disk, through: other))
    }

    @Test("A file that is no database is begun again, and one of a newer version is not touched")
    func files() throws {
        let ledger = try LedgerOnDisk(seed: 1)
        try ledger.open(evidence: 0)
        try ledger.grow()
        let durable = try #require(ledger.durable)
        let disk = CrashDisk(name: "files", seed: 1)
        disk.put(Views.fileName, [UInt8](repeating: 0x5a, count: 8_192))
        do {
            let desk = try ViewsDesk(folder: disk.root, on: disk, books: LedgerOnDisk.books, entropy: .system)
            #expect(desk.evidence(for: ledger.disk) == 0)
            let outcome = desk.catchUp(through: durable, on: ledger.disk)
            #expect(outcome.rebuilt == .damaged && outcome.failure == nil)
            desk.finish()
        }
        #expect(try ViewsPicture(of: disk) == ViewsPicture(of: ledger.disk, through: durable))
        // Where SQLite keeps `user_version`.
        var bytes = try #require(disk.bytes(Views.fileName))
        bytes[63] = 200
        disk.put(Views.fileName, bytes)
        #expect(throws: StorageError.self) {
            try ViewsDesk(folder: disk.root, on: disk, books: LedgerOnDisk.books, entropy: .system)
        }
        #expect(disk.bytes(Views.fileName) == bytes)
        // An earlier version's are made again.
        bytes[63] = 1
        disk.put(Views.fileName, bytes)
        let desk = try ViewsDesk(folder: disk.root, on: disk, books: LedgerOnDisk.books, entropy: .system)
        #expect(desk.catchUp(through: durable, on: ledger.disk).rebuilt == .olderVersion)
        #expect(try ViewsPicture(of: disk) == ViewsPicture(of: ledger.disk, through: durable))
    }

    @Test("While the disk is full views wait longer after each failure, within bounds, and go on when it is not")
    func backoff() throws {
        let ledger = try LedgerOnDisk(seed: 2)
        try ledger.open(evidence: 0)
        for _ in 0..<8 { try ledger.grow() }
        let durable = try #require(ledger.durable)
        let disk = CrashDisk(name: "backoff", seed: 2)
        let desk = try ViewsDesk(folder: disk.root, on: disk, books: LedgerOnDisk.books, entropy: .system)
        disk.failWrites(.full, after: 0)
        var waits: [Duration] = []
        for _ in 0..<20 {
            let outcome = desk.catchUp(through: durable, on: ledger.disk)
            #expect(outcome.failure != nil)
            waits.append(try #require(outcome.retryAfter))
        }
        #expect(waits.first == Limits.viewsRetryFirst && waits.last == Limits.viewsRetryMax)
        #expect(zip(waits, waits.dropFirst()).allSatisfy { $0 <= $1 })
        disk.heal()
        let outcome = desk.catchUp(through: durable, on: ledger.disk)
        #expect(outcome.failure == nil && outcome.retryAfter == nil && outcome.through == durable.ordinal)
    }
}

/// One seed's life of a ledger and its views.
struct ViewsLife: ~Copyable {
    private let disk: CrashDisk
    private let ledger: LedgerOnDisk
    private var random: SeededRandom
    private var desk: ViewsDesk?
    private(set) var rebuilds = 0

    init(seed: UInt64) throws {
        random = SeededRandom(seed)
        disk = CrashDisk(name: "views-\(seed)", seed: random.next())
        ledger = try LedgerOnDisk(seed: random.next())
    }

    /// What was broken, in words; nil for nothing.
    mutating func run() throws -> String? {
        for _ in 0..<4 {
            if let violation = try open() { return violation }
            orderFaults()
            for _ in 0..<random.below(10) {
                try ledger.grow()
                if random.chance(15) { desk?.finish() }
                if random.chance(70), let violation = try catchUp() { return violation }
            }
            end()
        }
        if let violation = try open() { return violation }
        guard let durable = ledger.durable, let outcome = desk?.catchUp(through: durable, on: ledger.disk) else {
            return "nothing is open"
        }
        guard outcome.failure == nil, outcome.rebuilt == nil, outcome.through == durable.ordinal else {
            return "without faults they do not simply follow: \(outcome)"
        }
        let streams = ledger.streams
        guard try ViewsPicture(of: disk)?.streams == streams else { return "their streams are not the ledger's" }
        return try compare()
    }

    private mutating func open() throws -> String? {
        let opened = try ViewsDesk(
            folder: disk.root, on: disk, books: LedgerOnDisk.books, entropy: .system,
            logBytesMax: 20_000 + random.below(150_000))
        desk = opened
        // A ledger that lost what its views prove would be refused here.
        try ledger.open(evidence: opened.evidence(for: ledger.disk))
        if let violation = try compare() { return violation }
        // What was in doubt was thrown away before the end: no end leaves a file that has to be.
        guard random.chance(50), let durable = ledger.durable else { return nil }
        let outcome = opened.catchUp(through: durable, on: ledger.disk)
        guard outcome.rebuilt == nil, outcome.failure == nil else { return "the end left them damaged: \(outcome)" }
        return try compare()
    }

    private mutating func catchUp() throws -> String? {
        guard let durable = ledger.durable, let outcome = desk?.catchUp(through: durable, on: ledger.disk) else {
            return nil
        }
        if outcome.rebuilt != nil { rebuilds += 1 }
        if outcome.failure == nil, outcome.through != durable.ordinal { return "they stopped at \(outcome.through)" }
        // While faults are ordered a look at them may fail; that is no sign of anything.
        return nil
    }

    /// The views against the ledger up to their position.
    private func compare() throws -> String? {
        guard let found = try ViewsPicture(of: disk) else { return nil }
        let expected = try ViewsPicture(of: ledger.disk, through: found.position)
        return found == expected ? nil : "they hold \(found), the ledger says \(expected)"
    }

    private mutating func orderFaults() {
        switch random.below(7) {
        case 0, 1: disk.stop(afterCalls: random.below(80))
        case 2: disk.failWrites(.full, after: random.below(60), times: 1 + random.below(40))
        case 3: disk.failWrites(.error, after: random.below(60), times: 1 + random.below(4))
        case 4, 5:
            // The power must also go while a later checkpoint builds on what the failed sync did not keep.
            disk.failSyncs(after: random.below(3), times: 1 + random.below(3))
            if random.chance(60) { disk.stop(afterCalls: random.below(200)) }
        default: break
        }
    }

    /// Both disks are in one machine.
    private mutating func end() {
        if random.chance(65) {
            disk.losePower()
            ledger.disk.losePower()
        } else {
            disk.kill()
            ledger.disk.kill()
        }
        desk = nil
        ledger.letGo()
        disk.start()
    }
}
