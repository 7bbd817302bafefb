/// What a descriptor is watched for, and what it turned out to be ready for.
///
/// An error, or an end in both directions, is reported whether asked for or not, as all three: the next read or
/// write tells which. A handler that watches for nothing must still act on it, or it is called for ever.
package struct Readiness: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let read = Readiness(rawValue: 1)
    package static let write = Readiness(rawValue: 2)
    package static let hangup = Readiness(rawValue: 4)
}

/// Whoever owns a watched descriptor. Called on the shard's queue only.
package protocol ReadyHandler: AnyObject {
    func ready(_ readiness: Readiness)
}

/// Names one watched descriptor; stale once it was removed, even if the slot is used again.
package struct WatchID: Hashable, Sendable {
    let slot: UInt32
    let generation: UInt32

    init(slot: UInt32, generation: UInt32) {
        self.slot = slot
        self.generation = generation
    }

    /// As the 64 bits that the kernel keeps for us.
    init(packed: UInt64) {
        slot = UInt32(truncatingIfNeeded: packed)
        generation = UInt32(truncatingIfNeeded: packed >> 32)
    }

    var packed: UInt64 { UInt64(generation) << 32 | UInt64(slot) }
}
