/// Everything a program may log: cases with typed fields, never strings that a peer or a transcript could fill.
///
/// To log something new, add a case, its name, its level and its fields here. A field is a number, a word of ours, an
/// address or a name that an operator chose; there is no case that takes bytes.
package enum LogEvent: Sendable {
    case listening(address: String)
    case metricsListening(address: String)
    case stopping
    case stopped
    /// `reason` is TLS's failure in our words; it holds no bytes of the peer.
    case handshakeFailed(peer: String, reason: String)
    case helloRefused(peer: String, reason: String)
    /// So many lines of a kind were not written since the interval began.
    case leftOut(RateLimited, lines: Int)
    case streamOpened(tenant: String, workstation: String, committed: UInt64, generation: UInt32)
    case connectionClosed(tenant: String, workstation: String, reason: StaticString)
    case batchRejected(tenant: String, workstation: String, reason: String, column: String, first: UInt64)
    case gapRecorded(tenant: String, workstation: String, first: UInt64, last: UInt64, reason: String)
    case epochRaised(tenant: String)
    case epochNotRaised(tenant: String, reason: String)
    case tenantQuarantined(tenant: String, reason: String)
    /// An alarm: they were not what the ledger says, unless an operator asked.
    case viewsRebuilt(tenant: String, records: UInt64, cause: StaticString)
    case seenNotWritten(reason: String)
    case auditNotWritten(reason: String)
    case viewsFailed(tenant: String, reason: String)
    /// No room for the mark of a clean stop. Nothing is lost by it.
    case stopNotMarked(reason: String)
    /// The last write or sync of a stop failed: nothing rested on it.
    case ledgerNotClosed(reason: String)
    /// `reason` is an error of the disk in our words.
    case tenantWaiting(tenant: String, reason: String)
    case tenantOpened(tenant: String)
    case certificateRenewed(daysValid: Int)
    case certificateFailed(reason: String)
    case diskPaused(freeBytes: UInt64)
    case diskResumed(freeBytes: UInt64)
    case deletionUnfinished(reason: String)
    case faultInjected(name: StaticString)
    /// `--tls-key-log` is on; `file` is the operator's word.
    case secretsLogged(file: String)

    package enum Level: Int, Sendable { case debug, info, notice, warning, error, critical }

    package var level: Level {
        switch self {
        case .streamOpened, .connectionClosed: .info
        case .leftOut(let kind, _): kind.level
        case .listening, .metricsListening, .stopping, .stopped, .certificateRenewed, .diskResumed, .tenantOpened:
            .notice
        case .handshakeFailed, .helloRefused: .info
        case .batchRejected, .gapRecorded, .seenNotWritten, .auditNotWritten, .epochRaised, .viewsRebuilt, .diskPaused,
            .faultInjected, .tenantWaiting, .stopNotMarked:
            .warning
        case .tenantQuarantined, .epochNotRaised, .viewsFailed, .certificateFailed, .deletionUnfinished,
            .ledgerNotClosed:
            .error
        case .secretsLogged: .critical
        }
    }

    /// The event's name and its fields, in the order in which they are shown.
    package var parts: (message: String, fields: [(name: String, value: String)]) {
        switch self {
        case .listening(let address): ("listening", [("address", address)])
        case .metricsListening(let address): ("serving metrics", [("address", address)])
        case .stopping: ("stopping: no new connections, committing what was received", [])
        case .stopped: ("stopped", [])
        case .handshakeFailed(let peer, let reason): ("handshake failed", [("peer", peer), ("reason", reason)])
        case .helloRefused(let peer, let reason): ("hello refused", [("peer", peer), ("reason", reason)])
        case .leftOut(let kind, let lines): ("\(kind.words): … and \(lines) more", [])
        case .streamOpened(let tenant, let workstation, let committed, let generation):
            (
                "stream opened",
                Self.who(tenant, workstation) + [("committed", "\(committed)"), ("generation", "\(generation)")]
            )
        case .connectionClosed(let tenant, let workstation, let reason):
            ("connection closed", Self.who(tenant, workstation) + [("reason", "\(reason)")])
        case .batchRejected(let tenant, let workstation, let reason, let column, let first):
            (
                "batch rejected",
                Self.who(tenant, workstation) + [("reason", reason), ("column", column), ("first", "\(first)")]
            )
        case .gapRecorded(let tenant, let workstation, let first, let last, let reason):
            (
                "gap recorded",
                Self.who(tenant, workstation) + [("first", "\(first)"), ("last", "\(last)"), ("reason", reason)]
            )
        case .epochRaised(let tenant): ("store epoch raised: acknowledged data is missing", [("tenant", tenant)])
        case .epochNotRaised(let tenant, let reason):
            ("store epoch not raised; the workstation comes again", [("tenant", tenant), ("reason", reason)])
        case .tenantQuarantined(let tenant, let reason):
            ("tenant quarantined; all others go on", [("tenant", tenant), ("reason", reason)])
        case .viewsRebuilt(let tenant, let records, let cause):
            (
                "views rebuilt from the ledger",
                [("tenant", tenant), ("records", "\(records)"), ("cause", "\(cause)")]
            )
        case .seenNotWritten(let reason): ("last-seen times not written", [("reason", reason)])
        case .auditNotWritten(let reason): ("audit row not written", [("reason", reason)])
        case .viewsFailed(let tenant, let reason): ("views failed", [("tenant", tenant), ("reason", reason)])
        case .stopNotMarked(let reason):
            ("no room to mark a clean stop; the next start checks the ledger again", [("reason", reason)])
        case .ledgerNotClosed(let reason):
            (
                "a ledger's last write failed at the stop; the next start recovers it, nothing acknowledged is lost",
                [("reason", reason)]
            )
        case .tenantWaiting(let tenant, let reason):
            ("tenant waits to be opened; it is tried again by itself", [("tenant", tenant), ("reason", reason)])
        case .tenantOpened(let tenant): ("tenant open; it waits no longer", [("tenant", tenant)])
        case .certificateRenewed(let days): ("server certificate made", [("days_valid", "\(days)")])
        case .certificateFailed(let reason):
            ("certificate not renewed; the old one stays", [("reason", reason)])
        case .diskPaused(let free): ("disk nearly full; paused", [("free_bytes", "\(free)")])
        case .diskResumed(let free): ("disk has room again; resumed", [("free_bytes", "\(free)")])
        case .deletionUnfinished(let reason):
            ("a tenant's deletion is not finished; it is tried again at the next start", [("reason", reason)])
        case .faultInjected(let name): ("fault injected", [("fault", "\(name)")])
        case .secretsLogged(let file): ("the secrets of every TLS connection are written to a file", [("file", file)])
        }
    }

    private static func who(_ tenant: String, _ workstation: String) -> [(name: String, value: String)] {
        [("tenant", tenant), ("workstation", workstation)]
    }
}
