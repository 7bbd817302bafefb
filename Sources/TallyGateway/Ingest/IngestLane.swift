import TallyHash
import TallyIO
import TallyPricing

/// What the connections of one shard share: the scratch space for decoding, the list of what is to be done, and the
/// commands that go to the keeper of the ledgers in one hand-over at the end of the shard's round. Confined to its
/// shard.
final class IngestLane: RoundEndHandler, ShardResident {
    /// A list that grew beyond this gives its memory back.
    private static let actionsKeptMax = 256

    var scratch: IngestScratch
    /// What one call of a machine asks for; empty between two calls.
    var actions: [IngestAction] = []
    private var commands: [LedgerCommand] = []
    private var isArmed = false
    private let loop: ShardLoop
    private let keeper: LedgerKeeper

    init(loop: ShardLoop, keeper: LedgerKeeper, book: PriceBook) {
        scratch = IngestScratch(hashSeed: Random.uint64(), book: book)
        self.loop = loop
        self.keeper = keeper
    }

    func clearActions() { actions.removeAll(keepingCapacity: actions.capacity <= Self.actionsKeptMax) }

    func submit(_ command: LedgerCommand) {
        commands.append(command)
        if !isArmed {
            isArmed = true
            loop.atRoundEnd(self)
        }
    }

    func roundEnded() {
        isArmed = false
        keeper.submit(commands)
        commands.removeAll(keepingCapacity: true)
    }
}
