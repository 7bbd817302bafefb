import CrashDisk
import TallyGateway
import TallyHash
import TallyLog
import TallyModel
import TallyStorage
import TestDisk
import Testing

@Suite("Views that are told the sums of batches")
struct FoldedViewsTests {
    @Test(
        "Views that were told sums hold what the ledger says, whichever sums were lost, late or told twice",
        arguments: 0..<24)
    func told(seed: UInt64) throws {
        var random = SeededRandom(seed)
        let ledger = try LedgerOnDisk(seed: seed)
        let disk = CrashDisk(name: "folded-\(seed)", seed: seed)
        try ledger.open(evidence: 0)
        let desk = try ViewsDesk(folder: disk.root, on: disk, books: LedgerOnDisk.books, entropy: .system)
        var late: [FoldedBatch] = []
        for turn in 0..<30 {
            for _ in 0...random.below(4) { try ledger.grow() }
            desk.merge(late)
            late = []
            for batch in ledger.takeFolded() {
                switch random.below(12) {
                case 0: break
                case 1: late.append(batch)
                case 2: desk.merge([batch, batch])
                default: desk.merge([batch])
                }
            }
            guard random.chance(60) else { continue }
            let durable = try #require(ledger.durable)
            let outcome =
                random.chance(5)
                ? desk.rebuild(through: durable, on: ledger.disk)
                : desk.catchUp(through: durable, on: ledger.disk)
            #expect(outcome.failure == nil && outcome.through == durable.ordinal, "seed \(seed), turn \(turn)")
            let isRight = try ViewsPicture(of: disk) == ViewsPicture(of: ledger.disk, through: durable)
            #expect(isRight, "seed \(seed), turn \(turn)")
        }
    }
}
