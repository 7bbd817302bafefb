import TallyTransport

extension CloseReason {
    /// For the log: our words, nothing of the peer's.
    var word: StaticString {
        switch self {
        case .requested: "requested"
        case .drained: "drained"
        case .peerFinished: "peer finished"
        case .reset: "reset"
        case .idle: "idle"
        case .refused: "refused"
        case .handshakeTimeout: "handshake timeout"
        case .handshakeFailed: "handshake failed"
        case .sendQueueFull: "peer does not read"
        case .receiveBufferFull: "receive buffer full"
        case .flushTimeout: "flush timeout"
        case .failed: "TLS failed"
        case .system: "system error"
        }
    }
}
