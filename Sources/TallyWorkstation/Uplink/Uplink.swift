import TallyIO
import TallyModel
import TallyTLS
import TallyTransport

/// The uplink's connection: carries out what `UplinkCore` decides, and tells its owner what came.
///
/// On one shard with the engine, which it speaks to through `UplinkOwner`.
final class Uplink: ShardResident {
    private let loop: ShardLoop
    private let gateway: HostPort
    private let tls: TLSClientContext
    private unowned let owner: any UplinkOwner
    private var channel: SecureChannel?
    private var reference: ShardReference<Uplink>?
    private var dials = 0

    init(_ loop: ShardLoop, _ enrolment: Enrolment, _ owner: any UplinkOwner) throws(WorkstationError) {
        self.loop = loop
        self.owner = owner
        gateway = enrolment.gateway
        do throws(CertificateError) {
            let trust = enrolment.authorities.map { TLSClientContext.Trust.authorities($0) } ?? .system
            tls = try TLSClientContext(trust: trust)
        } catch {
            throw .certificate(error)
        }
    }

    static var settings: ChannelSettings {
        ChannelSettings(
            receiveBytesMax: 2 * Limits.frameBytesMax, sendBytesMax: Limits.uplinkQueueBytesMax,
            handshakeTimeout: Limits.handshakeTimeout, flushTimeout: .seconds(2))
    }

    /// What the send queue still takes.
    var room: Int { channel.map { Limits.uplinkQueueBytesMax - $0.sendQueueBytes } ?? 0 }

    // MARK: Actions

    func dial() {
        let reference = self.reference ?? loop.reside(self)
        self.reference = reference
        dials += 1
        let number = dials
        Dialer.dial(
            gateway, tls: tls, settings: Uplink.settings, timeout: Limits.dialTimeout, on: loop.shard,
            makeHandler: { loop in
                guard let uplink = loop.resident(reference) else { return ClosingHandler() }
                return uplink
            },
            failed: { error in
                reference.async { uplink in
                    guard uplink.dials == number, uplink.channel == nil else { return }
                    uplink.owner.dialFailed(error)
                }
            })
    }

    func send(_ bytes: [UInt8]) { channel?.send(bytes) }

    func close() {
        channel?.close(.requested)
        channel = nil
    }

    /// Nothing is told any more; a dial under way ends by itself.
    func stop() {
        close()
        if let reference { loop.leave(reference) }
        reference = nil
    }
}

/// Whom the uplink's connection tells what came.
protocol UplinkOwner: AnyObject {
    func opened()
    /// Returns how many of the bytes are consumed.
    func received(_ bytes: Span<UInt8>) -> Int
    /// The send queue has room again.
    func drained()
    func closed()
    func dialFailed(_ error: DialError)
}

extension Uplink: ChannelHandler {
    func opened(_ channel: SecureChannel) {
        self.channel = channel
        owner.opened()
    }

    func received(_ bytes: Span<UInt8>, on channel: SecureChannel) -> Int {
        // What a finished connection still says is of no interest.
        guard self.channel === channel else { return bytes.count }
        return owner.received(bytes)
    }

    func sendQueueDrained(_ channel: SecureChannel) {
        if self.channel === channel { owner.drained() }
    }

    func closed(_ channel: SecureChannel, _ reason: CloseReason) {
        guard self.channel === channel else { return }
        self.channel = nil
        owner.closed()
    }
}

/// Takes a connection that nobody waits for any more.
final class ClosingHandler: ChannelHandler {
    func opened(_ channel: SecureChannel) { channel.abort(.requested) }
    func received(_ bytes: Span<UInt8>, on channel: SecureChannel) -> Int { bytes.count }
    func closed(_ channel: SecureChannel, _ reason: CloseReason) {}
}
