package import TallyModel

/// An endless stream of realistic usage events: 64 sessions, or as many as asked, of both agents and six models,
/// interleaved, prompts growing within each. For load benchmarks and for measuring codecs; keeps the true totals of
/// what it has given.
///
/// Time runs forward at the pace of one busy workstation; a session that ends makes room for a new one.
package struct EventLoad: Sequence, IteratorProtocol, Sendable {
    /// What `next` has given so far.
    package private(set) var totals = RollupCounts()
    private var random: SeededRandom
    private var timeMs: Int64
    /// The median of the time between two events; 30 s are the longest where it is 350 ms, and so on.
    private let paceMs: Int
    private var sessions: [LiveSession] = []
    private let models: [Model]
    private let prices = PriceList()

    package static let liveSessions = 64

    private struct Model: Sendable {
        let label: Label
        let agent: Agent
    }

    private struct LiveSession: Sendable {
        let id: SessionID
        let project: ProjectID
        let model: Model
        let origin: Origin
        let speed: Speed
        let isHourCache: Bool
        var cachedTokens: Int
        var callsLeft: Int
    }

    /// `startMs`: the time of the first event, at the latest; 2026-11-01T00:00:00Z unless given. `paceMs`: the median
    /// of the time between two events. Precondition: there is one session at least.
    package init(
        seed: UInt64, startMs: Int64 = 1_793_491_200_000, sessions liveSessions: Int = EventLoad.liveSessions,
        paceMs: Int = 350
    ) {
        precondition(liveSessions >= 1 && paceMs >= 1, "a load has a session and a pace")
        random = SeededRandom(seed: seed)
        timeMs = startMs
        self.paceMs = paceMs
        let names: [(String, Agent)] = [
            ("claude-opus-4-8", .claudeCode), ("claude-sonnet-4-5-20250929", .claudeCode),
            ("claude-haiku-4-5-20251001", .claudeCode), ("claude-opus-5-5", .claudeCode), ("gpt-5.3-codex", .codex),
            ("gpt-6.1-sol", .codex),
        ]
        models = names.map { Model(label: GeneratedNames.label($0.0), agent: $0.1) }
        for _ in 0..<liveSessions { sessions.append(newSession()) }
    }

    /// The next event; there always is one.
    package mutating func next() -> Event? { nextEvent() }

    /// The same without the optional that a sequence asks for.
    package mutating func nextEvent() -> Event {
        timeMs += Int64(random.logNormal(median: paceMs, sixteenths: 24, in: 1...30_000 * paceMs / 350))
        let index = random.number(in: 0...(sessions.count - 1))
        let event = call(of: index)
        sessions[index].callsLeft -= 1
        if sessions[index].callsLeft == 0 { sessions[index] = newSession() }
        totals += Truth.counts(event, cost: prices.cost(of: event))
        return event
    }

    private mutating func newSession() -> LiveSession {
        let isSubagent = random.chance(perMille: 200)
        let model = random.pick(models)
        let project = Bytes16(high: 0xA11C_E000, low: UInt64(random.number(in: 1...12)))
        let isClaude = model.agent == .claudeCode
        return LiveSession(
            id: SessionID(random.uuid()) ?? GeneratedNames.anySession, project: EventLoad.project(project),
            model: model,
            origin: isSubagent ? .subagent : .main, speed: isClaude ? .standard : .unknown,
            isHourCache: random.chance(perMille: 500), cachedTokens: 0,
            callsLeft: random.logNormal(median: 35, sixteenths: 18, in: 5...200))
    }

    private static func project(_ value: Bytes16) -> ProjectID {
        guard let project = ProjectID(value) else { preconditionFailure("a project's number is not zero") }
        return project
    }

    private mutating func call(of index: Int) -> Event {
        let session = sessions[index]
        var event = Event(timeMs: timeMs, session: session.id, agent: session.model.agent, model: session.model.label)
        event.project = session.project
        event.origin = session.origin
        event.speed = session.speed
        event.outcome = random.chance(perMille: 990) ? .ok : .error
        let output = random.logNormal(median: 280, sixteenths: 24, in: 3...16_000)
        event.outputTokens = UInt32(output)
        if random.chance(perMille: 450) { event.reasoningTokens = UInt32(output * random.number(in: 5...80) / 100) }
        let first = session.cachedTokens == 0 ? random.number(in: 9_000...22_000) : 0
        let added = first + random.logNormal(median: 800, sixteenths: 22, in: 20...60_000)
        event.cacheReadTokens = UInt32(session.cachedTokens)
        if session.model.agent == .codex {
            event.inputTokens = UInt32(added)
        } else {
            event.inputTokens = UInt32(random.number(in: 1...12))
            if session.isHourCache {
                event.cacheWrite1hTokens = UInt32(added)
            } else {
                event.cacheWrite5mTokens = UInt32(added)
            }
            event.tier = .standard
            event.durationMs = UInt32(random.logNormal(median: 6_000, sixteenths: 20, in: 400...600_000))
            if random.chance(perMille: 15) { event.webSearches = UInt16(random.number(in: 1...4)) }
        }
        event.toolCalls = random.chance(perMille: 700) ? UInt16(random.number(in: 1...3)) : 0
        let grown = session.cachedTokens + added
        sessions[index].cachedTokens = grown > 160_000 ? 0 : grown
        return event
    }
}
