import TallyHash
import TallyIO
import TallyModel
import TallyWire

/// What the peers of a room are for: told what comes.
protocol PeerOwner: AnyObject {
    func welcomed(_ index: Int, _ welcome: Welcome)
    func acknowledged(_ index: Int, _ ack: Ack)
    /// Everything that had come on this connection was told; now is the time to send.
    func served(_ index: Int)
}

/// All connections of a load on one thread and one poller: opens them a few at a time, waits, hands frames on, answers
/// PINGs, and keeps account of what went wrong.
final class PeerRoom {
    /// What a load must never see; any of it makes the run a failure.
    struct Faults: Hashable, Sendable {
        var rejects = 0
        var goAways = 0
        /// Connections that ended before they were asked to, refused ones too.
        var lost = 0
        /// The first of them, in words.
        var first: String?

        var areNone: Bool { rejects == 0 && goAways == 0 && lost == 0 }

        mutating func note(_ reason: String) { if first == nil { first = reason } }
    }

    private(set) var peers: [GatewayPeer] = []
    private(set) var faults = Faults()
    private(set) var welcomed = 0
    private(set) var ended = 0
    private let poller: WaitingPoller
    private let target: LoadTarget
    private let tokens: [[UInt8]]
    private var room = [UInt8](repeating: 0, count: LoadLimits.receiveBytes)

    init(_ target: LoadTarget, tokens: [[UInt8]]) throws(LoadError) {
        self.target = target
        self.tokens = tokens
        do throws(SystemError) {
            poller = try WaitingPoller()
        } catch {
            throw .system(error)
        }
    }

    static func now() -> Int64 { MonotonicClock.nowNanoseconds() }

    /// Which token connection `index` uses.
    func line(_ index: Int) -> Int { index % tokens.count }

    // MARK: Opening

    /// Opens `count` connections, `openingsAtOnce` under way at a time, until each is welcomed or lost. Says how many
    /// are welcomed; why others are not stands in `faults`.
    func open(_ count: Int, _ owner: some PeerOwner, progress: (Int) -> Void) -> Int {
        peers.reserveCapacity(count)
        var settled = 0
        var stalledAt = PeerRoom.now() + LoadLimits.openingStallNanoseconds
        while welcomed + ended < count {
            guard beginOpening(count) else { break }
            let now = PeerRoom.now()
            if welcomed + ended > settled {
                settled = welcomed + ended
                stalledAt = now + LoadLimits.openingStallNanoseconds
                progress(welcomed)
            }
            guard now <= stalledAt else {
                faults.note("the gateway did not answer in time")
                break
            }
            turn(until: now + 100_000_000, owner)
        }
        return welcomed
    }

    /// Begins connections until enough are under way. False where the kernel gives no more.
    private func beginOpening(_ count: Int) -> Bool {
        while peers.count < count, peers.count - welcomed - ended < LoadLimits.openingsAtOnce {
            let index = peers.count
            do throws(SystemError) {
                peers.append(
                    try GatewayPeer(
                        index, to: target, token: tokens[line(index)], stream: StreamID(Bytes16(Random.bytes(16))),
                        poller))
            } catch {
                faults.note("connection \(index): \(error)")
                return false
            }
        }
        return true
    }

    // MARK: Serving

    /// Waits until something is ready or `deadline` has come, and deals with it.
    func turn(until deadline: Int64, _ owner: some PeerOwner) {
        poller.wait(atMost: deadline - PeerRoom.now()) { index, readiness in
            serve(index, readiness, owner)
        }
    }

    private func serve(_ index: Int, _ readiness: Readiness, _ owner: some PeerOwner) {
        let peer = peers[index]
        if peer.phase == .opening {
            if let reason = peer.goOnOpening(now: PeerRoom.now()) { lose(index, reason) }
            return
        }
        guard peer.phase != .ended else { return }
        if readiness.contains(.write), peer.connection.hasUnsent { flush(index) }
        guard readiness.contains(.read), peer.phase != .ended else { return }
        var last: String?
        let reason = peer.receive(&room) { frame in
            if let words = hear(frame, index, owner) { last = words }
        }
        if let reason { lose(index, last ?? reason) } else { owner.served(index) }
    }

    /// Nil, or what the gateway says as its last word.
    private func hear(_ frame: Frame, _ index: Int, _ owner: some PeerOwner) -> String? {
        switch frame {
        case .ack(let ack): owner.acknowledged(index, ack)
        case .welcome(let welcome):
            welcomed += 1
            owner.welcomed(index, welcome)
        case .ping(let opaque): FrameCodec.append(.pong(opaque: opaque), to: &peers[index].connection.outgoing)
        case .pong: break
        case .reject(let reject):
            faults.rejects += 1
            faults.note("REJECT \(reject.reason), column \(reject.field), connection \(index)")
        case .goaway(let goAway):
            faults.goAways += 1
            faults.note("GOAWAY \(goAway.reason), connection \(index)")
            return "of GOAWAY \(goAway.reason)"
        default: faults.note("a frame of no use to a load, connection \(index)")
        }
        return nil
    }

    /// Sends what connection `index` holds.
    func flush(_ index: Int) {
        if let reason = peers[index].flush(now: PeerRoom.now()) { lose(index, reason) }
    }

    /// Gives the connection up: what is wrong with it stands in `reason`.
    func lose(_ index: Int, _ reason: String) {
        guard peers[index].phase != .ended else { return }
        if peers[index].phase == .welcomed { welcomed -= 1 }
        ended += 1
        faults.lost += 1
        faults.note("connection \(index) was lost: \(reason)")
        peers[index].end()
    }

    /// Says PING on connections that have been silent for long.
    func keepAlive(now: Int64) {
        for index in peers.indices where peers[index].phase == .welcomed {
            guard now - peers[index].sentAt >= LoadLimits.pingAfterNanoseconds else { continue }
            FrameCodec.append(.ping(opaque: UInt64(index)), to: &peers[index].connection.outgoing)
            flush(index)
        }
    }

    /// Says farewell on all connections and closes them.
    func close() {
        for peer in peers where peer.phase != .ended {
            peer.connection.finishWriting()
            peer.end()
        }
    }
}
