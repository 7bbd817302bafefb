package import TallyIO
package import TallyLog
import TallyModel
package import TallyTLS
package import TallyTransport
package import TallyWire

/// Why a command of the workstation could not do its work: what happened, and what to do. Never a byte of a
/// transcript, a token or a peer.
package enum WorkstationError: Error, Hashable, Sendable, CustomStringConvertible {
    case system(SystemError)
    case locked(FileLock.Refusal)
    case log(LogError)
    case noHome
    case notConnected
    case configDamaged
    case configNewer
    case keysDamaged
    /// A spool record that does not say what its kind demands: written by a newer version, or damaged.
    case spoolDamaged(ordinal: UInt64)
    case stateNewer(UInt8)
    case spoolFull
    case memoryTooLarge
    case certificate(CertificateError)
    case dial(DialError)
    case refused(GoAwayReason)
    case protocolBroken
    case noAnswer
    case badAddress
    case badToken
    case tokenFile(SystemError)
    case ownerGone
    /// Nil: until `tally resume`.
    case paused(untilMs: Int64?)
    case noLetter(DeadLetter.ID)
    case ignoreDamaged
    case ignoreFull
    case ignorePath
    case notIgnored
    /// `tally send` took nothing from this line on.
    case sendRefused(line: UInt64)
    case otlpNotLoopback

    package var description: String {
        switch self {
        case .system(let error) where error.isNoSpace:
            "the disk is full (\(error)); nothing is lost: free some space and start again"
        case .system(let error): error.description
        case .locked(let refusal): refusal.description
        case .log(.system(let error)) where error.isNoSpace:
            "the disk is full (\(error)); nothing is lost: free some space and start again"
        case .log(let error): "spool: \(error)"
        case .noHome: "neither TALLY_HOME nor HOME is set: set TALLY_HOME to a folder of your own"
        case .notConnected: "not connected to a gateway: run tally connect HOST:PORT --token TOKEN"
        case .configDamaged: "the file config in TALLY_HOME is damaged: run tally connect again"
        case .configNewer: "the file config in TALLY_HOME was written by a newer version of tally; use that version"
        case .keysDamaged: "the file keys in TALLY_HOME is damaged: restore it; without it events would count twice"
        case .spoolDamaged(let ordinal):
            "record \(ordinal) of the spool is damaged; nothing was changed: set TALLY_HOME/spool aside or restore it"
        case .stateNewer(let version):
            "the spool holds state of version \(version), written by a newer version of tally; use that version"
        case .spoolFull:
            "the spool is full (\(Limits.spoolSegmentsMax * Limits.spoolSegmentBytes >> 20) MB): sources are not read "
                + "until the gateway has taken some of it; nothing is lost"
        case .memoryTooLarge: "the memory of counted requests is over its limit; nothing is lost, nothing more is read"
        case .certificate(let error): error.description
        case .dial(let error): error.description
        case .refused(let reason): WorkstationError.text(of: reason)
        case .protocolBroken: "the gateway does not keep to the protocol: check host and port, and both versions"
        case .noAnswer: "the gateway did not answer in time: check host and port, or try again later"
        case .badAddress: "the gateway's address must be HOST:PORT"
        case .badToken: "a token begins with tg_ and has letters, digits and underscores only"
        case .tokenFile(let error): "cannot read the token: \(error)"
        case .sendRefused(let line):
            "refused from line \(line) on, nothing of it was taken: \(WorkstationError.spoolFull); send the rest again "
                + "when tally status shows room"
        case .noLetter(let id): "there is no dead letter \(id) (see tally deadletters list)"
        case .ignoreDamaged:
            "the file ignore in TALLY_HOME is damaged, so nothing is read: restore it, or remove it and run tally ignore "
                + "again for each folder"
        case .ignoreFull: "\(Limits.ignoredFoldersMax) folders are ignored already: name one above several of them"
        case .ignorePath:
            "such a path cannot be ignored: give one of at most \(Limits.ignoredPathBytesMax) bytes in UTF-8 without "
                + "control characters"
        case .notIgnored: "that folder is not ignored (see tally ignore --list)"
        case .otlpNotLoopback: "--otlp takes a loopback address with its port, such as 127.0.0.1:4318 or [::1]:4318"
        case .paused(let untilMs):
            "\(PauseMark(untilMs: untilMs).words): nothing is read or sent; tally resume ends it"
        case .ownerGone: "the running tally ended before it answered; try again"
        }
    }

    /// What a farewell means for the person at this machine.
    package static func text(of reason: GoAwayReason) -> String {
        switch reason {
        case .unauthenticated:
            "the gateway does not know this token: check it, or ask for a new one (tallygate enroll)"
        case .revoked: "this workstation's token was revoked: ask for a new one (tallygate enroll)"
        case .version, .schema: "the gateway speaks another version: update tally or tallygate"
        case .tenantUnavailable: "the tenant is not available at the gateway right now: ask its operator"
        case .superseded: "another tally took over this stream: is a copy of TALLY_HOME in use elsewhere?"
        case .overloaded: "the gateway is overloaded: try again later"
        case .storage: "the gateway's storage is not available: try again later"
        case .streamOwned: "this spool belongs to another workstation at the gateway"
        case .streamFork: "the gateway has other events under this spool's numbers: was TALLY_HOME restored or copied?"
        case .shutdown: "the gateway is shutting down: try again later"
        case .idle, .timeout: "the gateway ended the connection for want of traffic"
        case .protocol, .credit: "the gateway found a fault in what tally said: check both versions"
        }
    }
}
