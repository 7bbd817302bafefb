import TallyModel
import TallyProtocol
import TallyWire

/// What must be true of a workstation's session, kept beside it: BEHAVIOUR.md sections 3 to 7.
struct WorkstationModel {
    private struct Flying {
        var first: Sequence64
        var last: Sequence64
        var bytes: UInt64
    }

    var offer: Hello?
    var isHolding = false
    private(set) var hasProgressed = false
    private(set) var acknowledged = Sequence64.zero
    private(set) var next = Sequence64(1)
    private(set) var credit = Credit.paused
    /// The sequence of the last PROBE, and of what the spool was asked for.
    private(set) var probed = Sequence64.zero
    private(set) var needed: Sequence64?
    private var welcome: Welcome?
    private var isOpen = false
    private var flight: [Flying] = []
    /// The batch that the last REJECT named.
    private var refused: Flying?
    /// The last event that was sent on this connection, or committed before it.
    private var furthest: UInt64 = 0

    // MARK: What the session did

    mutating func note(_ plan: ResumePlan, _ view: SpoolView) throws(FuzzFinding) {
        let welcome = plan.welcome
        try expect(offer != nil && !isOpen, "nothing is sent before HELLO and WELCOME")
        try expect(welcome.committed.sequence <= view.highest, "a stream that goes on ends within its spool")
        try expect(plan.first.value == welcome.committed.sequence.value + 1, "a stream goes on behind committed")
        if let trimmed = plan.trimmed {
            try expect(
                trimmed.lowerBound == plan.first && trimmed.upperBound.value + 1 == view.lowestHeld.value,
                "what is trimmed stands between committed and what is held")
        }
        isOpen = true
        self.welcome = welcome
        credit = welcome.credit
        acknowledged = welcome.committed.sequence
        next = plan.first
        furthest = acknowledged.value
    }

    mutating func note(_ frame: Frame, phase: WorkstationSession.Phase) throws(FuzzFinding) {
        switch frame {
        case .probe(let sequence):
            try expect(phase == .probing, "a PROBE is sent while streams are compared")
            probed = sequence
            needed = nil
        case .pong, .ping: break
        case .close(let final):
            try expect(isOpen && flight.isEmpty && final == acknowledged, "a stream is closed when all is acknowledged")
        default: throw FuzzFinding("a session sends no other frames by itself")
        }
    }

    /// What a frame changes, before the session's action is looked at.
    mutating func hear(
        _ frame: Frame, _ action: WorkstationAction, phase: WorkstationSession.Phase
    ) throws(FuzzFinding) {
        if case .needChain(let sequence) = action { needed = sequence }
        guard isOpen else { return }
        if case .end = action { return }
        switch frame {
        case .ack(let ack):
            try expect(ack.committed >= acknowledged, "an ACK that goes back ends the connection")
            try expect(ack.committed.value <= furthest, "what was not sent is not acknowledged")
            credit = ack.credit
            acknowledged = ack.committed
            if !flight.isEmpty, flight.contains(where: { $0.last <= acknowledged }) { hasProgressed = true }
            flight.removeAll { $0.last <= acknowledged }
            if next <= acknowledged { next = Sequence64(acknowledged.value + 1) }
        case .reject(let reject) where phase == .open:
            refused = flight.first { $0.first == reject.first }
            let isOrder = reject.reason == .sequenceGap || reject.reason == .sequenceOverlap
            let behind = Sequence64(acknowledged.value + 1)
            rewind(to: isOrder ? behind : refused?.first ?? behind)
        default: break
        }
    }

    func noteAcknowledged(_ through: Sequence64) throws(FuzzFinding) {
        try expect(isOpen && through == acknowledged, "what is acknowledged is what the ACK told")
    }

    mutating func noteGivenUp(_ run: ClosedRange<Sequence64>) throws(FuzzFinding) {
        guard let refused else { throw FuzzFinding("only what was refused is given up") }
        try expect(
            refused.first <= run.lowerBound && run.upperBound <= refused.last, "no event outside the run is given up")
        isHolding = true
    }

    func check(_ request: SendRequest, highest: Sequence64) throws(FuzzFinding) {
        guard isOpen, let welcome else { throw FuzzFinding("nothing is sent before the streams agree") }
        try expect(!isHolding, "nothing is sent while a run is being given up")
        try expect(credit != .paused, "nothing is sent without credit")
        try expect(request.first == next, "what is sent is next")
        try expect((1...welcome.batchEventsMax).contains(request.eventsMax), "a batch is within the gateway's bound")
        let last = request.first.value + UInt64(request.eventsMax) - 1
        try expect(last <= highest.value, "only what the spool holds is sent")
        try expect(last <= acknowledged.value + UInt64(credit.events), "nothing is sent beyond the events granted")
        let bytes = flight.reduce(UInt64(0)) { $0 + $1.bytes } + UInt64(request.bodyBytesMax)
        try expect(bytes <= UInt64(credit.bytes), "nothing is sent beyond the bytes granted")
        try expect(request.bodyBytesMax <= welcome.batchBodyBytesMax, "a body is within the gateway's bound")
        try expect(flight.count < Limits.batchesInFlightMax, "batches in flight are bounded")
    }

    static func check(_ next: Reconnect, after end: ConnectionEnd) throws(FuzzFinding) {
        let backoff = Reconnector.backoff(end)
        try expect(next.after >= backoff.floor, "nobody dials before the shortest wait")
        try expect(next.after <= max(backoff.floor, backoff.most, Limits.askedDelayMax), "no wait is endless")
    }

    // MARK: What the uplink did

    mutating func send(_ first: Sequence64, _ last: Sequence64, bytes: UInt64) {
        flight.append(Flying(first: first, last: last, bytes: bytes))
        next = Sequence64(last.value + 1)
        furthest = max(furthest, last.value)
    }

    private mutating func rewind(to sequence: Sequence64) {
        flight.removeAll { $0.last >= sequence }
        next = sequence
    }

    mutating func end() {
        isOpen = false
        flight = []
    }

    // MARK: What a gateway may name

    /// Where an entry in flight ends; committed where there is none.
    func ends(_ byte: UInt8) -> Sequence64 {
        flight.isEmpty ? acknowledged : flight[Int(byte) % flight.count].last
    }

    /// Where an entry in flight begins, and how many events it has.
    func begins(_ byte: UInt8) -> (Sequence64, UInt32) {
        guard !flight.isEmpty else { return (next, 1) }
        let entry = flight[Int(byte) % flight.count]
        return (entry.first, UInt32(clamping: entry.last.value - entry.first.value + 1))
    }
}
