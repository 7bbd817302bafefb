import Synchronization
import TallyFuzzing
import TallyIO
import TallyTLS
import TallyTransport

/// The toy behind a real listener: TLS 1.3 on loopback, one shard.
final class ToyServer: Sendable {
    let authority: [UInt8]
    let address: SocketAddress
    private let listener: Listener.Handle
    private let hall: Hall

    /// The toy and the connections' numbers, for all handlers.
    final class Hall: Sendable {
        let toy: Guarded<ToyGateway>
        private let last = Guarded<Int>(0)

        init(_ toy: ToyGateway) { self.toy = Guarded(toy) }

        func next() -> Int {
            last.withLock { last in
                last += 1
                return last
            }
        }
    }

    init(_ bug: Bug?) throws {
        let nowSeconds = WallClock.nowMs() / 1_000
        let made = try CertificateAuthority.make(nowSeconds: nowSeconds)
        let hosts = Set(["127.0.0.1"].compactMap(CertificateHost.init))
        let server = try made.serverCertificate(hosts: hosts, nowSeconds: nowSeconds)
        let tls = try TLSServerContext(certificates: server.certificate, key: server.key)
        authority = made.pair.certificate
        let hall = Hall(ToyGateway(bug, token: ToyRoom.token, nowMs: WallClock.nowMs()))
        self.hall = hall
        let settings = ChannelSettings(
            receiveBytesMax: 70_000, sendBytesMax: 1 << 20, handshakeTimeout: .seconds(5), flushTimeout: .seconds(2))
        listener = try Listener.start(
            on: .v4(0x7F00_0001, port: 0), shards: [try Shard(name: "toy")],
            service: Listener.Service(
                settings: settings, count: ConnectionCount(.init(connections: 100)), tls: { tls },
                makeHandler: { _ in Guest(hall) }))
        address = listener.address
    }

    deinit { listener.stop() }

    /// One connection.
    private final class Guest: ChannelHandler {
        private let hall: Hall
        private let id: Int

        init(_ hall: Hall) {
            self.hall = hall
            id = hall.next()
        }

        func opened(_ channel: SecureChannel) {
            let id = id
            hall.toy.withLock { $0.opened(id) }
        }

        func received(_ bytes: Span<UInt8>, on channel: SecureChannel) -> Int {
            let copy = (0..<bytes.count).map { bytes[$0] }
            let id = id
            let outputs = hall.toy.withLock { $0.received(id, copy, nowMs: WallClock.nowMs()) }
            for output in outputs {
                switch output {
                case .bytes(let other, let bytes): if other == id { _ = channel.send(bytes) }
                case .close(let other): if other == id { channel.close() }
                }
            }
            return bytes.count
        }

        func closed(_ channel: SecureChannel, _ reason: CloseReason) {
            let id = id
            hall.toy.withLock { $0.gone(id) }
        }
    }
}
