import Synchronization
import TallyIO

/// The rooms of all shards, for whoever has news for connections: one hop a shard, however many of its connections have
/// news.
final class IngestRooms: Sendable {
    private let rooms = Guarded<[ShardReference<IngestRoom>]>([])

    /// The rooms in the order of their shards' numbers. Before it is called there are no connections, hence no news.
    func open(_ rooms: [ShardReference<IngestRoom>]) { self.rooms.withLock { $0 = rooms } }

    /// Hands each shard its part of `news`, whose order it keeps.
    func deliver(_ news: [(ConnectionID, LedgerNews)]) {
        guard !news.isEmpty else { return }
        let rooms = rooms.withLock { $0 }
        var parts = [[(ConnectionID, LedgerNews)]](repeating: [], count: rooms.count)
        for item in news where Int(item.0.shard) < rooms.count { parts[Int(item.0.shard)].append(item) }
        for (room, part) in zip(rooms, parts) where !part.isEmpty { room.async { $0.deliver(part) } }
    }
}
