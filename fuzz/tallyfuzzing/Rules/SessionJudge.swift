/// Judges one connection by `protocol/SPEC.md` and `BEHAVIOUR.md`: it is told what was sent and what came, and says what
/// breaks a requirement. A model of the documents, which shares nothing with the product's session.
///
/// What must come is *owed*. Where a gateway may answer in one of several ways and nobody outside can tell which (a commit
/// that may have happened, credit that may have moved), the judge becomes *loose*: from there on it only looks at the
/// form of what comes, until the stream is greeted again.
package struct SessionJudge: Sendable {
    enum Phase: Hashable, Sendable { case quiet, greeting, open, over }

    enum Owed: Hashable, Sendable {
        case welcome
        case end(Set<Farewell>, Rule)
        case reject(Refusal, first: UInt64)
        case acknowledged(through: UInt64)
        /// Any ACK from here on.
        case acknowledgement(Rule)
        case chain(UInt64, acknowledged: UInt64, accepted: UInt64)
        case pong([UInt8])
        case adopted(sessions: [[UInt8]], fromMs: Int64)
        /// The connection's end, once GOAWAY or the last ACK was said.
        case silence(Rule)
    }

    /// What was accepted and is not acknowledged.
    struct Flight: Hashable, Sendable {
        var first: UInt64
        var place: Place
        var bytes: UInt64
        /// After each event; of a SKIP only the last.
        var chains: [UInt64]
    }

    package let token: [UInt8]
    var phase = Phase.quiet
    var owed: [Owed] = []
    /// What was owed before a frame that must end the connection: it may still come, or be lost with it.
    var perhaps: [Owed] = []
    var mayEnd: Set<Farewell> = []
    package internal(set) var isLoose = false
    /// Why the gateway itself broke off, where it did.
    package internal(set) var interruption: String?
    package internal(set) var hello: HelloFields?
    var welcome: WelcomeFields?
    var welcomedAtMs: Int64 = 0
    var isForked = false
    /// A REJECT was owed since the last event that was accepted.
    var isDropping = false
    var acknowledged = Place(sequence: 0, chain: 0, tokens: 0, reported: 0)
    var flight: [Flight] = []
    var creditEvents: UInt64 = 0
    var creditBytes: UInt64 = 0
    var edge: UInt64 = 0
    package internal(set) var sentReader = SentReader()
    // What a gateway bounds.
    package internal(set) var probes = 0
    package internal(set) var rejects = 0
    package internal(set) var pings = 0
    package internal(set) var adoptions = 0

    package static let probesMax = 128
    package static let pingBurst = 5

    package init(token: [UInt8]) { self.token = token }

    var accepted: Place { flight.last?.place ?? acknowledged }

    /// Welcomed, nothing in flight, nothing unusual: another case may go on from here.
    package var isClean: Bool {
        phase == .open && owed.isEmpty && flight.isEmpty && !isLoose && !isForked && mayEnd.isEmpty && creditEvents > 0
            && !sentReader.isMidFrame && !isDropping
    }

    package var isOver: Bool { phase == .over }
    package var isSettled: Bool { owed.isEmpty }
    package var isWelcomed: Bool { welcome != nil }
    package var owesWelcome: Bool { owed.contains(.welcome) }
    /// CHAIN of what is long committed, and ADOPTED, come from the ledger.
    package var owesLookUp: Bool {
        owed.contains {
            switch $0 {
            case .chain, .adopted: true
            default: false
            }
        }
    }
    /// A frame that MUST end the connection was sent, and nothing more needs to be.
    package var isEnding: Bool {
        phase == .over
            || owed.contains {
                switch $0 {
                case .end, .silence: true
                default: false
                }
            }
    }

    // MARK: What is sent

    package mutating func sent(_ bytes: [UInt8], nowMs: Int64, _ book: inout StreamBook) {
        sentReader.append(bytes)
        // Each turn consumes a frame.
        while !isEnding {
            sentReader.isGreeted = welcome != nil
            guard case .frame(let frame, let isWhole) = sentReader.next() else { return }
            guard isWhole else {
                mayEnd.insert(.protocol)
                return
            }
            take(frame, nowMs, &book)
        }
    }

    private mutating func take(_ frame: SentFrame, _ nowMs: Int64, _ book: inout StreamBook) {
        if case .violation(let rule) = frame { return mustEnd([.protocol], rule) }
        switch (phase, frame) {
        case (.quiet, .hello(let hello)): greet(hello, &book)
        case (.quiet, _): mustEnd([.protocol], .form)
        case (_, .hello): mustEnd([.protocol], .form)
        case (_, .ping(let opaque)): ping(opaque)
        case (.greeting, .pong):
            // While a gateway looks the credential up it is a violation, while it claims the stream it is not.
            mayEnd.insert(.protocol)
        case (.greeting, _):
            // A gateway that has welcomed already, unheard by us, may take it.
            mayEnd.insert(.protocol)
            loosen(&book)
        case (.open, _): takeOpen(frame, nowMs, &book)
        case (.over, _): break
        }
    }

    private mutating func greet(_ hello: HelloFields, _ book: inout StreamBook) {
        self.hello = hello
        phase = .greeting
        if !hello.versions.contains(1) { return mustEnd([.version], .versions) }
        if !hello.schemas.contains(1) { return mustEnd([.schema], .versions) }
        let isHeld = (hello.lowest == 0) == (hello.highest == 0) && hello.lowest <= hello.highest
        guard isHeld, hello.highest == 0 || hello.acknowledged <= hello.highest else {
            return mustEnd([.protocol], .hello)
        }
        guard hello.token == token else { return mustEnd([.unauthenticated], .hello) }
        if book[hello.stream].isClosed { return mustEnd([.streamFork], Rule("TG-B5-4")) }
        if book[hello.stream].mayBeClosed { mayEnd.insert(.streamFork) }
        owed.append(.welcome)
    }

    private mutating func ping(_ opaque: [UInt8]) {
        pings += 1
        owed.append(.pong(opaque))
        if pings > SessionJudge.pingBurst {
            mayEnd.insert(.protocol)
            owed.removeAll { if case .pong = $0 { true } else { false } }
        }
    }

    private mutating func takeOpen(_ frame: SentFrame, _ nowMs: Int64, _ book: inout StreamBook) {
        switch frame {
        case .batch(let batch): take(batch, nowMs, &book)
        case .skip(let skip): take(skip, &book)
        case .probe(let sequence):
            probes += 1
            if probes > SessionJudge.probesMax { return mustEnd([.protocol], .probe) }
            owed.append(
                .chain(sequence, acknowledged: acknowledged.sequence, accepted: accepted.sequence))
        case .close(let final): close(final, &book)
        case .adopt(let sessions, let fromMs): adopt(sessions, fromMs, &book)
        case .pong, .ping, .hello, .violation: break
        }
    }

    private mutating func close(_ final: UInt64, _ book: inout StreamBook) {
        if final != acknowledged.sequence, final != accepted.sequence,
            !flight.contains(where: { $0.place.sequence == final })
        {
            return mustEnd([.protocol], .close)
        }
        guard flight.isEmpty, !isForked, !isLoose, let stream = hello?.stream else {
            mayEnd.insert(.protocol)
            if let stream = hello?.stream { book[stream].mayBeClosed = true }
            return loosen(&book)
        }
        owed.append(.acknowledgement(.close))
        owed.append(.silence(.close))
        book[stream].isClosed = true
    }

    private mutating func adopt(_ sessions: [[UInt8]], _ fromMs: Int64, _ book: inout StreamBook) {
        adoptions += 1
        guard welcome?.allowsAdoption == true, !sessions.isEmpty else { return mustEnd([.protocol], .adoption) }
        if owed.contains(where: { if case .adopted = $0 { true } else { false } }) {
            mayEnd.insert(.protocol)
            return loosen(&book)
        }
        owed.append(.adopted(sessions: sessions, fromMs: fromMs))
    }

    // MARK: Ends and doubts

    /// A newer HELLO has taken the stream over.
    package mutating func supersede(_ book: inout StreamBook) {
        guard phase == .open, !isEnding else { return }
        mustEnd([.superseded], .takeover)
        // What is in flight may come to nothing or be committed: `open` of the stream's record says so.
    }

    mutating func mustEnd(_ reasons: Set<Farewell>, _ rule: Rule) {
        perhaps += owed
        owed = [.end(reasons, rule)]
    }

    /// Takes what is owed, or may still come, off the list.
    mutating func settle(_ isMeant: (Owed) -> Bool) -> Owed? {
        if let index = owed.firstIndex(where: isMeant) { return owed.remove(at: index) }
        if let index = perhaps.firstIndex(where: isMeant) { return perhaps.remove(at: index) }
        return nil
    }

    mutating func loosen(_ book: inout StreamBook) {
        isLoose = true
        // Whoever has said HELLO hears it out: hung up on, it may come late and take the stream from the next connection.
        owed = owed.filter { $0 == .welcome }
        guard let stream = hello?.stream else { return }
        book[stream].isLoose = true
    }
}
