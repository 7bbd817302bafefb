/// Decides how one round of appends is made durable: a barrier for each tenant's segment, or one for the file system.
///
/// Measured (docs/DECISIONS.md): a segment's own sync is cheaper for few tenants, `syncfs` is an order of magnitude
/// cheaper for many. `syncfs` is used only where it is known to flush the drive, and, unless there are many tenants, not for
/// a while after it took four times its norm and long enough to be felt: another program's dirty pages are flushed with
/// ours. Nor for a while after an unclean stop: an error of `syncfs` names nobody, one of a segment's own sync names the
/// tenant.
package struct CommitPolicy: Sendable {
    package enum Barrier: Hashable, Sendable { case eachSegment, fileSystem }

    static let fewTenantsMax = 3
    /// For so many a sync each takes longer than any slow `syncfs`.
    static let manyTenantsMin = 32
    static let slowFactor: UInt64 = 4
    /// Below this a slow barrier is the drive's or the machine's mood: waiting a little costs less CPU than a sync a tenant.
    static let slowNanosecondsMin: UInt64 = 10_000_000
    static let penaltyRounds = 64
    static let uncleanRounds = 1_024

    let mayUseFileSystem: Bool
    /// A moving average of the file system barrier's time, in nanoseconds; 0 before the first.
    private(set) var normNanoseconds: UInt64 = 0
    private var penaltyLeft = 0
    private var uncleanLeft = 0

    package init(mayUseFileSystem: Bool) { self.mayUseFileSystem = mayUseFileSystem }

    mutating func barrier(dirtyTenants: Int) -> Barrier {
        guard mayUseFileSystem, dirtyTenants > Self.fewTenantsMax else { return .eachSegment }
        if uncleanLeft > 0 {
            uncleanLeft -= 1
            return .eachSegment
        }
        if penaltyLeft > 0, dirtyTenants < Self.manyTenantsMin {
            penaltyLeft -= 1
            return .eachSegment
        }
        return .fileSystem
    }

    /// A ledger was found as a kill, a loss of power or a failed barrier leaves it.
    mutating func foundUnclean() { uncleanLeft = Self.uncleanRounds }

    /// What a round with the file system barrier took.
    mutating func observed(nanoseconds: UInt64) {
        if normNanoseconds > 0, nanoseconds / Self.slowFactor > normNanoseconds, nanoseconds > Self.slowNanosecondsMin {
            penaltyLeft = max(penaltyLeft, Self.penaltyRounds)
        }
        normNanoseconds = normNanoseconds == 0 ? nanoseconds : (normNanoseconds * 15 + nanoseconds) / 16
    }
}
