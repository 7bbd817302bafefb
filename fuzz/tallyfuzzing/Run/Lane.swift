import TallyGenerator
import TallyModel

/// Runs cases one after the other against a gateway, without a socket or a clock: what happened and the time go in, what
/// to do comes out. A lane has streams of its own, so that lanes may run side by side.
///
/// A case that leaves its session as it found it lends it to the next; so most cases cost no handshake.
package struct Lane: Sendable {
    package enum Action: Hashable, Sendable {
        case open(Int, Opening)
        case send(Int, [UInt8])
        case end(Int)
    }

    package enum Verdict: Hashable, Sendable {
        case passed
        case broken(Finding)
        /// The gateway broke off for a reason of its own, or could not be reached: the case says nothing.
        case interrupted(String)
    }

    package enum Progress: Hashable, Sendable {
        /// Nothing to do before then, in nanoseconds, unless something happens.
        case wait(until: Int64)
        case done(Verdict)
    }

    struct Wire: Sendable {
        let id: Int
        let opening: Opening
        var judge: SessionJudge
        var replies = ReplyReader()
        var isOpen = false
        var isGone = false
        /// Why it could not be opened.
        var refusal: String?
    }

    /// How long an answer may take, and how long one for which a gateway may have to read its ledger. The documents set no
    /// time; a workstation gives up a connection after 90 seconds of silence.
    package static let answerNanoseconds: Int64 = 10_000_000_000
    package static let lookUpNanoseconds: Int64 = 60_000_000_000
    private static let splitNanoseconds: Int64 = 2_000_000
    private static let dripsMax = 300
    private static let traceMax = 400

    let token: [UInt8]
    var random: SeededRandom
    var book = StreamBook()
    var wires: [Wire] = []
    /// The id of the present wire.
    var current: Int?
    private var nextWire: Int
    private var stream: [UInt8]
    private var epoch: UInt64 = 0
    private var script: Script?
    private var cursor = 0
    /// Bytes of the last frame that wait for their time.
    private var rest: (bytes: [UInt8], at: Int64)?
    private var stepSince: Int64?
    /// The wire that the present step opens.
    private var openingWire: Int?
    var finding: Finding?
    private var frames: [[UInt8]] = []
    private var actions: [Action] = []
    package var isTracing = false
    package private(set) var trace: [String] = []

    /// Wires of this lane have the numbers `wireBase`, `wireBase` + `wireStep` and so on.
    private let wireStep: Int

    package init(token: [UInt8], seed: UInt64, wireBase: Int = 0, wireStep: Int = 1) {
        self.token = token
        random = SeededRandom(seed: seed)
        nextWire = wireBase
        self.wireStep = wireStep
        stream = random.uuid().bytes
    }

    package var isIdle: Bool { script == nil }
    package mutating func takeActions() -> [Action] {
        defer { actions = [] }
        return actions
    }

    /// Begins a case. `alone` gives it connections and a stream of its own: nothing of the cases before can matter.
    package mutating func begin(_ script: Script, alone: Bool = false) {
        precondition(isIdle, "one case at a time")
        self.script = script
        cursor = 0
        rest = nil
        stepSince = nil
        finding = nil
        frames = []
        trace = []
        openingWire = nil
        let isLent = !alone && script.canShare && wires.count == 1 && wires[0].judge.isClean
        if !isLent { endAll() }
        if alone || book[stream].isClosed { stream = random.uuid().bytes }
    }

    // MARK: What happened

    package mutating func opened(_ id: Int) { change(id) { $0.isOpen = true } }

    /// It could not be opened: no connection, or no handshake.
    package mutating func refused(_ id: Int, _ reason: String) {
        change(id) {
            $0.isGone = true
            $0.refusal = reason
        }
        if isTracing { note("wire \(id) was refused") }
    }

    package mutating func received(_ id: Int, _ bytes: some Sequence<UInt8>, nowMs: Int64) {
        guard let index = wires.firstIndex(where: { $0.id == id }) else { return }
        guard wires[index].opening != .plain else {
            let first = bytes.first { _ in true }
            // A TLS record is an alert or of the handshake.
            if let first, first != 0x15, first != 0x16 {
                keep(Finding(.transport, expected: "TLS or the connection's end", got: "bytes that are not TLS"))
            }
            return
        }
        wires[index].replies.append(bytes)
        while true {
            do throws(BrokenReply) {
                guard let reply = try wires[index].replies.next() else { return }
                if isTracing { note("wire \(id) ← \(reply.words)") }
                if case .welcome(let welcome) = reply { epoch = welcome.epoch }
                if case .ping(let opaque) = reply { send(index, [10, 0, 0, 0, 10, 0] + opaque, nowMs: nowMs) }
                keep(wires[index].judge.received(reply, nowMs: nowMs, &book))
            } catch {
                return keep(Finding(error.rule, expected: "a frame by its table", got: error.words))
            }
        }
    }

    package mutating func ended(_ id: Int) {
        guard let index = wires.firstIndex(where: { $0.id == id }), !wires[index].isGone else { return }
        wires[index].isGone = true
        if isTracing { note("wire \(id) ended") }
        guard wires[index].opening == .session || wires[index].opening == .secure else { return }
        let found = wires[index].judge.ended()
        // Between cases nobody waits for anything.
        if !isIdle { keep(found) }
    }

    // MARK: Going on

    package mutating func advance(now: Int64, nowMs: Int64) -> Progress {
        // Each turn does a step.
        while true {
            guard let script else { return .done(.passed) }
            if let finding { return .done(conclude(.broken(finding))) }
            if let words = interruption { return .done(conclude(.interrupted(words))) }
            if let rest {
                if now < rest.at { return .wait(until: rest.at) }
                self.rest = nil
                if let index = present { send(index, rest.bytes, nowMs: nowMs) }
                continue
            }
            guard cursor < script.steps.count else { return .done(conclude(.passed)) }
            let since = stepSince ?? now
            stepSince = since
            if let until = perform(script.steps[cursor], since: since, now: now, nowMs: nowMs) {
                if finding != nil || interruption != nil { continue }
                return .wait(until: until)
            }
            stepSince = nil
            openingWire = nil
            cursor += 1
        }
    }

    /// Nil where the step is done; else until when it waits.
    private mutating func perform(_ step: Step, since: Int64, now: Int64, nowMs: Int64) -> Int64? {
        switch step {
        case .open(let opening): return open(opening, since: since, now: now, nowMs: nowMs)
        case .send(let recipe): deliver(recipe, now: now, nowMs: nowMs)
        case .again(let back):
            if let index = present, back <= frames.count, !wires[index].judge.isOver {
                send(index, frames[frames.count - back], nowMs: nowMs)
            }
        case .raw(let bytes):
            if let index = present { actions.append(.send(wires[index].id, bytes)) }
        case .hangUp:
            if let current { end(current) }
            current = nil
        case .pause(let ms):
            let until = since + Int64(ms) * 1_000_000
            let isOver = present.map { wires[$0].isGone } ?? true
            return isOver || now >= until ? nil : until
        case .settle: return settle(since: since, now: now)
        }
        return nil
    }

    private mutating func settle(since: Int64, now: Int64) -> Int64? {
        guard let owing = wires.firstIndex(where: { !$0.isGone && !$0.judge.isSettled }) else { return nil }
        let isLookedUp = wires[owing].judge.owesLookUp
        let until = since + (isLookedUp ? Lane.lookUpNanoseconds : Lane.answerNanoseconds)
        guard now >= until else { return until }
        keep(wires[owing].judge.overdue())
        if finding == nil { end(wires[owing].id) }
        return nil
    }

    private mutating func open(_ opening: Opening, since: Int64, now: Int64, nowMs: Int64) -> Int64? {
        guard let openingWire else {
            if cursor == 0, present != nil { return nil }
            let id = nextWire
            openingWire = id
            nextWire += wireStep
            wires.append(Wire(id: id, opening: opening, judge: SessionJudge(token: token)))
            current = id
            actions.append(.open(id, opening))
            if isTracing { note("wire \(id) opens: \(opening.rawValue)") }
            return since + 2 * Lane.answerNanoseconds
        }
        guard let index = wires.firstIndex(where: { $0.id == openingWire }) else { return nil }
        let wire = wires[index]
        if wire.isGone { return nil }
        let until = since + 2 * Lane.answerNanoseconds
        guard now < until else {
            if wire.isOpen { keep(wire.judge.overdue()) }
            if finding == nil { refused(wire.id, "nothing in time") }
            return nil
        }
        guard wire.isOpen else { return until }
        guard opening == .session else {
            if opening == .foreign {
                keep(Finding(.transport, expected: "a refusal of another application protocol", got: "a handshake"))
            }
            return nil
        }
        if wire.judge.hello == nil {
            deliver(.hello, now: now, nowMs: nowMs)
            return until
        }
        return wire.judge.isWelcomed || wire.judge.isOver ? nil : until
    }

    // MARK: Sending

    private var present: Int? { wires.firstIndex { $0.id == current && !$0.isGone } }

    private mutating func deliver(_ recipe: FrameRecipe, now: Int64, nowMs: Int64) {
        guard let index = present, wires[index].isOpen, !wires[index].judge.isOver else { return }
        let bytes = recipe.bytes(setting(of: wires[index].judge, nowMs))
        frames.append(bytes)
        if isTracing { note("wire \(wires[index].id) → type \(recipe.type), \(bytes.count) bytes, \(recipe.delivery)") }
        switch recipe.delivery {
        case .whole: send(index, bytes, nowMs: nowMs)
        case .cut(let at): send(index, Array(bytes.prefix(min(at, bytes.count - 1))), nowMs: nowMs)
        case .split(let at):
            let first = min(at, bytes.count)
            send(index, Array(bytes[..<first]), nowMs: nowMs)
            rest = (Array(bytes[first...]), now + Lane.splitNanoseconds)
        case .drip:
            let width = max(1, (bytes.count + Lane.dripsMax - 1) / Lane.dripsMax)
            for start in stride(from: 0, to: bytes.count, by: width) {
                send(index, Array(bytes[start..<min(start + width, bytes.count)]), nowMs: nowMs)
            }
        }
    }

    private mutating func send(_ index: Int, _ bytes: [UInt8], nowMs: Int64) {
        guard !bytes.isEmpty else { return }
        actions.append(.send(wires[index].id, bytes))
        let owed = wires[index].judge.owesWelcome
        wires[index].judge.sent(bytes, nowMs: nowMs, &book)
        guard !owed, wires[index].judge.owesWelcome, let greeted = wires[index].judge.hello?.stream else { return }
        for other in wires.indices where other != index && !wires[other].isGone {
            if wires[other].judge.hello?.stream == greeted { wires[other].judge.supersede(&book) }
        }
    }

    private func setting(of judge: SessionJudge, _ nowMs: Int64) -> Setting {
        let record = book[stream]
        let isOpen = judge.isWelcomed
        return Setting(
            stream: stream, committed: isOpen ? judge.acknowledged : record.acknowledged,
            accepted: isOpen ? judge.accepted : record.acknowledged, token: token, clockMs: nowMs, epoch: epoch)
    }

    // MARK: Ends

    private var interruption: String? {
        for wire in wires {
            if let words = wire.judge.interruption { return words }
            if let words = wire.refusal, wire.opening == .session || wire.opening == .secure { return words }
        }
        return nil
    }

    private mutating func conclude(_ verdict: Verdict) -> Verdict {
        script = nil
        let lent = present.map { wires[$0] }
        let isLent =
            verdict == .passed && lent.map { $0.opening == .session && $0.judge.isClean && $0.judge.hasRoom } == true
        for wire in wires where !isLent || wire.id != current { end(wire.id) }
        wires.removeAll { $0.isGone }
        if !isLent { current = nil }
        if case .broken = verdict {
            // What the gateway has of it is anyone's guess.
            stream = random.uuid().bytes
        }
        return verdict
    }

    /// Ends every wire: the lane is done, or the next case wants a connection of its own.
    package mutating func endAll() {
        for wire in wires { end(wire.id) }
        wires.removeAll { $0.isGone }
        current = nil
    }

    private mutating func end(_ id: Int) {
        guard let index = wires.firstIndex(where: { $0.id == id }), !wires[index].isGone else { return }
        wires[index].isGone = true
        actions.append(.end(id))
        if isTracing { note("wire \(id) is hung up") }
    }

    // MARK: Helpers

    private mutating func change(_ id: Int, _ body: (inout Wire) -> Void) {
        guard let index = wires.firstIndex(where: { $0.id == id }) else { return }
        body(&wires[index])
    }

    private mutating func keep(_ found: Finding?) {
        if finding == nil { finding = found }
    }

    private mutating func note(_ words: String) {
        guard isTracing, trace.count < Lane.traceMax else { return }
        trace.append(words)
    }
}

extension SessionJudge {
    /// Another case will not come to the bounds of one connection.
    var hasRoom: Bool { probes < 90 && rejects < 40 && pings < 2 && adoptions < 200 }
}
