package import TallyModel
import TallyProtocol
package import TallyWire

/// What an uplink wants done: the first three by whoever holds the connection, in this order.
package enum UplinkAction: Hashable, Sendable {
    /// Connect, then call `opened` or `dialFailed`.
    case dial
    /// Bytes for the connection.
    case send([UInt8])
    /// Say farewell and forget the connection: nothing more is heard of it.
    case close
    case news(UplinkNews)
}

/// What the uplink met, for whoever follows it.
package enum UplinkNews: Hashable, Sendable {
    /// The gateway said what it keeps and how it hashes projects.
    case welcomed(Welcome)
    /// Something was acknowledged, or set aside for good.
    case settled
    /// Events were taken out of the spool: the gateway had counted them before.
    case adopted(AdoptionReport)
    /// A connection ended, or could not be made; it is tried again by itself.
    case interrupted(UplinkProblem)
    /// The uplink is over: the spool cannot be read or written, or belongs to another tenant.
    case failed(WorkstationError)
}

package struct UplinkProblem: Hashable, Sendable {
    package var text: String
    /// Waiting will not help; a person must do something.
    package var needsPerson: Bool

    package init(text: String, needsPerson: Bool) {
        self.text = text
        self.needsPerson = needsPerson
    }

    init(_ end: ConnectionEnd, _ notice: ReconnectNotice?) {
        text =
            switch end {
            case .goaway(let goaway): WorkstationError.text(of: goaway.reason)
            case .lost: "the connection to the gateway was lost"
            case .silence: "the gateway fell silent"
            case .noProgress: "the gateway commits nothing"
            case .diverged: "the gateway has other events under this spool's numbers"
            case .violation: WorkstationError.protocolBroken.description
            case .closed: "the stream was closed"
            }
        needsPerson =
            switch notice {
            case .credentialRefused, .credentialRevoked, .versionsDiffer: true
            default: false
            }
    }
}

/// What went over the wire since the program began.
package struct UplinkCounts: Hashable, Sendable {
    package var events: UInt64 = 0
    package var batches: UInt64 = 0
    /// Whole BATCH frames.
    package var bytes: UInt64 = 0
    package var rejects: UInt64 = 0
    package var skippedEvents: UInt64 = 0
    /// WELCOMEs.
    package var connections: UInt64 = 0
    package var acknowledgedEvents: UInt64 = 0
    /// Earlier streams that were offered to a restored gateway.
    package var offeredStreams: UInt64 = 0
}
