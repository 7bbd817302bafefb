import CrashDisk
import TallyGateway
import TallyHash
import TallyLog
import TallyModel
import TallyStorage
import TestDisk
import TestEffort
import Testing

@Suite("Views that are told stretches of the ledger")
struct FoldedViewsTests {
    @Test(
        "Views that are told stretches hold what the ledger says, whichever were lost, late or told twice",
        arguments: 0..<Effort.of(24) as Range<UInt64>)
    func told(seed: UInt64) throws {
        var random = SeededRandom(seed)
        let ledger = try LedgerOnDisk(seed: seed)
        let disk = CrashDisk(name: "folded-\(seed)", seed: seed)
        try ledger.open(evidence: 0)
        let desk = try ViewsDesk(folder: disk.root, on: disk, books: LedgerOnDisk.books, entropy: .system)
        var late: LedgerStretch?
        var read: UInt64 = 0
        for turn in 0..<30 {
            for _ in 0...random.below(4) { try ledger.grow() }
            let durable = try #require(ledger.durable)
            guard var stretch = ledger.harvest() else { continue }
            if let earlier = late { _ = desk.take(earlier, on: ledger.disk) }
            late = nil
            let draw = random.below(12)
            if draw == 0 { stretch.content = nil }
            if draw == 1 {
                late = stretch
                continue
            }
            let outcome =
                switch draw {
                case 2: desk.catchUp(through: durable, on: ledger.disk)
                case 3: desk.rebuild(through: durable, on: ledger.disk)
                default: desk.take(stretch, on: ledger.disk)
                }
            if draw == 2 || draw == 4 { _ = desk.take(stretch, on: ledger.disk) }
            read += outcome.records
            #expect(outcome.failure == nil && outcome.through == durable.ordinal, "seed \(seed), turn \(turn)")
            let isRight = try ViewsPicture(of: disk) == ViewsPicture(of: ledger.disk, through: durable)
            #expect(isRight, "seed \(seed), turn \(turn)")
        }
        #expect(read > 0)
    }
}
