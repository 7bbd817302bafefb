import TallyModel

@testable import TallyWire

/// Splitmix64: small, seedable, good enough to draw test rows. Tests print the seed.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
    mutating func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &self) == 0 }
    mutating func pick<Value>(_ values: [Value]) -> Value { values[Int.random(in: 0..<values.count, using: &self)] }
}

/// Draws events of every kind that keep every rule, with the shapes that batches have: few sessions, constant
/// columns now and then, values at their bounds now and then.
struct RandomEvents {
    var random: SeededRandom
    private var sessions: [SessionID] = []
    private var projects: [ProjectID] = []
    private var models: [Label] = []
    private var kinds: [EventKind] = []
    private var plain = false
    private var time: Int64 = 0

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    /// `count` events whose dictionaries and habits are drawn anew.
    mutating func batch(_ count: Int) -> [Event] {
        sessions = drawn(Int.random(in: 1...12, using: &random)) { SessionID($0) }
        projects = drawn(Int.random(in: 1...4, using: &random)) { ProjectID($0) }
        models = (0..<Int.random(in: 1...5, using: &random)).compactMap { _ in label() }
        kinds = random.chance(2) ? [.usage] : EventKind.allCases
        plain = random.chance(3)
        time = Int64.random(in: Limits.timeMsMin...Limits.timeMsMax, using: &random)
        return (0..<count).map { _ in event() }
    }

    private mutating func drawn<Value>(_ count: Int, _ make: (Bytes16) -> Value?) -> [Value] {
        (0..<count).compactMap { _ in make(Bytes16(high: random.next(), low: random.next())) }
    }

    private mutating func label() -> Label? {
        let first = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
        let rest = first + Array("._:/@+-".utf8)
        let length = random.chance(4) ? Limits.labelBytesMax : Int.random(in: 1...20, using: &random)
        return Label([random.pick(first)] + (1..<length).map { _ in random.pick(rest) })
    }

    mutating func event() -> Event {
        let kind = random.pick(kinds)
        time = min(max(time + Int64.random(in: -1_000...60_000, using: &random), Limits.timeMsMin), Limits.timeMsMax)
        if random.chance(200) { time = random.pick([Limits.timeMsMin, Limits.timeMsMax]) }
        var event = Event(
            kind: kind, timeMs: time, session: random.pick(sessions),
            agent: plain ? .codex : random.pick(Agent.allCases))
        if kind == .usage || kind == .correction || random.chance(3) { event.model = random.pick(models) }
        if !random.chance(3) { event.project = random.pick(projects) }
        event.origin = plain ? .main : random.pick(Origin.allCases)
        event.billing = plain ? .unknown : random.pick(Billing.allCases)
        if !plain {
            event.speed = random.pick(Speed.allCases)
            event.tier = random.pick(Tier.allCases)
            event.region = random.pick(Region.allCases)
        }
        addNumbers(to: &event)
        return event
    }

    private mutating func addNumbers(to event: inout Event) {
        switch event.kind {
        case .usage:
            addTokens(to: &event)
            event.outcome = plain ? .ok : random.pick(Outcome.allCases)
            if random.chance(2) { event.durationMs = UInt32.random(in: 0...Limits.durationMsMax, using: &random) }
        case .correction:
            addTokens(to: &event)
            event.contextTokens = tokens()
        case .state: event.state = random.pick(AgentState.allCases)
        case .sessionEnd: event.outcome = random.pick(Outcome.allCases)
        case .sessionStart: break
        }
    }

    private mutating func addTokens(to event: inout Event) {
        event.inputTokens = tokens()
        event.cacheReadTokens = tokens()
        event.cacheWrite5mTokens = plain ? 0 : tokens()
        event.cacheWrite1hTokens = random.chance(3) ? tokens() : 0
        event.cacheWriteUnknownTokens = random.chance(5) ? tokens() : 0
        event.outputTokens = tokens()
        event.reasoningTokens = UInt32.random(in: 0...event.outputTokens, using: &random)
        event.webSearches = random.chance(4) ? UInt16.random(in: 0...(.max), using: &random) : 0
        event.toolCalls = plain ? 1 : UInt16.random(in: 0...9, using: &random)
        if random.chance(3) {
            event.reportedCostNanoUSD = UInt64.random(in: 0...Limits.reportedCostNanoUSDMax, using: &random)
        }
    }

    private mutating func tokens() -> UInt32 {
        if random.chance(50) { return random.pick([0, 1, 127, 128, Limits.tokensMax]) }
        return UInt32.random(in: 0...(1 << UInt32.random(in: 0...20, using: &random)), using: &random)
    }
}

extension Batch {
    /// All rows as events; one that is none shows as a missing element.
    var events: [Event] { (0..<count).compactMap { event(at: $0) } }
}
