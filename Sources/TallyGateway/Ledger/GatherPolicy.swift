/// Decides whether the next round begins at once or a moment later.
///
/// A round has a price of its own: a barrier, a hop to each shard, a turn of the queues. Where many connections send a
/// little each, what has come at any moment is a few batches, and a round for them is most of what they cost; a
/// millisecond later there are ten times as many. Where few connections send, what has come is most of what can come
/// before an acknowledgement, and a wait would only hold up who waits for it. So a round waits only while less than an
/// eighth of the connections that send at present have something in it, and never longer than `waitMax` (measured:
/// docs/PERFORMANCE.md).
package struct GatherPolicy: Sendable {
    package static let waitMax = Duration.milliseconds(1)
    static let share = 8

    /// Of each shard, by its number: how many connections send at present.
    private var senders: [Int] = []
    private var sendersOfAll = 0
    private var pending = 0

    package init() {}

    /// A shard handed something over.
    package mutating func came(_ delivery: ShardDelivery) {
        pending += delivery.commands.count
        guard let shard = delivery.shard.map(Int.init) else {
            // An administrator's command waits for nobody.
            pending += sendersOfAll
            return
        }
        while senders.count <= shard { senders.append(0) }
        sendersOfAll += delivery.senders - senders[shard]
        senders[shard] = delivery.senders
    }

    /// What had come is in a round.
    package mutating func taken() { pending = 0 }

    /// Whether enough has come, so that a round pays at once.
    package var isEnough: Bool { pending * Self.share >= sendersOfAll }
}
