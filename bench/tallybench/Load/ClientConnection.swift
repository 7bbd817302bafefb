import TallyIO
import TallyModel
import TallyTLS

/// Where a load goes: the address, and whom to find there.
struct LoadTarget: Sendable {
    let address: SocketAddress
    let host: String
    let tls: TLSClientContext

    /// Waits for the resolver where `place` has a name.
    init(
        _ place: HostPort, authoritiesFile: String, speaks application: ApplicationProtocol = .tallygate1
    ) throws(LoadError) {
        host = place.host
        do throws(ResolveError) {
            // It throws rather than find none.
            address = try Resolver.resolve(place)[0]
        } catch {
            throw .unresolved(error)
        }
        do throws(CertificateError) {
            tls = try TLSClientContext(authoritiesFile: authoritiesFile, speaks: application)
        } catch {
            throw .certificate(error)
        }
    }
}

/// One TLS connection to what is under load: connects, shakes hands, moves bytes, and never waits.
///
/// Its owner calls it when the poller says so, and appends what is to be sent to `outgoing`.
final class ClientConnection {
    enum Phase { case connecting, shaking, open, ended }

    enum Step {
        case waiting
        /// The handshake is done, just now.
        case opened
        case failed(String)
    }

    enum Received {
        /// So many bytes, at the place that was asked for.
        case bytes(Int)
        case nothing
        /// The peer has said farewell.
        case finished
        case failed(String)
    }

    private(set) var phase = Phase.connecting
    /// TLS records that carried our bytes.
    private(set) var records = 0
    var outgoing: [UInt8] = []
    private var outgoingStart = 0

    private let number: Int
    private let poller: WaitingPoller
    private let target: LoadTarget
    private let raw: CInt
    private var socket: Descriptor?
    private var session: TLSSession?
    private var interest: Readiness = [.write]

    /// Begins to connect; the poller will speak of it as `number`.
    init(_ number: Int, to target: LoadTarget, _ poller: WaitingPoller) throws(SystemError) {
        self.number = number
        self.poller = poller
        self.target = target
        let descriptor = try Sockets.connect(to: target.address)
        raw = descriptor.raw
        try poller.add(raw, as: number, interest: interest)
        socket = consume descriptor
    }

    var hasUnsent: Bool { outgoingStart < outgoing.count }

    /// Goes on with connecting and shaking hands.
    func goOn() -> Step {
        switch phase {
        case .open, .ended: return .waiting
        case .connecting:
            if let error = Sockets.connectOutcome(of: raw, to: target.address) { return fail(error.description) }
            do throws(TLSFailure) {
                session = try target.tls.session(on: raw, host: target.host)
            } catch {
                return fail(error.description)
            }
            phase = .shaking
        case .shaking: break
        }
        switch session?.handshake() {
        case .done:
            phase = .open
            watch([.read])
            return .opened
        case .wantRead: watch([.read])
        case .wantWrite: watch([.write])
        case .failed(let failure): return fail(failure.description)
        case nil: return fail("there is no TLS session")
        }
        return .waiting
    }

    private func fail(_ reason: String) -> Step {
        end()
        return .failed(reason)
    }

    /// Sends what the socket takes of `outgoing`. Nil, or why the connection is over.
    func flush() -> String? {
        guard phase == .open else { return nil }
        while outgoingStart < outgoing.count {
            switch session?.write(outgoing, from: outgoingStart, to: outgoing.count) {
            case .moved(let count):
                outgoingStart += count
                records += 1
            case .wantWrite:
                watch([.read, .write])
                return nil
            // A key update of the peer must be read first.
            case .wantRead: return nil
            case .finished, nil: return "the connection was closed"
            case .failed(let failure): return failure.description
            }
        }
        outgoing.removeAll(keepingCapacity: true)
        outgoingStart = 0
        watch([.read])
        return nil
    }

    /// Reads what is there into `room` from `offset` on.
    func receive(into room: inout [UInt8], from offset: Int) -> Received {
        switch session?.read(into: &room, from: offset, upTo: room.count) {
        case .moved(let count): return .bytes(count)
        case .wantRead, .wantWrite: return .nothing
        case .finished, nil: return .finished
        case .failed(let failure): return .failed(failure.description)
        }
    }

    /// More can be read although the kernel has told of it.
    var hasPending: Bool { session?.hasPending ?? false }

    /// TLS's farewell and the end of our direction; the peer may still speak.
    func finishWriting() {
        _ = session?.finishWriting()
        Sockets.finishWriting(raw)
    }

    func end() {
        phase = .ended
        session = nil
        // Closing takes the descriptor out of the poller.
        socket = nil
        outgoing = []
        outgoingStart = 0
    }

    private func watch(_ wanted: Readiness) {
        guard wanted != interest else { return }
        interest = wanted
        // A descriptor that was added can be changed.
        try? poller.change(raw, as: number, to: wanted)
    }
}
