import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TallyProtocol
import TallyTLS
import TallyTransport
import TallyWire

/// Who is told what the uplink meets.
protocol UplinkListener: AnyObject {
    /// The gateway said what it keeps and how it hashes projects.
    func welcomed(_ welcome: Welcome)
    /// Something was acknowledged, or set aside for good.
    func settled()
    /// A connection ended, or could not be made; it is tried again by itself.
    func interrupted(_ problem: UplinkProblem)
    /// The spool cannot be read or written.
    func failed(_ error: WorkstationError)
}

struct UplinkProblem: Hashable, Sendable {
    var text: String
    /// Waiting will not help; a person must do something.
    var needsPerson: Bool
}

/// What went over the wire since the program began.
struct UplinkCounts: Hashable, Sendable {
    var events: UInt64 = 0
    var batches: UInt64 = 0
    /// Whole BATCH frames.
    var bytes: UInt64 = 0
    var rejects: UInt64 = 0
    var skippedEvents: UInt64 = 0
}

/// Keeps a connection to the gateway and sends what the spool has: conducts dialer, channel and session, decides
/// nothing itself.
///
/// On one shard with the spool. `base` is what the gateway has; `cursors` are the places after each batch sent
/// behind it, `bounds` the ends of batches that must not be cut otherwise when they are sent again.
final class Uplink: ShardResident {
    let loop: ShardLoop
    let spool: Spool
    let enrolment: Enrolment
    private let tls: TLSClientContext
    unowned let listener: any UplinkListener
    let source: BatchSource

    private(set) var counts = UplinkCounts()
    private(set) var isOpen = false
    var session: WorkstationSession?
    var reconnector = Reconnector()
    var reader = FrameReader(side: .workstation)
    var channel: SecureChannel?
    var base = StreamCursor(sequence: .zero, chain: ChainValue(0), totals: .zero)
    var cursors: [Sequence64: StreamCursor] = [:]
    var bounds: [Sequence64: Sequence64] = [:]
    var trimmed: Skip?
    var epoch = StoreEpoch(0)
    private var reference: ShardReference<Uplink>?
    private var timer: TimerID?
    private var isStopped = false
    private var dials = 0

    init(
        _ loop: ShardLoop, _ spool: Spool, _ enrolment: Enrolment, _ listener: any UplinkListener
    ) throws(WorkstationError) {
        self.loop = loop
        self.spool = spool
        self.enrolment = enrolment
        self.listener = listener
        source = BatchSource(spool)
        do throws(CertificateError) {
            let trust = enrolment.authorities.map { TLSClientContext.Trust.authorities($0) } ?? .system
            tls = try TLSClientContext(trust: trust)
        } catch {
            throw .certificate(error)
        }
    }

    static var settings: ChannelSettings {
        ChannelSettings(
            receiveBytesMax: 2 * Limits.frameBytesMax, sendBytesMax: 1 << 20, handshakeTimeout: Limits.handshakeTimeout,
            flushTimeout: .seconds(2))
    }

    var now: MonotonicInstant { MonotonicInstant(nanoseconds: ShardLoop.nowNanoseconds) }

    // MARK: Life

    func start() {
        reference = loop.reside(self)
        dial()
    }

    /// Says farewell and never dials again.
    func stop() {
        isStopped = true
        if let timer { loop.cancel(timer) }
        timer = nil
        channel?.close(.requested)
        channel = nil
        session = nil
        isOpen = false
        if let reference { loop.leave(reference) }
        reference = nil
    }

    private func dial() {
        guard !isStopped, let reference else { return }
        dials += 1
        let number = dials
        Dialer.dial(
            enrolment.gateway, tls: tls, settings: Uplink.settings, timeout: Limits.dialTimeout, on: loop.shard,
            makeHandler: { loop in
                guard let uplink = loop.resident(reference) else { return ClosingHandler() }
                return uplink
            },
            failed: { error in
                reference.async { uplink in
                    guard uplink.dials == number, uplink.channel == nil else { return }
                    uplink.dialFailed(error)
                }
            })
    }

    private func dialFailed(_ error: DialError) {
        listener.interrupted(UplinkProblem(text: error.description, needsPerson: !error.isPassing))
        redial(reconnector.ended(.lost, now: now, random: Random.uint64()).after)
    }

    private func redial(_ delay: Duration) {
        guard !isStopped else { return }
        arm(delay) { $0.dial() }
    }

    private func arm(_ delay: Duration, _ action: @escaping (Uplink) -> Void) {
        if let timer { loop.cancel(timer) }
        timer = loop.after(delay) { [weak self] in
            guard let self else { return }
            self.timer = nil
            action(self)
        }
    }

    // MARK: Sending

    /// Sends what may be sent, and keeps the session's time.
    func pump() {
        guard channel != nil, session != nil else { return }
        do throws(WorkstationError) {
            try sendAll()
            tick()
        } catch {
            listener.failed(error)
        }
    }

