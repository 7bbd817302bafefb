import TallyIO
import TallyPricing
import TallyStorage
import TallyTransport

/// One shard's ingest connections and what they share. Confined to its shard; it knows every connection by its number, so
/// that the appender's news and a shutdown reach them.
final class IngestRoom: ShardResident {
    private let shard: UInt16
    private let context: IngestContext
    private let loop: ShardLoop
    private let lane: IngestLane
    private var connections: [UInt64: IngestConnection] = [:]
    private var lastNumber: UInt64 = 0
    private var isStopping = false

    private init(shard: UInt16, loop: ShardLoop, context: IngestContext) {
        self.shard = shard
        self.loop = loop
        self.context = context
        lane = IngestLane(shard: shard, loop: loop, context: context)
    }

    /// `shard` counts the gateway's shards from 0: the first half of its connections' names.
    static func reside(on loop: ShardLoop, shard: UInt16, _ context: IngestContext) -> ShardReference<IngestRoom> {
        loop.reside(IngestRoom(shard: shard, loop: loop, context: context))
    }

    /// The handler of a new connection.
    func connection() -> any ChannelHandler {
        lastNumber += 1
        return IngestConnection(
            ConnectionID(shard: shard, number: lastNumber), context: context, lane: lane, loop: loop, room: self)
    }

    /// The connection's handshake is done.
    func entered(_ connection: IngestConnection) {
        connections[connection.id.number] = connection
        if isStopping { connection.shutdown() }
    }

    func left(_ connection: IngestConnection) { connections[connection.id.number] = nil }

    /// News of the appender for connections of this shard, in order. One that has left is told nothing: its stream was
    /// released as it went.
    func deliver(_ news: [(ConnectionID, LedgerNews)]) {
        for (id, news) in news { connections[id.number]?.hear(news) }
    }

    /// Batches are priced by `book` from here on.
    func use(_ book: PriceBook) { lane.use(book) }

    /// Hands the keeper what all batches so far came to, for a harvest.
    func handOverSums() { lane.handOverSums() }

    /// The same for the last harvest, when everything was submitted.
    func takeSums() -> [TenantSums] { lane.takeSums() }

    /// Commits what was received, acknowledges it, says GOAWAY.
    func shutdown() {
        isStopping = true
        for connection in inOrder { connection.shutdown() }
    }

    /// Ends what has not ended by itself.
    func abort() {
        for connection in inOrder { connection.abort() }
    }

    private var inOrder: [IngestConnection] {
        connections.sorted { $0.key < $1.key }.map(\.value)
    }
}
