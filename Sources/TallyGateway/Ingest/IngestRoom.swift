import TallyIO
import TallyTransport

/// One shard's ingest connections and the scratch space they share. Confined to its shard; it knows every connection, so
/// that a shutdown reaches them.
final class IngestRoom: ShardResident {
    private let context: IngestContext
    private let loop: ShardLoop
    private let lane: IngestLane
    private let shard: UInt16
    /// By their numbers.
    private var connections: [UInt64: IngestConnection] = [:]
    private var lastNumber: UInt64 = 0
    private var isStopping = false

    private init(loop: ShardLoop, context: IngestContext, shard: UInt16) {
        self.shard = shard
        self.loop = loop
        self.context = context
        lane = IngestLane(loop: loop, keeper: context.keeper)
    }

    static func reside(on loop: ShardLoop, _ context: IngestContext, shard: UInt16) -> ShardReference<IngestRoom> {
        loop.reside(IngestRoom(loop: loop, context: context, shard: shard))
    }

    /// The handler of a new connection.
    func connection() -> any ChannelHandler {
        lastNumber += 1
        return IngestConnection(
            context: context, lane: lane, loop: loop, room: self,
            id: ConnectionID(shard: shard, number: lastNumber))
    }

    /// The connection's handshake is done.
    func entered(_ connection: IngestConnection) {
        connections[connection.id.number] = connection
        if isStopping { connection.shutdown() }
    }

    func left(_ connection: IngestConnection) { connections[connection.id.number] = nil }

    /// News from the keeper of the ledgers; a connection that has gone hears nothing.
    func hear(_ news: [(ConnectionID, LedgerNews)]) {
        for (connection, item) in news { connections[connection.number]?.hear(item) }
    }

    /// Commits what was received, acknowledges it, says GOAWAY.
    func shutdown() {
        isStopping = true
        for connection in connections.values { connection.shutdown() }
    }

    /// Ends what has not ended by itself.
    func abort() {
        for connection in connections.values { connection.abort() }
    }
}
