import TallyIO
import TallyModel
import TallyWire

/// One workstation's end of a connection to a gateway: HELLO with a stream of its own, WELCOME, and the frames after it.
final class GatewayPeer {
    enum Phase { case opening, greeting, welcomed, ended }

    let stream: StreamID
    let connection: ClientConnection
    private(set) var phase = Phase.opening
    /// When it last sent something.
    var sentAt: Int64 = 0
    private let token: [UInt8]
    private var reader = FrameReader(side: .workstation)
    /// The beginning of a frame that has not come whole.
    private var kept: [UInt8] = []

    init(
        _ number: Int, to target: LoadTarget, token: [UInt8], stream: StreamID, _ poller: WaitingPoller
    ) throws(SystemError) {
        self.stream = stream
        self.token = token
        connection = try ClientConnection(number, to: target, poller)
        reader.phase = .open
    }

    /// Goes on with the handshake; with it done, says HELLO. Nil, or why the connection is over.
    func goOnOpening(now: Int64) -> String? {
        switch connection.goOn() {
        case .waiting: return nil
        case .failed(let reason): return reason
        case .opened:
            let chain = Chain.initial(stream)
            let hello = Hello(
                stream: stream, highestChain: chain,
                acknowledged: StreamCursor(sequence: .zero, chain: chain, totals: .zero),
                clockMs: WallClock.nowMs(), credential: .token(token))
            FrameCodec.append(.hello(hello), to: &connection.outgoing)
            phase = .greeting
            return flush(now: now)
        }
    }

    func flush(now: Int64) -> String? {
        sentAt = now
        return connection.flush()
    }

    /// Reads all that is there, through `room`; calls `hear` with each frame. Nil, or why the connection is over.
    func receive(_ room: inout [UInt8], _ hear: (Frame) -> Void) -> String? {
        // Ends with what the kernel has; a gateway sends no more than it is answered for.
        while true {
            for index in kept.indices { room[index] = kept[index] }
            switch connection.receive(into: &room, from: kept.count) {
            case .nothing: return nil
            case .finished: return "the gateway closed it"
            case .failed(let reason): return reason
            case .bytes(let count):
                let held = kept.count + count
                let used = frames(in: room.span.extracting(0..<held), hear)
                guard let used else { return "the gateway sent bytes that are no frame" }
                kept.removeAll(keepingCapacity: true)
                if used < held { kept.append(contentsOf: room[used..<held]) }
                if !connection.hasPending { return nil }
            }
        }
    }

    private func frames(in bytes: Span<UInt8>, _ hear: (Frame) -> Void) -> Int? {
        var start = 0
        while true {
            switch reader.next(in: bytes, from: start) {
            case .needMore: return start
            case .refused: return nil
            case .frame(let slice):
                guard let frame = try? FrameCodec.decode(slice, in: bytes) else { return nil }
                if case .welcome = frame { phase = .welcomed }
                hear(frame)
                start = slice.body.upperBound
            }
        }
    }

    func end() {
        phase = .ended
        connection.end()
        kept = []
    }
}
