import TallyModel
import TallyStorage
import TallyWire

/// What each workstation of a tenant has sent and given up, over all its streams.
///
/// No sum of any view can overflow below `Limits.tenantTotalMax`, which all workstations of a tenant share. What one may
/// use of it is bounded here, so that a workstation that tells of the largest numbers a column holds, or gives up ranges
/// that never were, in the end has its own batches refused and nobody else's. Memory suffices: the ledger tells it anew.
struct WorkstationShares {
    struct Share: Hashable {
        var totals = RunningTotals.zero
        var gapEvents: UInt64 = 0
    }

    private var shares: [WorkstationID: Share] = [:]

    init(_ state: LedgerState) {
        for stream in state.streams.values { move(stream, to: stream.workstation, from: nil) }
    }

    /// Whether the tenant's totals and the workstation's may grow by so much.
    func fits(_ added: Share, of workstation: WorkstationID, in tenant: RunningTotals) -> Bool {
        let own = shares[workstation] ?? Share()
        let (gapEvents, isOver) = own.gapEvents.addingReportingOverflow(added.gapEvents)
        guard !isOver, gapEvents <= Limits.workstationGapEventsMax, let sum = own.totals.adding(added.totals),
            let all = tenant.adding(added.totals)
        else { return false }
        return sum.isWithin(Limits.workstationTotalMax) && all.isWithin(Limits.tenantTotalMax)
    }

    mutating func add(_ added: Share, of workstation: WorkstationID) {
        shares[workstation, default: Share()].add(added)
    }

    /// The stream is now that of `workstation`.
    mutating func move(_ stream: LedgerState.Stream, to workstation: WorkstationID, from before: WorkstationID?) {
        let share = Share(totals: stream.totals, gapEvents: stream.gapEvents)
        if let before { shares[before]?.subtract(share) }
        shares[workstation, default: Share()].add(share)
    }
}

extension WorkstationShares.Share {
    /// A ledger of before there was a bound may hold more than fits: then nothing fits any more.
    fileprivate mutating func add(_ other: Self) {
        totals =
            totals.adding(other.totals) ?? RunningTotals(tokens: .max, reportedNanoUSD: .max)
        gapEvents = gapEvents.addingReportingOverflow(other.gapEvents).overflow ? .max : gapEvents + other.gapEvents
    }

    fileprivate mutating func subtract(_ other: Self) {
        totals = RunningTotals(
            tokens: totals.tokens - min(totals.tokens, other.totals.tokens),
            reportedNanoUSD: totals.reportedNanoUSD - min(totals.reportedNanoUSD, other.totals.reportedNanoUSD))
        gapEvents -= min(gapEvents, other.gapEvents)
    }
}

extension RunningTotals {
    fileprivate func isWithin(_ most: UInt64) -> Bool { tokens <= UInt128(most) && reportedNanoUSD <= UInt128(most) }
}
