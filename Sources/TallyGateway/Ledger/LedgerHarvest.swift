/// What a shard hands to the keeper of the ledgers at once, in order: commands, and behind them, where it was asked for,
/// what all its batches so far came to.
package struct ShardDelivery: Sendable {
    /// Nil for commands that come from no connection.
    package var shard: UInt16?
    package var commands: [LedgerCommand]
    /// The bodies of the commands' batches (`BatchBody.part`).
    package var bodies: [UInt8]
    package var sums: [TenantSums]?
    /// How many of the shard's connections send at present.
    package var senders: Int

    package init(
        shard: UInt16?, commands: [LedgerCommand], bodies: [UInt8] = [], sums: [TenantSums]? = nil, senders: Int = 0
    ) {
        self.shard = shard
        self.commands = commands
        self.bodies = bodies
        self.sums = sums
        self.senders = senders
    }
}

/// The taking of all shards' sums at one point of all ledgers: what was summed is exactly what was appended.
///
/// Each shard is asked for its sums, which come behind the commands that they are of, as a marker in the order of its
/// deliveries. What a shard delivers behind its marker is held until every shard's marker has come: then what was taken is
/// what was summed. This is the aligned snapshot of stream processing; here a shard answers within its round, so little is
/// held and not for long. What may be held is bounded by the credit granted.
package struct LedgerHarvest: Sendable {
    private var awaited: Set<UInt16> = []
    private var sums: [TenantSums] = []
    private var held: [ShardDelivery] = []
    package private(set) var isOpen = false

    package init() {}

    /// False where one is under way.
    package mutating func begin(shards: Range<UInt16>) -> Bool {
        guard !isOpen else { return false }
        isOpen = true
        awaited = Set(shards)
        return true
    }

    /// Whether to take the delivery's commands now; they are held otherwise.
    package mutating func admit(_ delivery: ShardDelivery) -> Bool {
        guard isOpen, let shard = delivery.shard else { return true }
        guard awaited.contains(shard) else {
            held.append(delivery)
            return false
        }
        if let sums = delivery.sums {
            self.sums += sums
            awaited.remove(shard)
        }
        return true
    }

    package var isComplete: Bool { isOpen && awaited.isEmpty }

    /// Ends it, complete or not: the sums that came, and what is to be delivered again.
    package mutating func end() -> (sums: [TenantSums], held: [ShardDelivery]) {
        defer { self = LedgerHarvest() }
        return (sums, held)
    }
}
