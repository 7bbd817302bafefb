import TallyGateway
import TallyModel
import TallyPricing
import TallyRollup
import TallyStorage
import TallyWire
import TestDisk
import Testing

@Suite("Harvests")
struct LedgerHarvestTests {
    @Test(
        "A harvest takes of each shard what it submitted before its sums, and the rest behind it, all in order",
        arguments: 0..<40)
    func alignment(seed: UInt64) {
        var random = SeededRandom(seed)
        let shards = 1 + random.below(4)
        var harvest = LedgerHarvest()
        // By shard: what waits in its queue to the keeper, the marker included, and what it has submitted.
        var queues = [[ShardDelivery]](repeating: [], count: shards)
        var submitted = [[UInt64]](repeating: [], count: shards)
        var before = [Int?](repeating: nil, count: shards)
        var taken = [[UInt64]](repeating: [], count: shards)
        var harvests = 0
        func take(_ delivery: ShardDelivery) {
            guard harvest.admit(delivery) else { return }
            for case .revoke(let id) in delivery.commands { taken[Int(id.value % 8)].append(id.value) }
        }
        for turn in 0..<400 {
            let shard = random.below(shards)
            switch random.below(6) {
            case 0 where harvest.begin(shards: 0..<UInt16(shards)): before = [Int?](repeating: nil, count: shards)
            case 1 where harvest.isOpen && before[shard] == nil:
                before[shard] = submitted[shard].count
                queues[shard].append(ShardDelivery(shard: UInt16(shard), commands: [], sums: []))
            case 2, 3:
                let id = UInt64(turn) * 8 + UInt64(shard)
                submitted[shard].append(id)
                queues[shard].append(ShardDelivery(shard: UInt16(shard), commands: [.revoke(WorkstationID(id))]))
            default:
                if !queues[shard].isEmpty { take(queues[shard].removeFirst()) }
            }
            guard harvest.isComplete else { continue }
            #expect(taken.map(\.count) == before.map { $0 ?? -1 }, "seed \(seed), turn \(turn)")
            let held = harvest.end().held
            for delivery in held { take(delivery) }
            harvests += 1
        }
        for delivery in harvest.end().held + queues.flatMap({ $0 }) { take(delivery) }
        #expect(taken == submitted && harvests > 0, "seed \(seed)")
    }

    /// A rig, one stream on it, and the sums of what that stream's shard decodes.
    private final class Shard {
        let rig: CoreRig
        let spool: CoreSpool
        var sums: ShardSums
        private var decoder = BatchDecoder(hashSeed: 1)
        private var batch = Batch()

        init() throws {
            rig = try CoreRig()
            spool = CoreSpool(rig.tenants[0])
            // The rig's ledgers name book 1.
            let book = try PriceBook(bytes: PriceBook.builtInBytes, id: PriceBookID(1))
            sums = ShardSums(book: book, hashKey: HashKey(first: 3, second: 4))
            try rig.claim(spool)
        }

        /// The next batch as a shard submits it: decoded and added up.
        func batch(_ count: Int, at timeMs: Int64 = CoreRig.startMs) throws -> LedgerCommand {
            guard case .append(var append) = try spool.batch(count, at: timeMs) else { throw CoreRig.NoClaim() }
            try decoder.decode(append.body.bytes(in: []).span, count: count, into: &batch)
            append.foldedFor = WorkstationID(1)
            let isAdded = sums.fold(batch, of: WorkstationID(1), append.ticket.tenant)
            #expect(isAdded)
            return .append(append)
        }

        /// Whether the next batch, which nobody submits, finds room among the sums.
        func adds(_ count: Int) throws -> Bool {
            guard case .append(let append) = try spool.batch(count) else { throw CoreRig.NoClaim() }
            try decoder.decode(append.body.bytes(in: []).span, count: count, into: &batch)
            return sums.fold(batch, of: WorkstationID(1), append.ticket.tenant)
        }

        func harvest() -> LedgerStretch? {
            rig.commit()
            return rig.core.harvest(sums.take()).first
        }
    }

