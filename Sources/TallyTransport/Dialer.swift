package import TallyIO
package import TallyModel
package import TallyTLS

/// Why a gateway could not be reached: closed, so that the workstation can say what to do and whether trying
/// again can help.
package enum DialError: Error, Hashable, Sendable, CustomStringConvertible {
    case unresolved(ResolveError)
    /// Nothing listens there.
    case refused(SocketAddress)
    case unreachable(SocketAddress)
    /// No answer in time, for the whole of it: addresses tried, connection and handshake.
    case timedOut(HostPort)
    case tls(TLSFailure, SocketAddress)
    case system(SystemError)

    package var description: String {
        switch self {
        case .unresolved(let error): error.description
        case .refused(let address): "nothing listens on \(address): start the gateway, or check host and port"
        case .unreachable(let address): "there is no way to \(address): check the network"
        case .timedOut(let target): "\(target) did not answer in time"
        case .tls(let failure, let address): "\(address): \(failure.description)"
        case .system(let error): error.description
        }
    }

    /// Whether the same attempt may succeed later without anybody changing the configuration.
    package var isPassing: Bool {
        switch self {
        case .unresolved, .refused, .unreachable, .timedOut, .system: true
        case .tls(let failure, _):
            switch failure {
            case .hungUp, .reset, .system, .noSession: true
            default: false
            }
        }
    }
}

/// Connects to a gateway: finds its addresses, tries them in order, shakes hands.
package enum Dialer {
    /// Reaches `target` from `shard` within `timeout`. On the shard's queue, exactly one of the two is called,
    /// once: `makeHandler`, and then `opened` of what it made; or `failed`.
    ///
    /// An address that cannot be reached makes room for the next one; a TLS failure is final, because the
    /// gateway was reached and something is wrong.
    package static func dial(
        _ target: HostPort, tls: TLSClientContext, settings: ChannelSettings, timeout: Duration, on shard: Shard,
        makeHandler: @escaping @Sendable (ShardLoop) -> any ChannelHandler,
        failed: @escaping @Sendable (DialError) -> Void
    ) {
        shard.async { loop in
            let attempt = DialAttempt(
                target: target, tls: tls, settings: settings, loop: loop, makeHandler: makeHandler, failed: failed)
            attempt.begin(timeout: timeout)
        }
    }
}

/// One dial on its shard: resolving, connecting, shaking hands.
final class DialAttempt: ReadyHandler, ShardResident {
    private let target: HostPort
    private let tls: TLSClientContext
    private let settings: ChannelSettings
    private let loop: ShardLoop
    private let makeHandler: (ShardLoop) -> any ChannelHandler
    private let failed: (DialError) -> Void

    private var remaining: [SocketAddress] = []
    private var current: SocketAddress?
    private var watch: WatchID?
    private var raw: CInt = -1
    private var channel: SecureChannel?
    private var deadline: TimerID?
    private var reference: ShardReference<DialAttempt>?
    private var lastError: DialError
    private var isOver = false

    init(
        target: HostPort, tls: TLSClientContext, settings: ChannelSettings, loop: ShardLoop,
        makeHandler: @escaping (ShardLoop) -> any ChannelHandler, failed: @escaping (DialError) -> Void
    ) {
        self.target = target
        self.tls = tls
        self.settings = settings
        self.loop = loop
        self.makeHandler = makeHandler
        self.failed = failed
        lastError = .timedOut(target)
    }

    func begin(timeout: Duration) {
        deadline = loop.after(timeout) { [weak self] in self?.timedOut() }
        if let literal = SocketAddress(literal: target) {
            remaining = [literal]
            keepAlive()
            return tryNext()
        }
        let reference = keepAlive()
        Resolver.resolve(target, on: loop.shard) { result, loop in
            loop.resident(reference)?.resolved(result)
        }
    }

    /// The loop holds the attempt until it is over.
    @discardableResult
    private func keepAlive() -> ShardReference<DialAttempt> {
        let reference = loop.reside(self)
        self.reference = reference
        return reference
    }

    private func resolved(_ result: Result<[SocketAddress], ResolveError>) {
        switch result {
        case .success(let addresses):
            remaining = addresses
            tryNext()
        case .failure(let error): finish(.unresolved(error))
        }
    }

    private func tryNext() {
        // At most as many passes as there are addresses.
        while !remaining.isEmpty {
            let address = remaining.removeFirst()
            current = address
            do throws(SystemError) {
                let socket = try Sockets.connect(to: address)
                raw = socket.raw
                watch = try loop.watch(socket, for: .write, self)
                return
            } catch {
                lastError = DialAttempt.meaning(of: error, address)
            }
        }
        finish(lastError)
    }

    func ready(_ readiness: Readiness) {
        guard !isOver, channel == nil, let watch, let address = current else { return }
        if let error = Sockets.connectOutcome(of: raw, to: address) {
            lastError = DialAttempt.meaning(of: error, address)
            loop.remove(watch)
            self.watch = nil
            return tryNext()
        }
        // The channel owns the watch from here.
        self.watch = nil
        do throws(TLSFailure) {
            channel = try SecureChannel.connect(
                watch, raw: raw, to: address, host: target.host, tls: tls, settings: settings, on: loop, handler: self)
        } catch {
            loop.remove(watch)
            finish(.tls(error, address))
        }
    }

    private func timedOut() {
        deadline = nil
        guard let channel else { return finish(.timedOut(target)) }
        channel.abort(.handshakeTimeout)
    }

    /// Ends without a connection.
    private func finish(_ error: DialError) {
        guard !isOver else { return }
        cleanUp()
        failed(error)
    }

    private func cleanUp() {
        isOver = true
        if let deadline { loop.cancel(deadline) }
        deadline = nil
        if let watch { loop.remove(watch) }
        watch = nil
        if let reference { loop.leave(reference) }
        reference = nil
        channel = nil
    }

    private static func meaning(of error: SystemError, _ address: SocketAddress) -> DialError {
        if error.isRefused { return .refused(address) }
        if error.isUnreachable || error.isTimedOut { return .unreachable(address) }
        return .system(error)
    }
}

extension DialAttempt: ChannelHandler {
    func opened(_ channel: SecureChannel) {
        guard !isOver else { return channel.abort(.requested) }
        cleanUp()
        let handler = makeHandler(loop)
        channel.hand(over: handler)
        handler.opened(channel)
    }

    func received(_ bytes: Span<UInt8>, on channel: SecureChannel) -> Int { 0 }

    func closed(_ channel: SecureChannel, _ reason: CloseReason) {
        switch reason {
        case .handshakeFailed(let failure): finish(.tls(failure, channel.peer))
        case .system(let number): finish(.system(SystemError("watch", "\(channel.peer)", number: number)))
        default: finish(.timedOut(target))
        }
    }
}
