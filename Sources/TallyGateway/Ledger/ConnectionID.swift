/// Names a connection across queues: the shard it lives on, and its number there. Never used twice by a process.
package struct ConnectionID: Hashable, Comparable, Sendable {
    /// Which of the gateway's shards, counted from 0.
    package var shard: UInt16
    /// Counts the shard's connections from 1.
    package var number: UInt64

    package init(shard: UInt16, number: UInt64) {
        self.shard = shard
        self.number = number
    }

    package static func < (left: ConnectionID, right: ConnectionID) -> Bool {
        (left.shard, left.number) < (right.shard, right.number)
    }
}
