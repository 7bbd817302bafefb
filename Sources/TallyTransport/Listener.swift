package import TallyIO
package import TallyTLS

/// Accepts connections on one shard and spreads them over all, in turn.
///
/// One that `ConnectionCount` turns away is accepted and closed at once: the workstation learns it now instead of waiting
/// in the kernel's queue, and backs off. So is one whose descriptor is above `descriptorsMax`: the kernel gives the lowest
/// that is free, so all others are in use, and files need some too. Without descriptors at all, whoever used them up, it
/// waits 100 ms before it accepts again.
package final class Listener: ReadyHandler {
    private static let acceptedPerTurnMax = 64
    private static let exhaustedPause: Duration = .milliseconds(100)

    package struct Service: Sendable {
        package var settings: ChannelSettings
        package var count: ConnectionCount
        /// Connections have descriptors below this.
        package var descriptorsMax: CInt
        /// The context for the next connection: asked every time, so that a renewed certificate is used at once.
        package var tls: @Sendable () -> TLSServerContext
        /// Makes the handler of one connection, on that connection's shard.
        package var makeHandler: @Sendable (ShardLoop) -> any ChannelHandler

        package init(
            settings: ChannelSettings, count: ConnectionCount, descriptorsMax: CInt = .max,
            tls: @escaping @Sendable () -> TLSServerContext,
            makeHandler: @escaping @Sendable (ShardLoop) -> any ChannelHandler
        ) {
            self.settings = settings
            self.count = count
            self.descriptorsMax = descriptorsMax
            self.tls = tls
            self.makeHandler = makeHandler
        }
    }

    /// A listener from outside: where it listens, and its end.
    package struct Handle: Sendable {
        package let address: SocketAddress
        private let reference: ShardReference<Listener>

        init(address: SocketAddress, reference: ShardReference<Listener>) {
            self.address = address
            self.reference = reference
        }

        /// Stops accepting and closes the socket, soon; connections that stand are not touched.
        package func stop() { reference.async { $0.stop() } }
    }

    private let loop: ShardLoop
    private let socketRaw: CInt
    private let shards: [Shard]
    private let service: Service
    private var next = 0
    private var watch: WatchID?
    private var reference: ShardReference<Listener>?
    private var retry: TimerID?

    private init(loop: ShardLoop, socketRaw: CInt, shards: [Shard], service: Service) {
        self.loop = loop
        self.socketRaw = socketRaw
        self.shards = shards
        self.service = service
    }

    /// Listens on `address`; accepting is the work of the first shard. Waits until it has begun: not to be
    /// called on a shard's queue.
    package static func start(
        on address: SocketAddress, shards: [Shard], service: Service
    ) throws(SystemError) -> Handle {
        guard let first = shards.first else { preconditionFailure("a listener needs a shard") }
        let socket = try Sockets.listen(on: address)
        let bound = try Sockets.localAddress(of: socket)
        let handed = Handover(socket)
        let result: Result<Handle, SystemError> = first.sync { loop in
            guard let socket = handed.take() else { preconditionFailure("taken once") }
            let listener = Listener(loop: loop, socketRaw: socket.raw, shards: shards, service: service)
            do throws(SystemError) {
                listener.watch = try loop.watch(socket, for: .read, listener)
            } catch {
                return .failure(error)
            }
            let reference = loop.reside(listener)
            listener.reference = reference
            return .success(Handle(address: bound, reference: reference))
        }
        return try result.get()
    }

    package func ready(_ readiness: Readiness) {
        for _ in 0..<Listener.acceptedPerTurnMax {
            switch Sockets.accept(from: socketRaw) {
            case .connection(let descriptor, let peer): take(descriptor, peer)
            case .none: return
            // A failing listener is retried like an exhausted one: it must not spin, and it must not die.
            case .exhausted: return pause()
            case .failed: return pause()
            }
        }
    }

    private func take(_ descriptor: consuming Descriptor, _ peer: SocketAddress) {
        guard descriptor.raw < service.descriptorsMax else { return service.count.refuse(.descriptors) }
        guard service.count.enter(peer) else { return }
        let service = self.service
        let handed = Handover(descriptor)
        let shard = shards[next]
        next = (next + 1) % shards.count
        shard.async { loop in
            guard let descriptor = handed.take() else { return }
            let handler = CountedHandler(service.makeHandler(loop), count: service.count)
            do throws(TLSFailure) {
                try SecureChannel.accept(
                    descriptor, from: peer, tls: service.tls(), settings: service.settings, on: loop, handler: handler)
            } catch {
                service.count.leave(peer)
            }
        }
    }

    private func pause() {
        guard let watch, retry == nil else { return }
        service.count.notePause()
        // If the kernel refuses even this, the next event pauses again.
        try? loop.change(watch, to: [])
        retry = loop.after(Listener.exhaustedPause) { [weak self] in
            guard let self, let watch = self.watch else { return }
            self.retry = nil
            try? self.loop.change(watch, to: .read)
        }
    }

    private func stop() {
        if let retry { loop.cancel(retry) }
        if let watch { loop.remove(watch) }
        if let reference { loop.leave(reference) }
        retry = nil
        watch = nil
        reference = nil
    }
}

extension Listener: ShardResident {}
