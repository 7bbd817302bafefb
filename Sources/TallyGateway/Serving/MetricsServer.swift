import Dispatch
import Foundation
import Synchronization
import TallyHTTP
import TallyIO
import TallyModel

/// `/metrics`, `/healthz` and `/readyz` over plain HTTP, on loopback only.
///
/// One thread accepts and answers in turn, one request a connection: a scraper comes every few seconds, and neither a
/// connection that is kept open nor one that sends byte by byte may keep a health check waiting longer than `waitMs`.
final class MetricsServer: Sendable {
    private static let waitMs: CInt = 2_000
    private static let readBytesMax = 4_096
    private static let paths = ["/metrics", "/healthz", "/readyz"]

    let address: SocketAddress
    private let listener: Descriptor
    private let metrics: Metrics
    /// Sets the gauges that are looked up when asked for.
    private let prepare: @Sendable () -> Void
    private let isStopping = Atomic<Bool>(false)
    private let queue = DispatchQueue(label: "tallygate.metrics", qos: .utility)

    init(
        address: SocketAddress, metrics: Metrics, prepare: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        self.prepare = prepare
        listener = try Sockets.listen(on: address)
        self.address = try Sockets.localAddress(of: listener)
        self.metrics = metrics
    }

    func start() {
        queue.async { [self] in
            while !isStopping.load(ordering: .relaxed) {
                do throws(SystemError) {
                    guard let connection = try BlockingConnection.accept(from: listener, timeoutMs: 200) else {
                        continue
                    }
                    serve(connection)
                } catch {
                    // Out of descriptors, most likely: do not spin.
                    usleep(100_000)
                }
            }
        }
    }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
        queue.sync {}
    }

    private func serve(_ connection: borrowing BlockingConnection) {
        var buffer: [UInt8] = []
        // All that is ever read, so that it never grows and leaves no copy; then what a caller said is overwritten.
        buffer.reserveCapacity(RequestParser.headBytesMax + Self.readBytesMax + 4)
        defer { buffer.overwrite() }
        let bytes: [UInt8]
        switch read(connection, &buffer) {
        case .needsMore?, nil: return
        case .refused(let refusal)?: bytes = Response(refusal: refusal).bytes(isHead: false, keepsAlive: false)
        case .request(let request, _)?: bytes = answer(request.path).bytes(isHead: request.isHead, keepsAlive: false)
        }
        // A scraper that has gone has no use for the answer.
        try? connection.write(bytes, timeoutMs: Self.waitMs)
    }

    /// Reads until a request is whole or refused, for `waitMs` in all; nil where the peer stopped.
    private func read(
        _ connection: borrowing BlockingConnection, _ buffer: inout [UInt8]
    ) -> RequestParser.Outcome? {
        let parser = RequestParser(paths: Self.paths)
        let deadline = MonotonicClock.nowNanoseconds() + Int64(Self.waitMs) * 1_000_000
        // The parser refuses what is longer than a head may be, so this ends.
        while true {
            let outcome = parser.parse(buffer)
            guard outcome == .needsMore else { return outcome }
            let now = MonotonicClock.nowNanoseconds()
            guard now < deadline, !isStopping.load(ordering: .relaxed) else { return nil }
            let waitMs = CInt(clamping: (deadline - now) / 1_000_000 + 1)
            let isMore = try? connection.read(upTo: Self.readBytesMax, into: &buffer, timeoutMs: waitMs)
            guard isMore == true else { return nil }
        }
    }

    private func answer(_ path: String) -> Response {
        switch path {
        case "/metrics":
            prepare()
            return Response(.ok, contentType: "text/plain; version=0.0.4; charset=utf-8", body: metrics.text)
        case "/healthz": return Response(.ok, body: "ok\n")
        case "/readyz":
            guard metrics.value(.isReady) == 1 else { return Response(.unavailable, body: "not ready\n") }
            return Response(.ok, body: "ready\n")
        default: return Response(.notFound, body: "there are /metrics, /healthz and /readyz\n")
        }
    }
}
