/// Which lines are bounded in number (`LogLimiter` of the gateway).
extension LogEvent {
    /// Lines that a peer can cause as often as it likes: a log writes a bounded number of each and counts the rest.
    package enum RateLimited: Int, CaseIterable, Hashable, Sendable {
        case handshakeFailed, helloRefused, streamOpened, connectionClosed, batchRejected, gapRecorded, epochNotRaised

        /// Lines in `Limits.logInterval`.
        package var linesMax: Int {
            switch self {
            case .handshakeFailed, .helloRefused: Limits.logLinesOfStrangersMax
            case .streamOpened, .connectionClosed, .batchRejected, .gapRecorded, .epochNotRaised:
                Limits.logLinesOfWorkstationsMax
            }
        }

        var level: Level {
            switch self {
            case .handshakeFailed, .helloRefused, .streamOpened, .connectionClosed: .info
            case .batchRejected, .gapRecorded: .warning
            case .epochNotRaised: .error
            }
        }

        var words: StaticString {
            switch self {
            case .handshakeFailed: "handshake failed"
            case .helloRefused: "hello refused"
            case .streamOpened: "stream opened"
            case .connectionClosed: "connection closed"
            case .batchRejected: "batch rejected"
            case .gapRecorded: "gap recorded"
            case .epochNotRaised: "store epoch not raised"
            }
        }
    }

    /// Nil for what no peer can cause at will.
    package var rateLimited: RateLimited? {
        switch self {
        case .handshakeFailed: .handshakeFailed
        case .helloRefused: .helloRefused
        case .streamOpened: .streamOpened
        case .connectionClosed: .connectionClosed
        case .batchRejected: .batchRejected
        case .gapRecorded: .gapRecorded
        case .epochNotRaised: .epochNotRaised
        default: nil
        }
    }
}
