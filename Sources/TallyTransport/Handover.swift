import Synchronization
import TallyIO

/// A descriptor on its way to another queue: taken once, and closed if it never is.
final class Handover: Sendable {
    private let slot: Guarded<Descriptor?>

    init(_ descriptor: consuming Descriptor) { slot = Guarded(descriptor) }

    func take() -> Descriptor? {
        slot.withLock { $0.take() }
    }
}

/// Takes a connection out of the count when it ends; everything else goes to the real handler.
final class CountedHandler: ChannelHandler {
    private let inner: any ChannelHandler
    private let count: ConnectionCount

    init(_ inner: any ChannelHandler, count: ConnectionCount) {
        self.inner = inner
        self.count = count
    }

    func opened(_ channel: SecureChannel) { inner.opened(channel) }
    func received(_ bytes: Span<UInt8>, on channel: SecureChannel) -> Int { inner.received(bytes, on: channel) }
    func peerFinished(_ channel: SecureChannel) { inner.peerFinished(channel) }
    func sendQueueDrained(_ channel: SecureChannel) { inner.sendQueueDrained(channel) }
    func closed(_ channel: SecureChannel, _ reason: CloseReason) {
        count.leave(channel.peer)
        inner.closed(channel, reason)
    }
}
