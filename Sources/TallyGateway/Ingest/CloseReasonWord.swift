import TallyTLS
import TallyTransport

/// For the log: our words, nothing of the peer's.
extension CloseReason {
    /// Why a connection ended before it was open.
    var handshakeText: String {
        switch self {
        case .handshakeFailed(let failure), .failed(let failure): failure.description
        default: "\(word)"
        }
    }

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
