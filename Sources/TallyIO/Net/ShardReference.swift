/// Something that lives on a shard and is spoken to from other queues.
package protocol ShardResident: AnyObject, SendableMetatype {}

/// The name of a resident: Sendable, kept by any queue, opened on the resident's shard only.
///
/// A block for a resident that has left does nothing: an answer that comes after its connection has closed
/// has nobody to go to.
package struct ShardReference<Resident: ShardResident>: Sendable, Hashable {
    package let shard: Shard
    let number: UInt64

    /// Runs `body` with the resident on its shard's queue, soon. About 0.3 µs: hand over groups, not items.
    package func async(_ body: @escaping @Sendable (Resident) -> Void) {
        shard.async { loop in
            if let resident = loop.resident(self) { body(resident) }
        }
    }

    package static func == (left: ShardReference, right: ShardReference) -> Bool {
        left.number == right.number && left.shard === right.shard
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(number)
        hasher.combine(ObjectIdentifier(shard))
    }
}
