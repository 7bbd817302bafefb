import TallyIO
import TallyTransport

/// One shard's ingest connections and the scratch space they share. Confined to its shard; it knows every connection, so
/// that a shutdown reaches them.
final class IngestRoom: ShardResident {
    private let context: IngestContext
    private let loop: ShardLoop
    private let lane: IngestLane
    private var connections: [ObjectIdentifier: IngestConnection] = [:]
    private var isStopping = false

    private init(loop: ShardLoop, context: IngestContext) {
        self.loop = loop
        self.context = context
        lane = IngestLane(loop: loop, keeper: context.keeper)
    }

    static func reside(on loop: ShardLoop, _ context: IngestContext) -> ShardReference<IngestRoom> {
        loop.reside(IngestRoom(loop: loop, context: context))
    }

    /// The handler of a new connection.
    func connection() -> any ChannelHandler {
        IngestConnection(context: context, lane: lane, loop: loop, room: self)
    }

    /// The connection's handshake is done.
    func entered(_ connection: IngestConnection) {
        connections[ObjectIdentifier(connection)] = connection
        if isStopping { connection.shutdown() }
    }

    func left(_ connection: IngestConnection) { connections[ObjectIdentifier(connection)] = nil }

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
