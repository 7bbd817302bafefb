package import TallyModel
package import TallyStorage
package import TallyWire

/// What a connection's machine asks of its conductor, to be done in this order.
package enum IngestAction: Sendable {
    case send(Frame)
    case submit(LedgerCommand)
    /// Nothing is sent after it; what was sent before goes out first.
    case close(IngestEnd)
    case note(IngestNote)
}

/// Why a machine ends its connection.
package enum IngestEnd: Hashable, Sendable {
    /// GOAWAY has been said.
    case refused
    /// The workstation asked for it, and has its answer.
    case requested
}

/// What a connection did, for metrics, log and audit rows: numbers and words of ours.
package enum IngestNote: Hashable, Sendable {
    /// The token is good; whose it is.
    case signedIn(TokenHolder)
    /// The connection ended before its WELCOME.
    case helloRefused(GoAwayReason)
    case streamOpened(committed: Sequence64, Generation)
    /// The stream is no longer this connection's.
    case streamLeft
    case batchReceived(bodyBytes: Int)
    case batchDuplicate
    /// Too many bytes wait for the disk already: it was answered BUSY.
    case batchHeldOff
    /// A frame did not become whole in time.
    case frameTimedOut
    case rejected(RejectReason, field: UInt8, first: Sequence64)
    /// A column of a reserved name was sent: one note a column and connection, so at most 64 of them.
    case contentRejected(column: UInt8)
}
