package import TallyModel
package import TallyWire

/// The gateway's side of one connection, as a value: it decides and never waits, reads or writes.
///
///     awaitingHello → authenticating → claiming → open → draining → closed
///
/// The conductor tells it of every frame (`receive`, `batch`, `skip`, `probe` …) and of everything that
/// happened behind it (`authenticated`, `claimed`, `accepted`, `refused`, `committed` …), and does what is
/// returned. `now` comes in as an argument. An accepted batch allocates nothing.
///
/// Two cursors, never mixed: *accepted* is what this connection has handed to the appender, *committed* is on
/// stable storage. Invariants (`checkInvariants`): committed ≤ accepted; what is in flight is exactly the
/// range between them; its bytes are within the largest credit granted; the right edge that a workstation was
/// told never moves left except to a pause.
package struct GatewaySession: Sendable {
    package enum Phase: Hashable, Sendable, CaseIterable {
        case awaitingHello, authenticating, claiming, open, draining, closed
    }

    /// A sequence and the chain value after it.
    package struct Cursor: Hashable, Sendable {
        package var sequence: Sequence64
        package var chain: ChainValue
        package init(sequence: Sequence64, chain: ChainValue) {
            self.sequence = sequence
            self.chain = chain
        }
    }

    package internal(set) var phase: Phase = .awaitingHello
    /// Handed to the appender.
    package internal(set) var accepted = Cursor(sequence: .zero, chain: ChainValue(0))
    /// On stable storage.
    package internal(set) var committed = Cursor(sequence: .zero, chain: ChainValue(0))
    /// The workstation's stream, once its credential is known to be good.
    package private(set) var stream: StreamID?
    package internal(set) var generation = Generation(0)
    package internal(set) var isPaused = false
    /// The workstation's own events differ from the committed ones: nothing is taken, PROBE is answered.
    package internal(set) var isForked = false

    let offer: GatewayOffer
    /// The HELLO from when its credential is known to be good until the WELCOME, without that credential.
    /// Apart from the session, which is long without it.
    var greeting: Greeting?
    /// What the workstation may have in flight while it is not paused.
    var window = Credit.paused
    /// The furthest sequence that any WELCOME or ACK has allowed, and the most bytes.
    var edge = Sequence64.zero
    var windowBytesMax: UInt32 = 0
    var flight = FlightLedger()
    /// A REJECT went out: batches beyond accepted + 1 are dropped in silence (TG-6-2).
    var isDropping = false
    var backedUpThrough = Sequence64.zero
    var pings = RateBudget.pings
    var probesLeft = Limits.probesMax
    var adoptionsLeft = 0
    /// An ADOPT waits for its answer.
    var isAdoptionAsked = false
    var heardAt: MonotonicInstant
    /// Since when a frame has come in part; the distant future while none has.
    var frameBegunAt = MonotonicInstant.distantFuture
    /// When the present phase must be over; not used while open.
    var phaseDeadline: MonotonicInstant

    package init(offer: GatewayOffer, now: MonotonicInstant) {
        self.offer = offer
        heardAt = now
        phaseDeadline = now + offer.patience.hello
    }

    /// The chain value that the next batch's first event is chained to.
    package var chainBefore: ChainValue { accepted.chain }

    /// Bytes of BATCH bodies accepted and not yet committed.
    package var inFlightBytes: UInt64 { flight.bytes }

    /// Bytes of their raw bodies.
    package var inFlightRawBytes: Int { flight.rawBytes }

    // MARK: Opening

    package mutating func receive(_ hello: HelloHeader, now: MonotonicInstant) -> HelloDecision {
        heardAt = now
        guard phase == .awaitingHello else {
            return phase == .closed || phase == .draining ? .silent : .goaway(end(.protocol))
        }
        guard hello.versions.overlaps(offer.versions) else { return .goaway(end(.version)) }
        guard hello.schemas.overlaps(offer.schemas) else { return .goaway(end(.schema)) }
        guard hello.lowestHeld <= hello.highestHeld, (hello.lowestHeld == .zero) == (hello.highestHeld == .zero),
            hello.highestHeld.value <= Limits.sequenceMax,
            hello.acknowledged.value <= Limits.sequenceMax,
            hello.highestHeld == .zero || hello.acknowledged <= hello.highestHeld
        else { return .goaway(end(.protocol)) }
        phase = .authenticating
        phaseDeadline = now + Limits.claimTimeout
        return .authenticate
    }

    /// The credential is good; take the stream over and call `claimed`. False where the session has ended. `hello` is
    /// the one whose header was received: a stranger's is not kept.
    package mutating func authenticated(_ hello: Hello) -> Bool {
        guard phase == .authenticating else { return false }
        var kept = hello
        kept.credential = .mutualTLS
        greeting = Greeting(kept)
        stream = hello.stream
        phase = .claiming
        return true
    }

    /// The takeover is complete: the generation is raised and every append before it is durable.
    package mutating func claimed(_ claim: StreamClaim, now: MonotonicInstant) -> ClaimDecision {
        guard phase == .claiming, let hello = greeting?.hello else { return .silent }
        let told = hello.acknowledged.sequence
        if told > claim.committed.sequence, hello.storeEpoch == claim.storeEpoch {
            return .raiseEpoch(lost: claim.committed.sequence.advanced(by: 1)...told)
        }
        precondition(isWhole(claim.credit), "credit is zero or at least one largest batch")
        committed = Cursor(sequence: claim.committed.sequence, chain: claim.committed.chain)
        accepted = committed
        generation = claim.generation
        isPaused = claim.credit == .paused
        isForked = differs(hello, at: committed)
        adoptionsLeft = claim.allowsAdoption && hello.wantsAdoption ? Limits.adoptionRequestsMax : 0
        backedUpThrough = claim.backedUpThrough
        if !isPaused { window = claim.credit }
        greeting = nil
        phase = .open
        heardAt = now
        return .welcome(welcome(claim, to: hello))
    }

    // MARK: Ending

    /// Ends the session for `reason`: a credential refused, a storage failure, an overload.
    package mutating func end(_ reason: GoAwayReason, after: Duration = .zero) -> GoAway {
        phase = .closed
        greeting = nil
        flight = FlightLedger()
        accepted = committed
        return GoAway(reason: reason, reconnectMs: after.wholeMilliseconds, committed: committed.sequence)
    }

    /// A newer HELLO has taken the stream over. Nil where the session had ended already.
    package mutating func supersede() -> GoAway? {
        phase == .closed ? nil : end(.superseded, after: Limits.supersededReconnect)
    }

    /// The credential was revoked.
    package mutating func revoke() -> GoAway? { phase == .closed ? nil : end(.revoked, after: Limits.revokedReconnect) }

    /// The connection is gone; nothing is sent any more.
    package mutating func disconnected() { _ = end(.idle) }

    // MARK: Helpers

    private func differs(_ hello: Hello, at cursor: Cursor) -> Bool {
        if hello.highestHeld != .zero, hello.highestHeld == cursor.sequence {
            return hello.highestChain != cursor.chain
        }
        if hello.acknowledged.sequence != .zero, hello.acknowledged.sequence == cursor.sequence {
            return hello.acknowledged.chain != cursor.chain
        }
        return false
    }

    private mutating func welcome(_ claim: StreamClaim, to hello: Hello) -> Welcome {
        let credit = grant()
        var welcome = Welcome(
            committed: claim.committed, credit: credit, batchEventsMax: offer.batchEventsMax,
            batchBodyBytesMax: offer.batchBodyBytesMax, clockMs: claim.clockMs, oldestTimeMs: claim.oldestTimeMs,
            storeEpoch: claim.storeEpoch, backedUpThrough: claim.backedUpThrough, generation: claim.generation,
            tenantKey: claim.tenantKey)
        welcome.version = min(hello.versions.upperBound, offer.versions.upperBound)
        welcome.schema = min(hello.schemas.upperBound, offer.schemas.upperBound)
        welcome.allowsAdoption = adoptionsLeft > 0
        welcome.ignoredOptions = hello.options.map(\.id).filter { !offer.knownOptions.contains($0) }
        return welcome
    }

    func isWhole(_ credit: Credit) -> Bool {
        credit == .paused || (credit.events >= offer.batchEventsMax && credit.bytes >= offer.batchBodyBytesMax)
    }

    /// The credit to tell now, remembered as granted.
    mutating func grant() -> Credit {
        guard !isPaused, !isForked else { return .paused }
        edge = max(edge, committed.sequence.advanced(by: UInt64(window.events)))
        windowBytesMax = max(windowBytesMax, window.bytes)
        return window
    }

    mutating func ack() -> Ack {
        Ack(
            committed: committed.sequence, chain: committed.chain, credit: grant(), backedUpThrough: backedUpThrough)
    }
}

/// A HELLO that waits for its answer: most of a session's time there is none, and it is long.
final class Greeting: Sendable {
    let hello: Hello

    init(_ hello: Hello) { self.hello = hello }
}
