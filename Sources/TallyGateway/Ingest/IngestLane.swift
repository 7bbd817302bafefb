import TallyHash
import TallyIO
import TallyModel
import TallyWire

/// What the connections of one shard share: the scratch space for decoding, and the commands that go to the keeper of
/// the ledgers in one hand-over at the end of the shard's round. Confined to its shard.
final class IngestLane: RoundEndHandler, ShardResident {
    var opener = BatchOpener()
    var decoder = BatchDecoder(hashSeed: Random.uint64())
    var batch = Batch()
    private var commands: [LedgerCommand] = []
    private var isArmed = false
    private let loop: ShardLoop
    private let keeper: LedgerKeeper

    init(loop: ShardLoop, keeper: LedgerKeeper) {
        self.loop = loop
        self.keeper = keeper
    }

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
