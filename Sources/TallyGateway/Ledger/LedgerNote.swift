package import TallyIO
package import TallyModel
import TallyStorage
package import TallyWire

/// What the core tells its rim beside the news for connections: things to log, to count, to write elsewhere, to look up.
package enum LedgerNote: Sendable {
    /// The tenant's ledger contradicts itself; its desk is closed.
    case quarantined(TenantID, TenantName, reason: String)
    /// The tenant is being deleted: its desk is closed, its folder may go.
    case retired(TenantID)
    /// A skip became durable.
    case gapRecorded(TenantID, WorkstationID, first: Sequence64, last: Sequence64, SkipReason)
    case eventsCommitted(UInt64)
    case epochRaised(TenantName)
    /// A new epoch could not be written to the catalog; the workstation comes again.
    case epochNotRaised(TenantName, reason: String)
    /// The workstation's stream was claimed.
    case seen(WorkstationID, atMs: Int64)
    /// To be looked up away from the appends, and answered by `LedgerNews.chain`.
    case lookUp(ChainLookup, at: Sequence64, for: ConnectionID)
    /// To be looked up away from the appends, and answered by `LedgerNews.adopted`; by `.ended(.storage, …)` where the
    /// ledger cannot be read, for an answer that leaves something out would have it counted twice.
    case adopt(AdoptionLookup, for: ConnectionID)
    /// The disk is nearly full: nobody has credit until it has room again.
    case paused
    case resumed
    /// The process must end: a write or a barrier failed, and what the disk holds is unknown.
    case fatal(String)
}

/// Waits until every write so far, of every ledger, is on stable storage. An error is the end of all of them.
package protocol DiskBarrier: Sendable {
    func sync() throws(SystemError)
}

extension FileSystemBarrier: DiskBarrier {}

/// What became of a round's appends.
package struct CommitOutcome: Sendable {
    /// How they were made durable; nil where there was nothing to write.
    package var barrier: CommitPolicy.Barrier?
    /// Tenants whose ledgers were written.
    package var written = 0
    /// Tenants that have more on stable storage than before, in the order of their first append.
    package var moved: [MovedLedger] = []
    /// Some of it waits for room on the disk: call again, in a second or so.
    package var mustRetry = false
}

/// A ledger that has more on stable storage than before.
package struct MovedLedger: Sendable {
    package var tenant: TenantID
    /// Bytes of batches appended since it was opened; only grows.
    package var bytes: UInt64

    package init(tenant: TenantID, bytes: UInt64) {
        self.tenant = tenant
        self.bytes = bytes
    }
}
