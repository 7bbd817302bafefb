import TallyIO
import TallyModel

/// One exporter's connection on the shard: conducts its `OTLPExchange`, keeps its deadlines, and asks the receiver for
/// room and for answers. It decides nothing else.
final class OTLPConnection: ReadyHandler, ShardResident {
    private static let readBytes = 64 << 10

    private let loop: ShardLoop
    private let raw: CInt
    private let receiver: OTLPReceiver
    private var exchange = OTLPExchange()
    private var watch: WatchID?
    private(set) var reference: ShardReference<OTLPConnection>?
    private var output: [UInt8] = []
    private var sent = 0
    private var isClosing = false
    /// The export that is being answered.
    private var asked: (signal: OTLPSignal, encoding: OTLPEncoding)?
    private var timer: (id: TimerID, isForRequest: Bool)?
    /// What the receiver counts as held by this connection.
    private var heldBytes = 0

    init(_ loop: ShardLoop, _ socket: consuming Descriptor, _ receiver: OTLPReceiver) throws(SystemError) {
        self.loop = loop
        self.receiver = receiver
        raw = socket.raw
        watch = try loop.watch(socket, for: .read, self)
        reference = loop.reside(self)
        arm()
    }

    func ready(_ readiness: Readiness) {
        if readiness.contains(.write) { flush() }
        guard watch != nil, !isClosing else {
            if readiness.contains(.hangup) { close() }
            return
        }
        if readiness.contains(.hangup), !exchange.isReading { return close() }
        if readiness.contains(.read), exchange.isReading { read() }
    }

    private func read() {
        var room = loop.takeScratch(count: Self.readBytes)
        defer { loop.returnScratch(room) }
        guard let count = Sockets.read(raw, into: &room) else { return close() }
        guard count > 0 else { return }
        exchange.feed(room.span.extracting(0..<count))
        guard hold(exchange.heldBytes) else { return say(.crowded) }
        advance()
    }

    private func advance() {
        while watch != nil, !isClosing {
            switch exchange.next() {
            case .needsMore:
                _ = hold(exchange.heldBytes)
                arm()
                return update()
            case .goOn:
                output += OTLPAnswer.goOn
                flush()
            case .refused(let answer): return say(answer)
            case .request(let request):
                asked = (request.signal, request.encoding)
                arm()
                update()
                return ask(request)
            }
        }
    }

    private func ask(_ request: OTLPRequest) {
        guard let reference else { return }
        receiver.take(request) { outcome in
            reference.async { connection in connection.answer(outcome) }
        }
    }

    private func answer(_ outcome: OTLPOutcome) {
        guard let (signal, encoding) = asked, watch != nil else { return }
        asked = nil
        // The next request, which may be here already, has a time of its own.
        if let timer { loop.cancel(timer.id) }
        timer = nil
        exchange.answered()
        _ = hold(exchange.heldBytes)
        let answer = OTLPAnswer(outcome, signal, encoding)
        output += answer.bytes(keepsAlive: exchange.keepsAlive)
        isClosing = !exchange.keepsAlive
        flush()
        advance()
        if watch != nil, timer == nil { arm() }
    }

    /// The last word.
    private func say(_ answer: OTLPAnswer) {
        exchange.end()
        _ = hold(0)
        output += answer.bytes(keepsAlive: false)
        isClosing = true
        flush()
    }

    private func flush() {
        while sent < output.count {
            guard let count = Sockets.write(raw, output, from: sent) else { return close() }
            guard count > 0 else { break }
            sent += count
        }
        if sent == output.count {
            output.removeAll(keepingCapacity: true)
            sent = 0
            if isClosing { return close() }
        }
        update()
    }

    private func update() {
        guard let watch else { return }
        var interest: Readiness = []
        if exchange.isReading, !isClosing { interest.insert(.read) }
        if sent < output.count { interest.insert(.write) }
        do throws(SystemError) { try loop.change(watch, to: interest) } catch { close() }
    }

    // MARK: Bounds

    /// Tells the receiver how much is held here; false where there is no room for it.
    private func hold(_ bytes: Int) -> Bool {
        guard receiver.hold(bytes - heldBytes) else { return false }
        heldBytes = bytes
        return true
    }

    /// One deadline for the whole of a request and its answer, which byte after byte does not move; a longer one for rest.
    private func arm() {
        let isForRequest = exchange.isWithin || asked != nil
        if let timer {
            guard timer.isForRequest != isForRequest else { return }
            loop.cancel(timer.id)
        }
        let limit = isForRequest ? Limits.otlpRequestTimeout : Limits.otlpIdleTimeout
        let id = loop.after(limit) { [weak self] in self?.expired(isForRequest) }
        timer = (id, isForRequest)
    }

    private func expired(_ isForRequest: Bool) {
        timer = nil
        if isForRequest, exchange.isReading, !isClosing { say(.late) } else { close() }
        if watch != nil { arm() }
    }

    func close() {
        guard let watch else { return }
        self.watch = nil
        exchange.end()
        _ = hold(0)
        if let timer { loop.cancel(timer.id) }
        timer = nil
        loop.remove(watch)
        if let reference {
            loop.leave(reference)
            receiver.left(reference)
        }
        reference = nil
    }
}
