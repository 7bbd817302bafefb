package import TallyIO
import TallyModel

/// Listens for exports on a loopback address: accepts, bounds how many connections there are and how much they hold
/// together, and hands whole exports to whoever counts.
package final class OTLPReceiver: ReadyHandler, ShardResident {
    /// Takes an export and answers, on any queue, once.
    package typealias Taker = @Sendable (OTLPRequest, @escaping @Sendable (OTLPOutcome) -> Void) -> Void

    private static let acceptedPerTurnMax = 16
    private static let exhaustedPause: Duration = .milliseconds(100)

    private let loop: ShardLoop
    private let raw: CInt
    private let taker: Taker
    private var watch: WatchID?
    private var retry: TimerID?
    private var reference: ShardReference<OTLPReceiver>?
    private var connections: Set<ShardReference<OTLPConnection>> = []
    private var heldBytes = 0

    /// A receiver from outside: where it listens, and its end.
    package struct Handle: Sendable {
        package let address: SocketAddress
        fileprivate let reference: ShardReference<OTLPReceiver>

        /// Closes the socket and all connections, and waits until it is done. Not from the shard's queue.
        package func stop() {
            let reference = self.reference
            reference.shard.sync { $0.resident(reference)?.stop() }
        }
    }

    private init(_ loop: ShardLoop, _ raw: CInt, _ taker: @escaping Taker) {
        self.loop = loop
        self.raw = raw
        self.taker = taker
    }

    /// Listens on `address`, which must be of this machine alone.
    package static func start(
        on address: SocketAddress, _ shard: Shard, _ taker: @escaping Taker
    ) throws(WorkstationError) -> Handle {
        guard address.isLoopback else { throw .otlpNotLoopback }
        let started = shard.sync { loop -> Result<Handle, WorkstationError> in
            do throws(SystemError) {
                let socket = try Sockets.listen(on: address)
                let bound = try Sockets.localAddress(of: socket)
                let receiver = OTLPReceiver(loop, socket.raw, taker)
                receiver.watch = try loop.watch(socket, for: .read, receiver)
                let reference = loop.reside(receiver)
                receiver.reference = reference
                return .success(Handle(address: bound, reference: reference))
            } catch {
                return .failure(.system(error))
            }
        }
        return try started.get()
    }

    package func ready(_ readiness: Readiness) {
        for _ in 0..<Self.acceptedPerTurnMax {
            switch Sockets.accept(from: raw) {
            case .connection(let socket, _): admit(socket)
            case .none: return
            // A failing listener is tried again: it must not spin, and it must not die.
            case .exhausted: return pause()
            case .failed: return pause()
            }
        }
    }

    private func admit(_ socket: consuming Descriptor) {
        guard connections.count < Limits.otlpConnectionsMax else {
            // The kernel takes these few bytes; whoever does not read them learns it by the end.
            _ = Sockets.write(socket.raw, OTLPAnswer.crowded.bytes(keepsAlive: false), from: 0)
            return
        }
        do throws(SystemError) {
            let connection = try OTLPConnection(loop, socket, self)
            if let reference = connection.reference { connections.insert(reference) }
        } catch {
            pause()
        }
    }

    private func pause() {
        guard let watch, retry == nil else { return }
        try? loop.change(watch, to: [])
        retry = loop.after(Self.exhaustedPause) { [weak self] in
            guard let self, let watch = self.watch else { return }
            self.retry = nil
            try? self.loop.change(watch, to: .read)
        }
    }

    private func stop() {
        if let retry { loop.cancel(retry) }
        retry = nil
        if let watch { loop.remove(watch) }
        watch = nil
        for connection in connections { loop.resident(connection)?.close() }
        if let reference { loop.leave(reference) }
        reference = nil
    }

    // MARK: For its connections

    func take(_ request: OTLPRequest, _ answer: @escaping @Sendable (OTLPOutcome) -> Void) { taker(request, answer) }

    /// Counts bytes that a connection holds more, or fewer; false, and not counted, where that is too much in all.
    func hold(_ bytes: Int) -> Bool {
        guard bytes <= 0 || heldBytes + bytes <= Limits.otlpHeldBytesMax else { return false }
        heldBytes += bytes
        return true
    }

    func left(_ connection: ShardReference<OTLPConnection>) { connections.remove(connection) }
}
