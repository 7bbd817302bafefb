package import TallyModel
package import TallyWire

/// The workstation's side of one connection, as a value: it decides what to send and what an answer means.
///
///     ready → awaitingWelcome → comparing ⇄ probing → open → closing → ended
///
/// The uplink hands in frames, the spool's answers, `now` and random bits, and does what is returned. The
/// spool itself is behind it: the session knows sequences, chain values and credit, never events.
///
/// Invariants (`checkInvariants`): acknowledged < next; what is in flight lies in acknowledged + 1 ..< next;
/// its bytes are within the last credit granted above zero.
package struct WorkstationSession: Sendable {
    package enum Phase: Hashable, Sendable {
        case ready, awaitingWelcome, comparing, probing, open, closing, ended
    }

    package internal(set) var phase: Phase = .ready
    /// Committed at the gateway, as far as this side knows.
    package internal(set) var acknowledged = Sequence64.zero
    /// The next event to send; goes back at a REJECT.
    package internal(set) var next = Sequence64(1)
    package internal(set) var credit = Credit.paused
    package internal(set) var backedUpThrough = Sequence64.zero
    package internal(set) var generation = Generation(0)
    /// A `poison` or `relabel` is with the spool; nothing is sent until `resolved`.
    package internal(set) var isHolding = false

    var view: SpoolView
    var welcome: Welcome?
    /// As offered in the HELLO.
    var versions: ClosedRange<UInt16> = 1...1
    var schemas: ClosedRange<UInt16> = 1...1
    var isProven = true
    var search: ForkSearch?
    /// The sequence that a PROBE or `needChain` asked for, and what one side has said so far.
    var asked = Sequence64.zero
    var theirs: ChainValue?
    var ours: ChainValue?
    var clockSentMs: Int64 = 0
    var clockOffsetMs: Int64 = 0

    var flight = FlightLedger()
    var highestSent = Sequence64.zero
    var creditBytesMax: UInt32 = 0
    /// Batches that begin at or below `suspectThrough` hold at most `suspectEventsMax` events.
    var suspectThrough = Sequence64.zero
    var suspectEventsMax: UInt32 = 0
    var relabelledThrough = Sequence64.zero
    var retries = 0
    var notBefore = MonotonicInstant(nanoseconds: 0)

    var heardAt = MonotonicInstant(nanoseconds: 0)
    var pingedAt: MonotonicInstant?
    var progressedAt = MonotonicInstant(nanoseconds: 0)
    var pings = RateBudget.pings

    package init(view: SpoolView) {
        precondition(view.lowestHeld.value <= view.highest.value + 1, "a spool holds a suffix")
        self.view = view
    }

    // MARK: Opening

    /// The first frame of the connection. One in eight carries an option that no gateway knows, so that the
    /// rule to ignore it stays true.
    package mutating func hello(
        clockMs: Int64, credential: Credential, wantsAdoption: Bool = false, now: MonotonicInstant, random: UInt64
    ) -> Hello {
        precondition(phase == .ready, "one HELLO a connection")
        phase = .awaitingWelcome
        clockSentMs = clockMs
        heardAt = now
        progressedAt = now
        var hello = Hello(
            stream: view.stream, highestChain: view.highestChain, acknowledged: view.acknowledged, clockMs: clockMs,
            credential: credential)
        versions = hello.versions
        schemas = hello.schemas
        if view.lowestHeld <= view.highest {
            hello.lowestHeld = view.lowestHeld
            hello.highestHeld = view.highest
        }
        hello.storeEpoch = view.storeEpoch
        hello.wantsAdoption = wantsAdoption
        if random & 7 == 0 { hello.options = [WorkstationSession.grease(random >> 3)] }
        return hello
    }

    /// Ids 0x0A0A, 0x1A1A … 0xFAFA are never given a meaning.
    static func grease(_ random: UInt64) -> HelloOption {
        let nibble = UInt16(truncatingIfNeeded: random & 15) << 4
        let id = (nibble | 0x0A) << 8 | (nibble | 0x0A)
        let length = Int(random >> 4 & 7)
        return HelloOption(
            id: id, value: (0..<length).map { UInt8(truncatingIfNeeded: random >> (8 + 6 * UInt64($0))) })
    }

    // MARK: Frames

    /// What the frame `frame` means. `random` is any 64 random bits, for the waits that it may begin.
    package mutating func receive(_ frame: Frame, now: MonotonicInstant, random: UInt64) -> WorkstationAction {
        guard phase != .ended else { return .none }
        guard phase != .ready else { return end(.violation) }
        heardAt = now
        pingedAt = nil
        switch frame {
        case .welcome(let welcome): return phase == .awaitingWelcome ? receive(welcome) : end(.violation)
        case .chain(let sequence, let value): return receive(chain: value, at: sequence)
        case .ack(let ack): return isOpen ? receive(ack, now: now) : end(.violation)
        case .reject(let reject):
            return isOpen ? receive(reject, now: now, random: random) : end(.violation)
        case .ping(let opaque): return pings.spend(now: now) ? .send(.pong(opaque: opaque)) : end(.violation)
        case .pong: return .none
        case .goaway(let goaway): return receive(goaway)
        // ADOPTED is answered to the adoption, which is the uplink's own.
        case .adopted: return isOpen ? .none : end(.violation)
        case .hello, .batch, .skip, .probe, .close, .adopt: return end(.violation)
        }
    }

    /// Everything is acknowledged and the stream will get no more events: CLOSE. `none` while it is not.
    package mutating func close(highest: Sequence64) -> WorkstationAction {
        guard phase == .open, !isHolding, acknowledged == highest, flight.isEmpty else { return .none }
        phase = .closing
        return .send(.close(final: highest))
    }

    /// The connection broke or could not be made.
    package mutating func disconnected() -> WorkstationAction { phase == .ended ? .none : end(.lost) }

    package func checkInvariants() {
        precondition(acknowledged < next, "acknowledged < next")
        precondition(flight.bytes <= UInt64(creditBytesMax), "bytes in flight ≤ credit")
        if let newest = flight.newest { precondition(newest.last.value + 1 == next.value, "flight ends before next") }
        if let oldest = flight.oldest { precondition(oldest.last > acknowledged, "flight is not acknowledged") }
        flight.checkInvariants()
    }

    // MARK: Helpers

    var isOpen: Bool { phase == .open || phase == .closing }

    mutating func end(_ end: ConnectionEnd) -> WorkstationAction {
        phase = .ended
        flight = FlightLedger()
        next = Sequence64(acknowledged.value + 1)
        return .end(end)
    }

    private mutating func receive(_ goaway: GoAway) -> WorkstationAction {
        guard goaway.reason == .streamOwned else { return end(.goaway(goaway)) }
        _ = end(.goaway(goaway))
        return .openNewStream(after: max(acknowledged, view.acknowledged.sequence), cause: .streamOwned)
    }
}
