import Synchronization

/// The way back from the kernel's and Dispatch's callbacks to a shard that may already be gone.
final class ShardDoor: Sendable {
    private struct Opening {
        weak var shard: Shard?
    }

    private let opening = Guarded(Opening())

    func open(onto shard: Shard) {
        opening.withLock { $0.shard = shard }
    }

    var shard: Shard? { opening.withLock { $0.shard } }

    /// On the shard's queue: runs `body` as one round. Nothing happens once the shard is gone.
    func enter(_ body: @Sendable (ShardLoop) -> Void) {
        shard?.enter(body)
    }
}
