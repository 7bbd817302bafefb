package import TallyModel
package import TallyProtocol
import TallyWire

/// Decides everything that an uplink does: when to dial, what to send, what an answer means for the spool. No
/// socket, no clock, no random source: bytes and `now` come in, actions go out (`takeActions`).
///
///     waiting ──deadline──▶ dialing ──opened──▶ connected ──▶ waiting …      stopped, for good
///
/// Drive it so: after each call take the actions and carry them out in order; while connected call `pump` when
/// something was received, when the spool has grown, when the send queue has room again and at `deadline`; while
/// waiting call `tick` at `deadline`.
///
/// `base` is what the gateway has; `cursors` are the places after each batch sent behind it, `bounds` the ends of
/// batches that must not be cut otherwise when they are sent again.
package final class UplinkCore {
    package enum Phase: Hashable, Sendable {
        case waiting(until: MonotonicInstant)
        case dialing
        /// Not yet welcomed, perhaps.
        case connected
        case stopped
    }

    /// A send queue that has less room than this takes no batch: the rest is for answers.
    package static let roomBytesMin = 2 * Limits.frameBytesMax

    package private(set) var phase = Phase.waiting(until: MonotonicInstant(nanoseconds: 0))
    package internal(set) var counts = UplinkCounts()
    /// The gateway has welcomed this connection.
    package private(set) var isOpen = false
    /// When the last frame of an open connection came.
    package private(set) var heardAt: MonotonicInstant?
    /// Protocol state of the connection; nil while there is none.
    package internal(set) var session: WorkstationSession?

    let spool: Spool
    let source: BatchSource
    let entropy: Entropy
    private let token: [UInt8]
    let tenantKey: [UInt8]
    var reconnector = Reconnector()
    private var reader = FrameReader(side: .workstation)
    private var sessionDeadline: MonotonicInstant?
    private var askedAt: MonotonicInstant?
    private var actions: [UplinkAction] = []
    /// What the send queue still takes; set by `pump`.
    var room = 0

    var base = StreamCursor(sequence: .zero, chain: ChainValue(0), totals: .zero)
    var cursors: [Sequence64: StreamCursor] = [:]
    var bounds: [Sequence64: Sequence64] = [:]
    /// What nobody holds any more: to be told before anything else, and told but not yet acknowledged.
    var trimmed: Skip?
    var trimmedSent: Skip?
    /// What of the spool may be sent; nil while there is no connection, and where nothing is in question.
    var adoption: Adoption?
    /// Nothing more is about to be spooled: questions need not be gathered any longer.
    package var isQuiet = true
    /// The stream for which a scan that began in its life has ended.
    var scannedNumber: UInt32 = 0
    var epoch = StoreEpoch(0)
    /// The earlier stream that this connection, or the next, is for; nil for the one that is written.
    var offering: UInt32?
    var offers = OfferPace()

    /// Dials at the first `tick`. `tenantKey` is the one that projects were hashed under.
    package init(spool: Spool, token: [UInt8], tenantKey: [UInt8], entropy: Entropy) {
        self.spool = spool
        self.token = token
        self.tenantKey = tenantKey
        self.entropy = entropy
        source = BatchSource(spool)
    }

    // MARK: Outputs

    /// What is to be done, in order; nothing is told twice.
    package func takeActions() -> [UplinkAction] {
        var taken: [UplinkAction] = []
        swap(&taken, &actions)
        return taken
    }

    /// When to call `tick`, and while connected `pump`, at the latest.
    package var deadline: MonotonicInstant? {
        switch phase {
        case .waiting(let until): until
        case .connected: [sessionDeadline, offerDeadline].compactMap { $0 }.min()
        case .dialing, .stopped: nil
        }
    }

    func emit(_ action: UplinkAction) {
        if case .send(let bytes) = action { room -= bytes.count }
        actions.append(action)
    }

    // MARK: Inputs

    /// Says farewell and never dials again.
    package func stop() {
        leave()
        phase = .stopped
    }

    /// The connection stands.
    package func opened(_ now: WorkstationInstant) {
        guard phase == .dialing else { return emit(.close) }
        phase = .connected
        reader = FrameReader(side: .workstation)
        reader.phase = .open
        cursors.removeAll()
        bounds.removeAll()
        trimmed = nil
        adoption = nil
        trimmedSent = nil
        let view: SpoolView
        do throws(WorkstationError) { view = try beginStream() } catch { return fail(error) }
        var session = WorkstationSession(view: view)
        let hello = session.hello(
            clockMs: now.wallMs, credential: .token(token),
            wantsAdoption: offering == nil && spool.state.adoption != .none, now: now.monotonic, random: entropy.word())
        self.session = session
        emit(.send(FrameCodec.encode(.hello(hello))))
    }

    /// Bytes came; `bytes` is everything that is not consumed yet. Returns how many bytes are consumed now.
    package func received(_ bytes: Span<UInt8>, _ now: WorkstationInstant) -> Int {
        var consumed = 0
        frames: while phase == .connected, session != nil {
            switch reader.next(in: bytes, from: consumed) {
            case .needMore: break frames
            case .refused: finish(.violation, now)
            case .frame(let slice):
                consumed = slice.body.upperBound
                do throws(FrameRefusal) {
                    take(try FrameCodec.decode(slice, in: bytes), now)
                } catch {
                    finish(.violation, now)
                }
            }
        }
        // What a finished connection still says is of no interest.
        return phase == .connected ? consumed : bytes.count
    }

    /// The connection is gone.
    package func closed(_ now: WorkstationInstant) {
        guard phase == .connected else { return }
        // There is nothing left to close.
        phase = .dialing
        finish(.lost, now)
    }

    package func dialFailed(_ problem: UplinkProblem, _ now: WorkstationInstant) {
        guard phase == .dialing else { return }
        offering = nil
        emit(.news(.interrupted(problem)))
        wait(reconnector.ended(.lost, now: now.monotonic, random: entropy.word()).after, now)
    }

    /// Dials when it is time.
    package func tick(_ now: WorkstationInstant) {
        guard case .waiting(let until) = phase, now.monotonic >= until else { return }
        dial(now)
    }

    /// Sends what may be sent and keeps the session's time. `room`: the bytes that the send queue still takes.
    package func pump(_ now: WorkstationInstant, room: Int) {
        guard phase == .connected, session != nil else { return }
        self.room = room
        do throws(WorkstationError) {
            try adopt(now)
            try sendAll(now)
        } catch {
            return fail(error)
        }
        guard let tick = session?.tick(now: now.monotonic, random: entropy.word()) else { return }
        sessionDeadline = tick.deadline.map { max($0, now.monotonic + .milliseconds(1)) }
        perform(tick.action, now)
        offerNext(now)
    }

    /// A person waits for the gateway: asks one that has been silent, and dials at once instead of waiting.
    package func askContact(_ now: WorkstationInstant) {
        let since = now.monotonic
        if let askedAt, since < askedAt + Limits.contactFresh { return }
        switch phase {
        case .waiting(let until) where until > since: dial(now)
        case .connected where isOpen:
            if let heardAt, since < heardAt + Limits.contactFresh { return }
            askedAt = since
            emit(.send(FrameCodec.encode(.ping(opaque: entropy.word()))))
        case .waiting, .connected, .dialing, .stopped: break
        }
    }

    // MARK: Helpers

    private func dial(_ now: WorkstationInstant) {
        askedAt = now.monotonic
        phase = .dialing
        emit(.dial)
    }

    private func take(_ frame: Frame, _ now: WorkstationInstant) {
        if case .reject(let reject) = frame {
            bounds[reject.first] = nil
            counts.rejects += 1
        }
        if isOpen { heardAt = now.monotonic }
        guard let action = session?.receive(frame, now: now.monotonic, random: entropy.word()) else { return }
        perform(action, now)
        if case .adopted(let answer) = frame, isOpen { take(answer, now) }
    }

    /// The gateway has let this connection in.
    func began(_ now: WorkstationInstant) {
        isOpen = true
        heardAt = now.monotonic
        counts.connections += 1
    }

    /// The connection is over, by whatever cause; dials again when it is time.
    func finish(_ end: ConnectionEnd, _ now: WorkstationInstant) {
        guard phase != .stopped else { return }
        if offering != nil { return offerEnded(end, now) }
        leave()
        let next = reconnector.ended(end, now: now.monotonic, random: entropy.word())
        emit(.news(.interrupted(UplinkProblem(end, next.notice))))
        wait(next.after, now)
    }

    /// Dials at once, for another stream: the one that was renewed, or `number` of the earlier ones.
    func restart(_ now: WorkstationInstant, offering number: UInt32? = nil) {
        leave()
        offering = number
        wait(.milliseconds(10), now)
    }

    /// The spool is of no use any more.
    func fail(_ error: WorkstationError) {
        stop()
        emit(.news(.failed(error)))
    }

    private func leave() {
        if phase == .connected { emit(.close) }
        isOpen = false
        session = nil
        sessionDeadline = nil
    }

    private func wait(_ delay: Duration, _ now: WorkstationInstant) {
        phase = .waiting(until: now.monotonic + delay)
    }
}