    private func tick() {
        guard let tick = session?.tick(now: now, random: Random.uint64()) else { return }
        perform(tick.action)
        guard session != nil, let deadline = tick.deadline else { return }
        arm(max(deadline.since(now), .milliseconds(1))) { $0.pump() }
    }

    private func sendAll() throws(WorkstationError) {
        // Ends with credit, the spool, or a full channel: each turn sends at least one event.
        while let channel, channel.sendQueueBytes < Uplink.settings.sendBytesMax / 2,
            let request = session?.nextSend(highest: spool.durable, now: now)
        {
            guard try send(request, on: channel) else { return }
        }
    }

    private func send(_ request: SendRequest, on channel: SecureChannel) throws(WorkstationError) -> Bool {
        if let skip = trimmed, skip.first == request.first {
            trimmed = nil
            send(skip, after: spool.state.floor, on: channel)
            return true
        }
        let before = try cursor(before: request.first)
        var last = min(Sequence64(request.first.value + UInt64(request.eventsMax) - 1), spool.durable)
        if let gap = spool.state.gap(atOrAfter: request.first) {
            if gap.first == request.first {
                var walk = SpoolWalk(spool.disk)
                let after = try walk.cursor(at: gap.last, from: before, spool.state)
                counts.skippedEvents += gap.events
                send(gap.skip(chainAfter: after.chain), after: after, on: channel)
                return true
            }
            last = min(last, Sequence64(gap.first.value - 1))
        }
        if let bound = bounds[request.first] {
            guard bound <= last else { return false }
            last = bound
        }
        guard
            let made = try source.make(
                after: before, last: last, isBound: bounds[request.first] != nil,
                bodyBytesMax: Int(request.bodyBytesMax))
        else { return false }
        var bytes: [UInt8] = []
        FrameCodec.appendBatch(made.frame.header, body: made.frame.body, to: &bytes)
        session?.sent(made.frame.header, bodyBytes: made.frame.body.count, now: now)
        cursors[made.after.sequence] = made.after
        if bounds[request.first] == nil { counts.events += UInt64(made.frame.header.count) }
        bounds[request.first] = made.after.sequence
        counts.batches += 1
        counts.bytes += UInt64(bytes.count)
        return channel.send(bytes)
    }

    private func send(_ skip: Skip, after: StreamCursor, on channel: SecureChannel) {
        session?.sent(skip, now: now)
        cursors[after.sequence] = after
        bounds[skip.first] = skip.last
        channel.send(FrameCodec.encode(.skip(skip)))
    }

    /// The place in front of `sequence`.
    func cursor(before sequence: Sequence64) throws(WorkstationError) -> StreamCursor {
        let place = Sequence64(sequence.value - 1)
        if place == base.sequence { return base }
        if let known = cursors[place] { return known }
        var walk = SpoolWalk(spool.disk)
        return try walk.cursor(at: place, from: base, spool.state)
    }

    func noteReject() { counts.rejects += 1 }

    // MARK: Connection

    func began() { isOpen = true }

    /// The connection is over, by whatever cause; dials again when it is time.
    func finish(_ end: ConnectionEnd) {
        isOpen = false
        session = nil
        channel?.close(.requested)
        channel = nil
        guard !isStopped else { return }
        let next = reconnector.ended(end, now: now, random: Random.uint64())
        listener.interrupted(Uplink.problem(of: end, next.notice))
        redial(next.after)
    }

    /// Dials at once: the stream was renewed, or a person asked.
    func restart() {
        isOpen = false
        session = nil
        channel?.close(.requested)
        channel = nil
        redial(.milliseconds(10))
    }

    static func problem(of end: ConnectionEnd, _ notice: ReconnectNotice?) -> UplinkProblem {
        let text =
            switch end {
            case .goaway(let goaway): WorkstationError.text(of: goaway.reason)
            case .lost: "the connection to the gateway was lost"
            case .silence: "the gateway fell silent"
            case .noProgress: "the gateway commits nothing"
            case .diverged: "the gateway has other events under this spool's numbers"
            case .violation: WorkstationError.protocolBroken.description
            case .closed: "the stream was closed"
            }
        let needsPerson =
            switch notice {
            case .credentialRefused, .credentialRevoked, .versionsDiffer: true
            default: false
            }
        return UplinkProblem(text: text, needsPerson: needsPerson)
    }
}

/// Takes a connection that nobody waits for any more.
final class ClosingHandler: ChannelHandler {
    func opened(_ channel: SecureChannel) { channel.abort(.requested) }
    func received(_ bytes: Span<UInt8>, on channel: SecureChannel) -> Int { bytes.count }
    func closed(_ channel: SecureChannel, _ reason: CloseReason) {}
}
