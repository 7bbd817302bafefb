package import TallyModel
package import TallyProtocol
package import TallyStorage
import TallyWire

import enum TallyIO.StackMemory

/// One workstation's connection at the gateway, as a value: bytes, the appender's news and the time come in; frames,
/// commands and notes go out. It holds no socket, timer, queue, clock or lock of its own, so that a simulation runs the
/// one that is shipped.
///
/// It joins what decides: `FrameReader` finds the frames, `GatewaySession` says what may come and what is answered,
/// `IngestScratch` decodes, `TenantDirectory` knows the tokens. A frame becomes a batch in `take(_:_:_:_:_:)` of
/// `IngestMachine+Frames.swift`; when it is acknowledged is `GatewaySession.committed(through:)`'s decision.
///
/// What to do is appended to the caller's list, which it carries out in order. After each call the caller looks at
/// `deadline`. Invariants (`checkInvariants`): those of the session; a ticket is held exactly while a stream is, and
/// the stream's taker is told of every end: each claim is followed by one release at the latest in `closed`.
package struct IngestMachine: Sendable {
    package let id: ConnectionID
    package internal(set) var session: GatewaySession
    /// Whose token the workstation showed.
    package internal(set) var holder: TokenHolder?
    package internal(set) var isWelcomed = false
    let directory: TenantDirectory
    var reader = FrameReader(side: .gateway)
    /// Looked up again when the stream is claimed.
    var tokenHash: TokenHash?
    var request: StreamRequest?
    var ticket: StreamTicket?
    var age = AgeLimit()
    static let refusals = Pace(atOnce: Limits.refusedBatchesMax, oneEach: Limits.refusedBatchInterval)
    var refusalsFullAt: UInt64 = 0
    /// Bytes of a frame that is not whole yet: they wait in the channel.
    private var unfinishedBytes: UInt32 = 0
    /// Bit n: the audit has been told of column 128 + n.
    var contentColumnsTold: UInt64 = 0
    /// `close` has been asked for.
    private(set) var isEnding = false
    /// The connection is gone: nothing is said any more.
    private(set) var isGone = false

    package init(
        id: ConnectionID, directory: TenantDirectory, offer: GatewayOffer = GatewayOffer(), now: GatewayInstant
    ) {
        self.id = id
        self.directory = directory
        session = GatewaySession(offer: offer, now: now.monotonic)
    }

    /// When `tick` is to be called at the latest; nil once the session has ended.
    package var deadline: MonotonicInstant? { session.deadline }

    /// What is held in memory for this connection until its frame is whole or its batches are on stable storage.
    package var heldBytes: Int { session.inFlightRawBytes + Int(unfinishedBytes) }

    // MARK: Bytes

    /// Takes the whole frames that stand at the front of `bytes`, which is everything not consumed yet. Returns how
    /// many bytes it consumed; the rest is to be shown again with what follows.
    package mutating func received(
        _ bytes: Span<UInt8>, scratch: inout IngestScratch, now: GatewayInstant, into actions: inout [IngestAction]
    ) -> Int {
        var consumed = 0
        while session.phase != .closed {
            switch reader.next(in: bytes, from: consumed) {
            case .needMore:
                let rest = bytes.count - consumed
                if rest > 0, scratch.held.isCrowded(holder?.tenant) {
                    end(session.end(.overloaded, after: Limits.busyRetry), &actions)
                    continue
                }
                session.waits(forRestOfFrame: rest > 0, now: now.monotonic)
                unfinishedBytes = UInt32(clamping: rest)
                return consumed
            case .refused: violation(&actions)
            case .frame(let slice):
                session.heard(now: now.monotonic)
                take(slice, bytes, &scratch, now, &actions)
                consumed = slice.body.upperBound
            }
        }
        // An ended session reads nothing; what still comes is dropped.
        unfinishedBytes = 0
        return bytes.count
    }

    // MARK: Time and the end

    package mutating func tick(now: GatewayInstant, into actions: inout [IngestAction]) {
        guard let goaway = session.tick(now: now.monotonic).goaway else { return }
        if isWelcomed, goaway.reason == .timeout { actions.append(.note(.frameTimedOut)) }
        end(goaway, &actions)
    }

    /// Has what was received committed and acknowledged, then says GOAWAY.
    package mutating func shutdown(now: GatewayInstant, into actions: inout [IngestAction]) {
        switch session.shutdown(now: now.monotonic) {
        case .goaway(let goaway): end(goaway, &actions)
        case .draining, .silent: break
        }
    }

    /// The connection is gone, for whatever reason. To be called once, last of all.
    package mutating func closed(into actions: inout [IngestAction]) {
        isGone = true
        unfinishedBytes = 0
        session.disconnected()
        leave(&actions)
        // Also where the claim has not been answered yet: its answer would find nobody.
        release(&actions)
    }

    package func checkInvariants() {
        session.checkInvariants()
        precondition(ticket == nil || request != nil, "a stream is held by its claim")
        precondition(session.phase != .open || ticket != nil, "an open session holds its stream")
    }

    // MARK: Helpers

    mutating func violation(_ actions: inout [IngestAction]) {
        if let goaway = session.violation() { end(goaway, &actions) }
    }

    /// The session has ended for a reason that the workstation is told.
    mutating func end(_ goaway: GoAway, _ actions: inout [IngestAction]) {
        // Before the list grows: an action's unused bytes would be copied with it from what stood here.
        StackMemory.overwrite()
        if !isWelcomed, goaway.reason != .shutdown { actions.append(.note(.helloRefused(goaway.reason))) }
        actions.append(.send(.goaway(goaway)))
        close(.refused, &actions)
    }

    /// Ends the connection, once.
    mutating func close(_ reason: IngestEnd, _ actions: inout [IngestAction]) {
        if !isEnding { actions.append(.close(reason)) }
        isEnding = true
    }

    /// Gives back what was claimed, once.
    mutating func release(_ actions: inout [IngestAction]) {
        if let request { actions.append(.submit(.release(request))) }
        request = nil
    }

    /// The stream is another's, or nobody's.
    mutating func leave(_ actions: inout [IngestAction]) {
        if ticket != nil { actions.append(.note(.streamLeft)) }
        ticket = nil
    }
}
