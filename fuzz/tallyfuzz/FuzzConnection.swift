import TallyFuzzing
import TallyIO
import TallyModel
import TallyTLS

/// Where the gateway is, and whom to find there.
struct FuzzTarget: Sendable {
    let address: SocketAddress
    let host: String
    let tls: TLSClientContext
    /// The same authority, and another application protocol to offer.
    let foreign: TLSClientContext

    init(address: SocketAddress, host: String, tls: TLSClientContext, foreign: TLSClientContext) {
        self.address = address
        self.host = host
        self.tls = tls
        self.foreign = foreign
    }

    init(_ place: HostPort, authoritiesFile: String) throws(FuzzError) {
        host = place.host
        do throws(ResolveError) {
            // It throws rather than find none.
            address = try Resolver.resolve(place)[0]
        } catch {
            throw .unresolved(error)
        }
        do throws(CertificateError) {
            tls = try TLSClientContext(authoritiesFile: authoritiesFile)
            foreign = try TLSClientContext(authoritiesFile: authoritiesFile, speaks: .http11)
        } catch {
            throw .certificate(error)
        }
    }
}

/// One connection of a case, with TLS or without: connects, shakes hands, moves bytes, never waits.
///
/// What a case sends in one piece goes out as one TLS record at least, so that a frame in many pieces arrives in many.
final class FuzzConnection {
    enum Event {
        case opened
        case refused(String)
        case received(ArraySlice<UInt8>)
        case ended
    }

    private enum Phase { case connecting, shaking, open, ended }

    private static let roomBytes = 64 << 10

    private let number: Int
    private let opening: Opening
    private let target: FuzzTarget
    private let poller: WaitingPoller
    private let raw: CInt
    private var socket: Descriptor?
    private var session: TLSSession?
    private var phase = Phase.connecting
    private var interest: Readiness = [.write]
    /// Pieces that wait, the first of them perhaps in part.
    private var pieces: [[UInt8]] = []
    private var pieceStart = 0
    /// A write failed: what the gateway said before is still to be read.
    private var isDeaf = false

    init(_ number: Int, _ opening: Opening, to target: FuzzTarget, _ poller: WaitingPoller) throws(SystemError) {
        self.number = number
        self.opening = opening
        self.target = target
        self.poller = poller
        let descriptor = try Sockets.connect(to: target.address)
        raw = descriptor.raw
        try poller.add(raw, as: number, interest: interest)
        socket = consume descriptor
    }

    func send(_ bytes: [UInt8]) {
        pieces.append(bytes)
        if phase == .open { flush() }
    }

    /// Hangs up without TLS's farewell, as a program that dies does.
    func end() {
        phase = .ended
        session = nil
        // Closing takes the descriptor out of the poller.
        socket = nil
        pieces = []
    }

    func ready(_ readiness: Readiness, _ room: inout [UInt8], _ hear: (Event) -> Void) {
        if phase == .connecting {
            if let error = Sockets.connectOutcome(of: raw, to: target.address) {
                return refuse(error.description, hear)
            }
            guard opening != .plain else { return begin(hear) }
            do throws(TLSFailure) {
                let context = opening == .foreign ? target.foreign : target.tls
                session = try context.session(on: raw, host: target.host)
            } catch {
                return refuse(error.description, hear)
            }
            phase = .shaking
        }
        if phase == .shaking { shake(hear) }
        guard phase == .open else { return }
        if readiness.contains(.read) || readiness.contains(.hangup) { receive(&room, hear) }
        if phase == .open, readiness.contains(.write) { flush() }
    }

    private func shake(_ hear: (Event) -> Void) {
        switch session?.handshake() {
        case .done: begin(hear)
        case .wantRead: watch([.read])
        case .wantWrite: watch([.write])
        case .failed(let failure): refuse(failure.description, hear)
        case nil: refuse("there is no TLS session", hear)
        }
    }

    private func begin(_ hear: (Event) -> Void) {
        phase = .open
        watch([.read])
        hear(.opened)
        if phase == .open { flush() }
    }

    private func refuse(_ reason: String, _ hear: (Event) -> Void) {
        end()
        hear(.refused(reason))
    }

    // MARK: Bytes

    private func flush() {
        while let piece = pieces.first, !isDeaf {
            let move: TLSMove? =
                opening == .plain ? writePlain(piece) : session?.write(piece, from: pieceStart, to: piece.count)
            switch move {
            case .moved(let count):
                pieceStart += count
                guard pieceStart == piece.count else { continue }
                pieces.removeFirst()
                pieceStart = 0
            case .wantWrite: return watch([.read, .write])
            case .wantRead: return
            case .finished, .failed, nil: isDeaf = true
            }
        }
        watch([.read])
    }

    private func writePlain(_ piece: [UInt8]) -> TLSMove {
        switch Sockets.write(raw, piece, from: pieceStart) {
        case let count? where count > 0: .moved(count)
        case _?: .wantWrite
        case nil: .finished
        }
    }

    private func receive(_ room: inout [UInt8], _ hear: (Event) -> Void) {
        // Ends with what the kernel has.
        while phase == .open {
            let move: TLSMove? =
                opening == .plain ? readPlain(&room) : session?.read(into: &room, from: 0, upTo: room.count)
            switch move {
            case .moved(let count):
                hear(.received(room[..<count]))
                if opening == .plain || session?.hasPending != true { return }
            case .wantRead, .wantWrite: return
            case .finished, .failed, nil:
                end()
                return hear(.ended)
            }
        }
    }

    private func readPlain(_ room: inout [UInt8]) -> TLSMove {
        switch Sockets.read(raw, into: &room) {
        case let count? where count > 0: .moved(count)
        case _?: .wantRead
        case nil: .finished
        }
    }

    private func watch(_ wanted: Readiness) {
        guard wanted != interest else { return }
        interest = wanted
        // A descriptor that was added can be changed.
        try? poller.change(raw, as: number, to: wanted)
    }

    static func room() -> [UInt8] { [UInt8](repeating: 0, count: roomBytes) }
}
