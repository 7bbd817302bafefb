import TallyHash
import TallyIO
import TallyModel
import TallyPricing
import TallyRollup
import TallyStorage

/// What the connections of one shard share: the scratch space for decoding, the list of what is to be done, and the
/// commands that go to the keeper of the ledgers in one hand-over at the end of the shard's round. Confined to its
/// shard.
final class IngestLane: RoundEndHandler, ShardResident {
    /// A list that grew beyond this gives its memory back.
    private static let actionsKeptMax = 256

    var scratch: IngestScratch
    /// What one call of a machine asks for; empty between two calls.
    var actions: [IngestAction] = []
    /// A frame on its way out.
    var frame: [UInt8] = []
    private var commands: [LedgerCommand] = []
    private var census = SenderCensus()
    private var isArmed = false
    private let loop: ShardLoop
    private let keeper: LedgerKeeper
    private let shard: UInt16
    private var isHarvestAsked = false

    init(shard: UInt16, loop: ShardLoop, context: IngestContext) {
        let shards = context.shards
        let book = context.services.folder.books.current
        let key = HashKey(first: Random.uint64(), second: Random.uint64())
        let sums = ShardSums(book: book, hashKey: key, cellsMax: Limits.gatheredCellsMax / shards)
        scratch = IngestScratch(
            hashSeed: Random.uint64(), sums: sums, held: HeldBytes(limits: context.limits, shards: shards),
            gate: NewcomerGate(
                context.newcomers, secret: context.secret,
                quietMax: NewcomerGate.quietMax(context.limits, shards: shards)))
        self.shard = shard
        self.loop = loop
        keeper = context.keeper
    }

    func clearActions() { actions.removeAll(keepingCapacity: actions.capacity <= Self.actionsKeptMax) }

    /// `mark`: the connection's own (`SenderCensus`).
    func submit(_ command: LedgerCommand, _ mark: inout UInt8) {
        if case .append = command { census.count(&mark) }
        commands.append(command)
        if !isArmed {
            isArmed = true
            loop.atRoundEnd(self)
        }
    }

    func roundEnded() {
        isArmed = false
        keeper.submit(takeDelivery())
        if scratch.sums?.isFull == true, !isHarvestAsked {
            isHarvestAsked = true
            keeper.askForHarvest()
        }
    }

    /// The sums of everything that was submitted, behind it.
    func handOverSums() {
        isHarvestAsked = false
        var delivery = takeDelivery()
        delivery.sums = takeSums()
        keeper.submit(delivery)
    }

    private func takeDelivery() -> ShardDelivery {
        let size = commands.count
        defer {
            commands = []
            commands.reserveCapacity(size)
        }
        return ShardDelivery(shard: shard, commands: commands, bodies: scratch.takeBodies(), senders: census.senders)
    }

    func use(_ book: PriceBook) { scratch.sums?.use(book) }

    func takeSums() -> [TenantSums] { scratch.sums?.take() ?? [] }
}
