import CrashDisk
import TallyIO
import TallyModel
import TallyStorage
import TestDisk
import TestEffort
import Testing

/// The catalog on a disk that loses its power, against a model of what it said was done.
@Suite("The catalog when the power goes")
struct CatalogPowerTests {
    @Test("Whenever the power goes, the catalog keeps what it said was done", arguments: 0..<4)
    func keepsWhatItSaid(part: UInt64) {
        let count = Effort.of(100) as UInt64
        for seed in part * count..<(part + 1) * count {
            var life = CatalogLife(seed: seed)
            if let violation = life.run() { Issue.record("seed \(seed): \(violation)") }
        }
    }

    @Test("On a disk whose syncs keep nothing, the same test finds a loss")
    func findsLoss() {
        let violations = (0..<40 as Range<UInt64>).compactMap { seed in
            var life = CatalogLife(seed: seed, isLying: true)
            return life.run()
        }
        print(
            "a lying disk lost something in \(violations.count) of 40 runs, such as: \(violations.first ?? "nothing")")
        #expect(violations.count > 10)
    }

    @Test("Where nothing is written again after a failed sync, the same test finds a loss")
    func findsUnwritten() {
        let violation = (0..<150 as Range<UInt64>).lazy.compactMap { seed in
            var life = CatalogLife(seed: seed, rewrites: false)
            return life.run().map { "seed \(seed): \($0)" }
        }.first
        print("without writing again: \(violation ?? "nothing in 150 runs")")
        #expect(violation != nil)
    }
}

/// A disk on which nothing is written again.
struct ForgetfulDisk: DatabaseDisk {
    let disk: CrashDisk

    func exists(_ path: String) throws(SystemError) -> Bool { try disk.exists(path) }
    func create(_ path: String) throws(SystemError) { try disk.create(path) }
    func remove(_ path: String) throws(SystemError) { try disk.remove(path) }
    func size(_ path: String) throws(SystemError) -> Int { try disk.size(path) }
    func rewrite(_ path: String) throws(SystemError) {}
    func syncFolder(of path: String) throws(SystemError) { try disk.syncFolder(of: path) }
}

/// One seed's life of a catalog: operations, faults, ends of the process and of the power.
struct CatalogLife: ~Copyable {
    private let disk: CrashDisk
    private let rewrites: Bool
    private var random: SeededRandom
    private var catalog: Catalog?
    /// What was said to be done.
    private var said = CatalogModel()
    /// What each operation would have made of it that failed since the last one that succeeded: the log may hold any
    /// one of them, until something else is written over it.
    private var inDoubt: [CatalogModel] = []
    private var operations = 0

    init(seed: UInt64, isLying: Bool = false, rewrites: Bool = true) {
        self.rewrites = rewrites
        random = SeededRandom(seed)
        let behaviour: CrashDisk.Behaviour = isLying ? [.powersafe, .lying] : .powersafe
        disk = CrashDisk(name: "catalog-\(isLying)-\(rewrites)-\(seed)", seed: random.next(), behaviour)
    }

    /// What was broken, in words; nil for nothing.
    mutating func run() -> String? {
        for _ in 0..<6 {
            if let violation = open() { return violation }
            orderFaults()
            for _ in 0..<random.below(14) {
                if let violation = step() { return violation }
            }
            end()
        }
        disk.start()
        return open()
    }

    // MARK: A process

    private mutating func open() -> String? {
        // The power may go while what the last time left is put in order.
        for _ in 0..<2 where random.chance(25) {
            disk.stop(afterCalls: random.below(20))
            catalog = try? openCatalog()
            end()
        }
        let picture: [String]
        do {
            let opened = try openCatalog()
            guard try opened.isDurable() else { return "the catalog is open without waiting for the disk" }
            picture = try CatalogModel.picture(of: opened)
            catalog = opened
        } catch {
            return "it cannot be opened: \(error)"
        }
        guard let found = ([said] + inDoubt).first(where: { $0.picture == picture }) else {
            return "it said \(said.picture) and holds \(picture)"
        }
        said = found
        inDoubt = []
        return nil
    }

    private func openCatalog() throws(StorageError) -> Catalog {
        rewrites
            ? try Catalog(folder: disk.root, on: disk)
            : try Catalog(folder: disk.root, on: ForgetfulDisk(disk: disk))
    }

    private mutating func end() {
        if random.chance(65) { disk.losePower() } else { disk.kill() }
        catalog = nil
        disk.start()
    }

    private mutating func orderFaults() {
        switch random.below(6) {
        case 0, 1, 2: disk.stop(afterCalls: random.below(60))
        case 3: disk.failWrites(.full, after: random.below(40), times: 1 + random.below(20))
        case 4: disk.failWrites(.error, after: random.below(40), times: 1 + random.below(4))
        default: disk.failSyncs(after: random.below(10), times: 1 + random.below(3))
        }
    }

    private mutating func step() -> String? {
        guard let catalog else { return nil }
        if random.chance(8) {
            try? catalog.checkpoint()
            return nil
        }
        operations += 1
        let operation = CatalogModel.Operation(&random, said, secret: UInt8(clamping: operations))
        let expected = said.applying(operation)
        do throws(StorageError) {
            try operation.run(on: catalog, number: operations)
            guard let expected else { return "\(operation) was done and should have been refused" }
            // One that changes nothing writes nothing over what is in doubt.
            if expected.picture != said.picture { inDoubt = [] }
            said = expected
        } catch {
            switch error {
            case .database, .diskFull, .busy, .system: if let expected { inDoubt.append(expected) }
            default: if expected != nil { return "\(operation) was refused: \(error)" }
            }
        }
        return nil
    }
}
