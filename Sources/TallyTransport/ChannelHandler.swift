package import TallyTLS

/// The owner of a channel's meaning: gets its bytes, and is told when it ends. Lives on the channel's shard and
/// is called there only, never while one of its own calls of the channel is running, `received` excepted: it may
/// send and close from there.
package protocol ChannelHandler: AnyObject {
    /// The handshake is done: bytes may be sent. Called once, before anything else but `closed`.
    func opened(_ channel: SecureChannel)

    /// Plaintext arrived. `bytes` is everything not yet consumed, old and new, and is borrowed for the call.
    /// Returns how many bytes were consumed; the rest is kept and shown again with what follows. A handler that
    /// pauses reading is not called again before it resumes.
    func received(_ bytes: Span<UInt8>, on channel: SecureChannel) -> Int

    /// The peer will send no more, and has said so; we still may. The default closes.
    func peerFinished(_ channel: SecureChannel)

    /// The outgoing queue, which had been above `ChannelSettings.sendBytesLow`, is below it again.
    func sendQueueDrained(_ channel: SecureChannel)

    /// The channel is gone. Called exactly once, last of all, also if the handshake failed.
    func closed(_ channel: SecureChannel, _ reason: CloseReason)
}

extension ChannelHandler {
    package func peerFinished(_ channel: SecureChannel) { channel.close(.peerFinished) }
    package func sendQueueDrained(_ channel: SecureChannel) {}
}

/// Why a channel ended: closed, for the log's typed fields and the metrics' labels.
package enum CloseReason: Error, Hashable, Sendable {
    /// Our own wish.
    case requested
    /// We stop serving.
    case drained
    /// The peer said farewell.
    case peerFinished
    /// The connection was cut, or ended without a farewell.
    case reset
    /// Nothing was heard for too long, by the handler's judgement.
    case idle
    /// The handler refused what the peer said.
    case refused
    /// The handshake was not done in time.
    case handshakeTimeout
    case handshakeFailed(TLSFailure)
    /// The peer does not read, and the outgoing queue is full.
    case sendQueueFull
    /// The handler consumes nothing, and the receive buffer is full.
    case receiveBufferFull
    /// What was queued at `close` could not be sent in time.
    case flushTimeout
    case failed(TLSFailure)
    /// The kernel refused to watch the socket: its errno.
    case system(CInt)
}

/// The bounds of one channel, shared by all that begin with them.
package final class ChannelSettings: Sendable {
    /// Plaintext that may wait for the handler: at least its largest unit. Taken from the shard while in use;
    /// an idle channel holds none.
    package let receiveBytesMax: Int
    /// Plaintext that may wait for the peer.
    package let sendBytesMax: Int
    package let sendBytesLow: Int
    package let handshakeTimeout: Duration
    package let flushTimeout: Duration
    /// Read at most so much from one channel before the others of its shard get their turn.
    package let readBytesPerTurn: Int

    package init(
        receiveBytesMax: Int, sendBytesMax: Int, sendBytesLow: Int? = nil, handshakeTimeout: Duration,
        flushTimeout: Duration, readBytesPerTurn: Int = 256 << 10
    ) {
        precondition(receiveBytesMax > 0 && sendBytesMax > 0 && readBytesPerTurn > 0, "bounds are positive")
        self.receiveBytesMax = receiveBytesMax
        self.sendBytesMax = sendBytesMax
        self.sendBytesLow = sendBytesLow ?? sendBytesMax / 4
        self.handshakeTimeout = handshakeTimeout
        self.flushTimeout = flushTimeout
        self.readBytesPerTurn = readBytesPerTurn
    }
}
