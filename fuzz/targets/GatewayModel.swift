import TallyModel
import TallyProtocol
import TallyWire

/// What must be true of a gateway's session, kept beside it: SPEC.md section 6 and BEHAVIOUR.md sections 2 and 4.
struct GatewayModel {
    private struct Flying {
        var first: Sequence64
        var last: Sequence64
        var chain: ChainValue
        var bytes: UInt64
        var rawBytes: Int
        var isSkip: Bool
    }

    private(set) var committed = GatewaySession.Cursor(sequence: .zero, chain: ChainValue(0))
    private(set) var accepted = GatewaySession.Cursor(sequence: .zero, chain: ChainValue(0))
    private(set) var hasAcknowledged = false
    private(set) var isOver = false
    private var isOpen = false
    var isPaused = false
    var isDraining = false
    var isAsked = false
    private var isForked = false
    /// A REJECT went out, and nothing has been accepted since.
    private var isDropping = false
    private var flight: [Flying] = []
    /// Of `flight`, beside it: a flood would otherwise be added up again at each of its batches.
    private(set) var flightBytes: UInt64 = 0
    /// Each rounded up to sixteen, as it is held.
    private(set) var flightRawBytes = 0
    private var flightSkips = 0
    private var window = Credit.paused
    private var edge: UInt64 = 0
    private var bytesMax: UInt64 = 0

    mutating func end() {
        isOver = true
        isOpen = false
        leave(flight[...])
        flight = []
        accepted = committed
    }

    /// The window that holds while nothing is paused.
    mutating func widen(_ credit: Credit) { window = credit }

    // MARK: What the session said

    mutating func note(_ goaway: GoAway) throws(FuzzFinding) {
        try expect(!isOver, "a session ends once")
        try expect(goaway.committed == committed.sequence, "a GOAWAY tells committed")
        end()
    }

    /// Nothing was answered to a frame that has an answer in every other phase.
    func noteSilence() throws(FuzzFinding) {
        try expect(isOver || isDraining, "only what is over is silent")
    }

    func noteDropped(first: Sequence64, last: Sequence64) throws(FuzzFinding) {
        let isKnown = last <= accepted.sequence
        let isBeyond = first.value > accepted.sequence.value + 1
        try expect(isOver || isDraining || isKnown || (isBeyond && isDropping), "only these are dropped in silence")
    }

    mutating func note(_ welcome: Welcome, _ claim: StreamClaim, to hello: Hello?) throws(FuzzFinding) {
        try expect(!isOver && !isOpen, "a session is welcomed once")
        guard let hello else { throw FuzzFinding("nobody is welcomed without a HELLO") }
        try expect(welcome.committed == claim.committed, "a WELCOME tells the store's committed")
        try expect(
            hello.versions.contains(welcome.version) && hello.schemas.contains(welcome.schema),
            "what is chosen was offered")
        try expect(welcome.allowsAdoption == (claim.allowsAdoption && hello.wantsAdoption), "who asks may adopt")
        committed = GatewaySession.Cursor(sequence: claim.committed.sequence, chain: claim.committed.chain)
        accepted = committed
        isOpen = true
        isPaused = claim.credit == .paused
        if !isPaused { window = claim.credit }
        isForked = differs(hello)
        try note(welcome.credit)
    }

    private func differs(_ hello: Hello) -> Bool {
        if hello.highestHeld != .zero, hello.highestHeld == committed.sequence {
            return hello.highestChain != committed.chain
        }
        let told = hello.acknowledged
        return told.sequence != .zero && told.sequence == committed.sequence && told.chain != committed.chain
    }

    mutating func note(_ ack: Ack) throws(FuzzFinding) {
        try expect(isOpen, "an ACK is sent while the session is open")
        try expect(ack.committed == committed.sequence, "an ACK tells what is durable")
        try expect(ack.chain == committed.chain, "an ACK tells the chain of what is durable")
        try note(ack.credit)
    }

    mutating func note(_ ack: Ack, committing cursor: GatewaySession.Cursor) throws(FuzzFinding) {
        try expect(isOpen && cursor.sequence > committed.sequence, "an ACK for a commit moves committed")
        committed = cursor
        // Sequences rise along the flight.
        let rest = flight.firstIndex { $0.last > cursor.sequence } ?? flight.count
        leave(flight[..<rest])
        flight.removeFirst(rest)
        hasAcknowledged = true
        try note(ack)
    }

    private mutating func note(_ credit: Credit) throws(FuzzFinding) {
        if isPaused || isForked {
            try expect(credit == .paused, "while paused or forked nobody has credit")
        } else {
            try expect(credit == window, "credit is what was granted")
            edge = max(edge, committed.sequence.value + UInt64(credit.events))
            bytesMax = max(bytesMax, UInt64(credit.bytes))
        }
    }

