import Dispatch
import Synchronization
import TallyHTTP
import TallyIO
import TallyModel

/// `/metrics`, `/healthz` and `/readyz` over plain HTTP, on loopback only.
///
/// One thread accepts, and answers in turn with a deadline on each wait: a scraper comes every few seconds, and one that
/// stalls costs at most `waitMs`.
final class MetricsServer: Sendable {
    private static let waitMs: CInt = 2_000
    private static let requestsPerConnectionMax = 100

    let address: SocketAddress
    private let listener: Descriptor
    private let metrics: Metrics
    private let isStopping = Atomic<Bool>(false)
    private let queue = DispatchQueue(label: "tallygate.metrics", qos: .utility)

    init(address: SocketAddress, metrics: Metrics) throws(SystemError) {
        listener = try Sockets.listen(on: address)
        self.address = try Sockets.localAddress(of: listener)
        self.metrics = metrics
    }

    func start() {
        queue.async { [self] in
            while !isStopping.load(ordering: .relaxed) {
                do throws(SystemError) {
                    guard let connection = try BlockingConnection.accept(from: listener, timeoutMs: 200) else { continue }
                    serve(connection)
                } catch {
                    // One connection's failure; the next accept tells whether it was more.
                    continue
                }
            }
        }
    }

    func stop() {
        isStopping.store(true, ordering: .relaxed)
        queue.sync {}
    }

    private func serve(_ connection: borrowing BlockingConnection) {
        let parser = RequestParser()
        var buffer: [UInt8] = []
        for _ in 0..<Self.requestsPerConnectionMax where !isStopping.load(ordering: .relaxed) {
            let outcome = read(connection, parser, &buffer)
            guard let outcome else { return }
            let reply: (bytes: [UInt8], keepsAlive: Bool)
            switch outcome {
            case .needsMore: return
            case .refused(let refusal):
                reply = (Response(refusal: refusal).bytes(isHead: false, keepsAlive: false), false)
            case .request(let request, let bytes):
                buffer.removeFirst(bytes)
                let response = answer(request.path)
                reply = (response.bytes(isHead: request.isHead, keepsAlive: request.keepsAlive), request.keepsAlive)
            }
            guard (try? connection.write(reply.bytes, timeoutMs: Self.waitMs)) != nil, reply.keepsAlive else { return }
        }
    }

    /// Reads until a request is whole or refused; nil where the peer stopped.
    private func read(
        _ connection: borrowing BlockingConnection, _ parser: RequestParser, _ buffer: inout [UInt8]
    ) -> RequestParser.Outcome? {
        // The parser refuses what is longer than a head may be, so this ends.
        while true {
            let outcome = parser.parse(buffer)
            guard outcome == .needsMore else { return outcome }
            guard (try? connection.read(upTo: 4_096, into: &buffer, timeoutMs: Self.waitMs)) == true else { return nil }
        }
    }

    private func answer(_ path: String) -> Response {
        switch path {
        case "/metrics": Response(.ok, contentType: "text/plain; version=0.0.4; charset=utf-8", body: metrics.text)
        case "/healthz": Response(.ok, body: "ok\n")
        case "/readyz":
            metrics.value(.isReady) == 1 ? Response(.ok, body: "ready\n") : Response(.unavailable, body: "not ready\n")
        default: Response(.notFound, body: "there are /metrics, /healthz and /readyz\n")
        }
    }
}