    @Test("A stretch needs no reading where every batch of it was added up: events, streams and gaps are in it")
    func whole() throws {
        let shard = try Shard()
        shard.rig.take(try shard.batch(5))
        shard.rig.take(try shard.batch(7))
        shard.rig.take(try shard.spool.skip(2))
        let stretch = try #require(shard.harvest())
        let content = try #require(stretch.content)
        #expect(content.events == 12 && content.gaps.count == 1 && content.streams.map(\.committed.value) == [14])
        #expect(content.sums.flatMap { $0.deltas().cells.map(\.counts.events) }.reduce(0, +) == 12)
        #expect(shard.harvest() == nil, "nothing has come since")
        shard.rig.take(try shard.batch(3))
        let next = try #require(shard.harvest())
        #expect(next.from == stretch.through && next.content?.events == 3)
    }

    @Test("A stretch is read where a batch was added up and then turned away, or came without having been added up")
    func turnedAway() throws {
        let shard = try Shard()
        let first = try shard.batch(5)
        let second = try shard.batch(5)
        // Out of order: the second is dropped in silence, as after a REJECT.
        shard.rig.take(second)
        shard.rig.take(first)
        let stretch = try #require(shard.harvest())
        #expect(stretch.content == nil)
        shard.spool.rewind(to: 5)
        shard.rig.take(try shard.spool.batch(4))
        #expect(try #require(shard.harvest()).content == nil, "nobody added that one up")
        shard.rig.take(try shard.batch(4))
        #expect(try #require(shard.harvest()).content?.events == 4)
    }

    @Test("A stretch is read where the keeper's clock finds a time ahead that the shard's had not")
    func ahead() throws {
        let shard = try Shard()
        shard.rig.take(try shard.batch(2, at: CoreRig.startMs + 3_600_000))
        #expect(try #require(shard.harvest()).content == nil)
    }

    @Test(
        "A stretch in which the price book changed is read, though it changed back; the next is whole by the book in use"
    )
    func books() throws {
        let shard = try Shard()
        let second = try PriceBook(bytes: PriceBook.builtInBytes, id: PriceBookID(2))
        shard.rig.take(try shard.batch(2))
        // The ledgers change first, and the shard has not heard of it when they change back.
        shard.rig.core.use(book: 2)
        shard.rig.take(try shard.batch(3))
        shard.rig.core.use(book: 1)
        #expect(try #require(shard.harvest()).content == nil)
        shard.rig.take(try shard.batch(4))
        #expect(try #require(shard.harvest()).content?.events == 4)
        shard.rig.core.use(book: 2)
        #expect(shard.harvest() == nil)
        shard.rig.take(try shard.batch(5))
        #expect(try #require(shard.harvest()).content == nil, "still added up by the first")
        shard.sums.use(second)
        shard.rig.take(try shard.batch(6))
        #expect(try #require(shard.harvest()).content?.sums.map(\.book.id) == [PriceBookID(2)])
    }

    @Test("A shard adds to no sums of another book")
    func sumsOfOneBook() throws {
        let shard = try Shard()
        _ = try shard.batch(2)
        shard.sums.use(try PriceBook(bytes: PriceBook.builtInBytes, id: PriceBookID(2)))
        #expect(try !shard.adds(3) && shard.sums.isFull)
        #expect(shard.sums.take().map(\.book) == [1])
        #expect(try shard.adds(4))
        #expect(shard.sums.take().map(\.book) == [2])
    }

    @Test("Records that found no room are in no sums: their stretches are read, and the next ones are whole again")
    func noRoom() throws {
        let shard = try Shard()
        shard.rig.disks[0].fill(after: 0)
        shard.rig.take(try shard.batch(40))
        _ = shard.harvest()
        shard.rig.disks[0].fill(after: .max)
        let late = try #require(shard.harvest())
        #expect(late.content == nil)
        let stream = try #require(shard.rig.core.streams(of: shard.spool.tenant).values.first)
        #expect(stream.sequence.value == 40, "it was taken, and waited for room")
        shard.rig.take(try shard.batch(3))
        #expect(try #require(shard.harvest()).content?.events == 3)
    }
}
