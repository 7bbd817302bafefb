import TallyModel

/// Whether the disk under the ledgers is nearly full: below `Limits.diskPausePercent` free it is, until more than
/// `Limits.diskResumePercent` is free again. The distance between the two keeps it from flapping.
package struct DiskWatch: Hashable, Sendable {
    package private(set) var isLow = false

    package init() {}

    /// A disk whose size nobody tells is never low: it is met full as it happens.
    package mutating func measured(freeBytes: UInt64, totalBytes: UInt64) {
        guard totalBytes > 0 else { return isLow = false }
        let percent = isLow ? Limits.diskResumePercent : Limits.diskPausePercent
        let free = UInt128(freeBytes) * 100
        let bound = UInt128(totalBytes) * UInt128(percent)
        isLow = isLow ? free <= bound : free < bound
    }
}