    mutating func note(_ reject: Reject, first: Sequence64, run: UInt32) throws(FuzzFinding) {
        isDropping = true
        try expect(isOpen && !isDraining, "a REJECT answers while the session is open")
        try expect(reject.first == first && reject.index == 0 && reject.run == run, "a REJECT names the whole batch")
        switch reject.reason {
        case .sequenceOverlap: try expect(first <= accepted.sequence, "an overlap begins at or below accepted")
        case .sequenceGap:
            try expect(first.value > accepted.sequence.value + 1, "a gap begins beyond accepted + 1")
        case .busy: try expect(isPaused, "BUSY is said while paused")
        case .size: try expect(first.value == accepted.sequence.value + 1, "sizes are looked at of what is next")
        default: throw FuzzFinding("before a body is read nothing else can be said of it")
        }
    }

    /// What was to be decoded has no room.
    mutating func noteHeldOff(_ reject: Reject, _ header: BatchHeader) throws(FuzzFinding) {
        isDropping = true
        try expect(
            reject.reason == .busy && reject.first == header.first && reject.index == 0 && reject.run == header.count
                && reject.retryMs > 0, "what has no room is BUSY as a whole, and told when to come again")
    }

    func noteDecoding(_ header: BatchHeader, bytes: Int) throws(FuzzFinding) {
        try expect(isOpen && !isDraining && !isPaused && !isForked, "a body is decoded while the session takes batches")
        try expect(header.first.value == accepted.sequence.value + 1, "the next batch is decoded and no other")
        try expect(header.last.value <= edge, "a batch that is decoded is within the events granted")
        try expect(flightBytes + UInt64(bytes) <= bytesMax, "a batch that is decoded is within the bytes granted")
        try expect(header.count > 0, "a batch of no events is not decoded")
    }

    func noteAppending(_ skip: Skip) throws(FuzzFinding) {
        try expect(isOpen && !isDraining && !isPaused && !isForked, "a gap is appended while the session takes batches")
        try expect(skip.first.value == accepted.sequence.value + 1, "the next gap is appended and no other")
        try expect(flightSkips < Limits.skipsInFlightMax, "skips in flight are bounded")
    }

    func noteUncommitted(_ cursor: GatewaySession.Cursor) throws(FuzzFinding) {
        try expect(!isOpen || cursor.sequence <= committed.sequence, "a commit of an open session is acknowledged")
    }

    mutating func noteQuestion() throws(FuzzFinding) {
        try expect(isOpen && !isDraining && !isAsked, "one question at a time")
        isAsked = true
    }

    mutating func note(_ tick: GatewayTick, due: MonotonicInstant?, now: MonotonicInstant) throws(FuzzFinding) {
        let isDrained = isDraining && flight.isEmpty
        guard let goaway = tick.goaway else {
            try expect(isOver || due.map { now < $0 } == true, "what is due ends the session")
            try expect(isOver || !isDrained, "what is drained is ended")
            return
        }
        try expect(due.map { now >= $0 } == true || isDrained, "nothing ends before it is due")
        try note(goaway)
    }

    // MARK: What the conductor did

    mutating func accept(_ header: BatchHeader, bytes: Int) {
        accept(
            Flying(
                first: header.first, last: header.last, chain: header.chainAfter, bytes: UInt64(bytes),
                rawBytes: (Int(header.rawBytes) + 15) / 16 * 16, isSkip: false))
    }

    mutating func accept(_ skip: Skip) {
        accept(
            Flying(first: skip.first, last: skip.last, chain: skip.chainAfter, bytes: 0, rawBytes: 0, isSkip: true))
    }

    private mutating func accept(_ entry: Flying) {
        flight.append(entry)
        flightBytes += entry.bytes
        flightRawBytes += entry.rawBytes
        if entry.isSkip { flightSkips += 1 }
        isDropping = false
        accepted = GatewaySession.Cursor(sequence: entry.last, chain: entry.chain)
    }

    private mutating func leave(_ entries: ArraySlice<Flying>) {
        for entry in entries {
            flightBytes -= entry.bytes
            flightRawBytes -= entry.rawBytes
            if entry.isSkip { flightSkips -= 1 }
        }
    }

    /// The end of the first so many entries in flight, which the appender finds durable; what is so already where there
    /// are none.
    func durable(entries: Int) -> GatewaySession.Cursor {
        guard !flight.isEmpty else { return committed }
        let entry = flight[min(entries, flight.count - 1)]
        return GatewaySession.Cursor(sequence: entry.last, chain: entry.chain)
    }

    func flightFirst(_ entry: Int) -> Sequence64? {
        flight.isEmpty ? nil : flight[entry % flight.count].first
    }

    /// Precondition: a REJECT of it went out.
    mutating func takeBack(from first: Sequence64) {
        isDropping = true
        let rest = flight.firstIndex { $0.first >= first } ?? flight.count
        leave(flight[rest...])
        flight.removeLast(flight.count - rest)
        accepted =
            flight.last.map { GatewaySession.Cursor(sequence: $0.last, chain: $0.chain) } ?? committed
    }
}
