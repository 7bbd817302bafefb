import Dispatch
import Foundation
import Synchronization
import TallyIO
import TallyModel
import TallyTLS
import TallyTransport

/// Values that handlers leave for the test, and a wait for them.
///
/// Every access also goes through a queue: the thread sanitizer does not see a Mutex lock.
final class Log<Entry: Sendable>: Sendable {
    private let entries = Guarded<[Entry]>([])
    private let queue = DispatchQueue(label: "tally.tests.log")
    private let changed = DispatchSemaphore(value: 0)

    func add(_ entry: Entry) {
        queue.sync { entries.withLock { $0.append(entry) } }
        changed.signal()
    }

    var all: [Entry] { queue.sync { entries.withLock { $0 } } }

    /// What there is once `count` entries came, or after `seconds`.
    func wait(for count: Int = 1, seconds: Double = 60) -> [Entry] {
        let deadline = DispatchTime.now() + seconds
        while all.count < count {
            if changed.wait(timeout: deadline) == .timedOut { break }
        }
        return all
    }
}

/// A certificate authority and what it issued, made once for all tests.
struct Trust: Sendable {
    let authority: CertificateAuthority
    let server: CertificatePair
    let tls: TLSServerContext

    static let hosts: Set<CertificateHost> = Set(["localhost", "127.0.0.1", "::1"].compactMap(CertificateHost.init))
    static var now: Int64 { Int64(Date().timeIntervalSince1970) }

    init(hosts: Set<CertificateHost> = Trust.hosts, nowSeconds: Int64 = Trust.now, days: Int = 90) throws {
        authority = try CertificateAuthority.make(nowSeconds: nowSeconds)
        server = try authority.serverCertificate(hosts: hosts, nowSeconds: nowSeconds, days: days)
        tls = try TLSServerContext(certificates: server.certificate, key: server.key)
    }

    func client() throws -> TLSClientContext {
        try TLSClientContext(trust: .authorities(authority.pair.certificate))
    }
}

/// What one end of a connection saw.
enum Seen: Hashable, Sendable {
    case opened
    case peerFinished
    case closed(CloseReason)
    case failed(DialError)
}

/// A handler made of closures; it consumes everything unless told otherwise.
final class Scripted: ChannelHandler, ShardResident {
    let log: Log<Seen>
    var channel: SecureChannel?
    var onOpened: (SecureChannel) -> Void = { _ in }
    var onReceived: (Span<UInt8>, SecureChannel) -> Int = { bytes, _ in bytes.count }
    var onDrained: (SecureChannel) -> Void = { _ in }
    var onPeerFinished: (SecureChannel) -> Void = { $0.close(.peerFinished) }

    init(_ log: Log<Seen>) { self.log = log }

    func opened(_ channel: SecureChannel) {
        self.channel = channel
        log.add(.opened)
        onOpened(channel)
    }
    func received(_ bytes: Span<UInt8>, on channel: SecureChannel) -> Int { onReceived(bytes, channel) }
    func peerFinished(_ channel: SecureChannel) {
        log.add(.peerFinished)
        onPeerFinished(channel)
    }
    func sendQueueDrained(_ channel: SecureChannel) { onDrained(channel) }
    func closed(_ channel: SecureChannel, _ reason: CloseReason) {
        log.add(.closed(reason))
        self.channel = nil
    }

    /// Sends back what comes.
    static func echo(_ log: Log<Seen>) -> Scripted {
        let handler = Scripted(log)
        handler.onReceived = { bytes, channel in
            channel.send(bytes)
            return bytes.count
        }
        return handler
    }
}

/// A listener on loopback with its shards, and a shard to dial from.
struct Rig: Sendable {
    let trust: Trust
    let shards: [Shard]
    let clientShard: Shard
    let listener: Listener.Handle
    let count: ConnectionCount
    let serverLog = Log<Seen>()
    var settings: ChannelSettings

    static let settings = settings()

    static func settings(
        sendBytesMax: Int = 1 << 20, sendBytesLow: Int? = nil, handshakeTimeout: Duration = .seconds(5)
    ) -> ChannelSettings {
        ChannelSettings(
            receiveBytesMax: 70_000, sendBytesMax: sendBytesMax, sendBytesLow: sendBytesLow,
            handshakeTimeout: handshakeTimeout, flushTimeout: .seconds(2))
    }

    init(
        _ kind: PollerKind = .preferred, trust: Trust? = nil, settings: ChannelSettings = Rig.settings,
        connectionsMax: Int = 1_000, bounds: ConnectionAdmission.Bounds? = nil, descriptorsMax: CInt = .max,
        serve: @escaping @Sendable (Log<Seen>) -> Scripted = Scripted.echo
    ) throws {
        let trust = try trust ?? Trust()
        self.trust = trust
        self.settings = settings
        shards = [try Shard(name: "a", poller: kind), try Shard(name: "b", poller: kind)]
        clientShard = try Shard(name: "client", poller: kind)
        count = ConnectionCount(bounds ?? .init(connections: connectionsMax))
        let log = serverLog
        listener = try Listener.start(
            on: .v4(0x7F00_0001, port: 0), shards: shards,
            service: Listener.Service(
                settings: settings, count: count, descriptorsMax: descriptorsMax, tls: { trust.tls },
                makeHandler: { _ in serve(log) }))
    }

    var target: HostPort { HostPort(host: "127.0.0.1", port: listener.address.port) ?? Rig.nowhere }
    static let nowhere: HostPort = {
        guard let target = HostPort("127.0.0.1:1") else { preconditionFailure("a literal") }
        return target
    }()

    /// Dials, and returns the client's log.
    @discardableResult
    func dial(
        _ target: HostPort? = nil, tls: TLSClientContext? = nil, timeout: Duration = .seconds(10),
        settings: ChannelSettings? = nil, log: Log<Seen> = Log(),
        prepare: @escaping @Sendable (Scripted, ShardLoop) -> Void = { _, _ in }
    ) throws -> Log<Seen> {
        Dialer.dial(
            target ?? self.target, tls: try tls ?? trust.client(), settings: settings ?? self.settings,
            timeout: timeout, on: clientShard,
            makeHandler: { loop in
                let handler = Scripted(log)
                prepare(handler, loop)
                return handler
            },
            failed: { log.add(.failed($0)) })
        return log
    }
}

/// Reproducible bytes.
func pattern(_ count: Int, seed: UInt64) -> [UInt8] {
    var state = seed | 1
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 56)
    }
}

/// How many descriptors this process has open. Other tests run beside, so only a large difference says anything.
func openDescriptors() throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
}

/// Waits until `condition` holds, at most `seconds`.
func eventually(seconds: Double = 60, _ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = Date().addingTimeInterval(seconds)
    while Date() < deadline {
        if try condition() { return true }
        usleep(5_000)
    }
    return try condition()
}
