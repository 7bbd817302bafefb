import TallyModel
import TallyPricing
import TallyRollup
import Testing

@Suite("Aggregating")
struct AggregatorTests {
    struct Arrival: Sendable {
        var event: Event
        var workstation: WorkstationID
        var ms: Int64
    }

    static let hashKey = HashKey(first: 0x1234_5678_9ABC_DEF0, second: 0x0FED_CBA9_8765_4321)

    /// Random valid events over few sessions, models and days, so that cells are hit often.
    static func arrivals(_ count: Int, _ random: inout Seeded) throws -> [Arrival] {
        let models = try ["claude-opus-5", "claude-haiku-4-5-20251001", "gpt-5.2-codex", "no-such-model", "gpt-5.1"].map
        {
            try require(Label($0))
        }
        var found: [Arrival] = []
        for _ in 0..<count {
            let session = try require(SessionID(Bytes16(high: random.next() % 3, low: random.next() % 5 + 1)))
            let ms = november2026 + Int64(random.next() % 40) * 300_000
            var event = Event(
                kind: EventKind.allCases.randomElement(using: &random) ?? .usage, timeMs: ms, session: session,
                agent: [Agent.claudeCode, .codex].randomElement(using: &random) ?? .other)
            event.project = random.next() % 2 == 0 ? nil : ProjectID(Bytes16(high: 0, low: random.next() % 2 + 1))
            switch event.kind {
            case .sessionStart, .sessionEnd: break
            case .state: event.state = AgentState.allCases.randomElement(using: &random)
            case .usage, .correction:
                event.model = models.randomElement(using: &random)
                event.origin = Origin.allCases.randomElement(using: &random) ?? .unknown
                event.inputTokens = .random(in: 0...Limits.tokensMax, using: &random)
                event.cacheReadTokens = .random(in: 0...1_000_000, using: &random)
                event.outputTokens = .random(in: 0...10_000, using: &random)
                event.reasoningTokens = event.outputTokens / 2
                event.cacheWriteUnknownTokens = random.next() % 4 == 0 ? 100 : 0
                event.webSearches = UInt16(random.next() % 2)
                event.toolCalls = UInt16(random.next() % 9)
                event.reportedCostNanoUSD = random.next() % 2 == 0 ? nil : random.next() % 1_000_000
                if event.kind == .correction { event.contextTokens = 1_000 }
            }
            #expect(EventRules.violation(event) == nil)
            found.append(
                Arrival(event: event, workstation: WorkstationID(random.next() % 2), ms: ms + Int64(random.next() % 9)))
        }
        return found
    }

    /// The same rules once more, on Swift's own Dictionary and without a table, a cache or a fold.
    static func model(_ arrivals: [Arrival], _ book: PriceBook) throws -> [RollupKey: RollupCounts] {
        var cells: [RollupKey: RollupCounts] = [:]
        for arrival in arrivals where arrival.event.kind == .usage || arrival.event.kind == .correction {
            let event = arrival.event
            let key = RollupKey(
                quarter: arrival.ms / 900_000, workstation: arrival.workstation, agent: event.agent,
                model: try require(event.model), origin: event.origin, project: event.project, session: event.session)
            var one = RollupCounts()
            one.events = event.kind == .usage ? 1 : 0
            one.inputTokens = Int64(event.inputTokens)
            one.cacheReadTokens = Int64(event.cacheReadTokens)
            one.cacheWrite5mTokens = Int64(event.cacheWrite5mTokens)
            one.cacheWrite1hTokens = Int64(event.cacheWrite1hTokens)
            one.cacheWriteUnknownTokens = Int64(event.cacheWriteUnknownTokens)
            one.outputTokens = Int64(event.outputTokens)
            one.reasoningTokens = Int64(event.reasoningTokens)
            one.webSearches = Int64(event.webSearches)
            one.toolCalls = Int64(event.toolCalls)
            one.reportedCostNanoUSD = Int64(event.reportedCostNanoUSD ?? 0)
            let money = book.price(event, effectiveMs: arrival.ms).money
            one.cost = money ?? .zero
            one.unpricedEvents = event.kind == .usage && money == nil ? 1 : 0
            (one.firstMs, one.lastMs) = (arrival.ms, arrival.ms)
            cells[key, default: RollupCounts()] += one
        }
        return cells
    }

    static func fold(_ arrivals: [Arrival], _ book: PriceBook, _ key: HashKey = hashKey) -> Aggregator {
        var aggregator = Aggregator(book: book, hashKey: key)
        for one in arrivals { aggregator.add(one.event, workstation: one.workstation, effectiveMs: one.ms) }
        return aggregator
    }

    static func cells(_ deltas: Aggregator.Deltas) -> [RollupKey: RollupCounts] {
        Dictionary(uniqueKeysWithValues: deltas.cells.map { ($0.key, $0.counts) })
    }

    static func sessions(_ deltas: Aggregator.Deltas) -> [SessionKey: SessionDelta] {
        Dictionary(uniqueKeysWithValues: deltas.sessions.map { ($0.key, $0.delta) })
    }

    @Test("The cells are those of a plain dictionary, event by event", arguments: [11, 12, 13] as [UInt64])
    func naive(seed: UInt64) throws {
        print("seed \(seed)")
        var random = Seeded(seed)
        let arrivals = try Self.arrivals(4_000, &random)
        let book = try builtIn()
        let aggregator = Self.fold(arrivals, book)
        #expect(Self.cells(aggregator.deltas()) == (try Self.model(arrivals, book)), "seed \(seed)")
        #expect(aggregator.count > 500, "the test must fill many cells")
    }

    @Test("The order of events changes no total, no session and no price", arguments: [21, 22, 23] as [UInt64])
    func order(seed: UInt64) throws {
        print("seed \(seed)")
        var random = Seeded(seed)
        let arrivals = try Self.arrivals(2_000, &random)
        let book = try builtIn()
        let first = Self.fold(arrivals, book).deltas()
        let second = Self.fold(arrivals.shuffled(using: &random), book, HashKey(first: 1, second: 2)).deltas()
        #expect(Self.cells(first) == Self.cells(second), "seed \(seed)")
        #expect(Self.sessions(first) == Self.sessions(second), "seed \(seed)")
    }

    @Test("Drained in pieces, the sums of the parts are the whole", arguments: [31, 32] as [UInt64])
    func pieces(seed: UInt64) throws {
        print("seed \(seed)")
        var random = Seeded(seed)
        let arrivals = try Self.arrivals(3_000, &random)
        let book = try builtIn()
        var aggregator = Aggregator(book: book, hashKey: Self.hashKey)
        var cells: [RollupKey: RollupCounts] = [:]
        var sessions: [SessionKey: SessionDelta] = [:]
        for (index, one) in arrivals.enumerated() {
            aggregator.add(one.event, workstation: one.workstation, effectiveMs: one.ms)
            guard random.next() % 50 == 0 || index == arrivals.count - 1 else { continue }
            let part = aggregator.drain()
            #expect(aggregator.isEmpty)
            for (key, counts) in part.cells { cells[key, default: RollupCounts()] += counts }
            for (key, delta) in part.sessions { sessions[key, default: delta].merge(delta) }
        }
        let whole = Self.fold(arrivals, book).deltas()
        #expect(cells == Self.cells(whole), "seed \(seed)")
        #expect(sessions == Self.sessions(whole), "seed \(seed)")
    }

    @Test("The order of draining is the order of arrival, whatever the hash key")
    func draining() throws {
        var random = Seeded(41)
        let arrivals = try Self.arrivals(500, &random)
        let book = try builtIn()
        let keys = [HashKey(first: 0, second: 0), HashKey(first: .max, second: 1), Self.hashKey].map {
            Self.fold(arrivals, book, $0).deltas().cells.map(\.key)
        }
        #expect(keys[0] == keys[1])
        #expect(keys[1] == keys[2])
    }

    @Test("A correction adds tokens and cost but no event, and no unpriced event")
    func corrections() throws {
        var aggregator = Aggregator(book: try builtIn(), hashKey: Self.hashKey)
        for model in ["claude-opus-5", "no-such-model"] {
            let call = try usage(model) { $0.outputTokens = 10 }
            let growth = try usage(model) { ($0.kind, $0.outputTokens, $0.contextTokens) = (.correction, 5, 9) }
            aggregator.add(call, workstation: WorkstationID(1), effectiveMs: november2026)
            aggregator.add(growth, workstation: WorkstationID(1), effectiveMs: november2026)
        }
        let cells = aggregator.drain().cells.map(\.counts)
        #expect(cells.map(\.events) == [1, 1])
        #expect(cells.map(\.outputTokens) == [15, 15])
        #expect(cells.map(\.unpricedEvents) == [0, 1])
        #expect(cells.map(\.cost.femtoUSD) == [15 * 25_000_000_000, 0])
    }

    @Test("A session ends in its latest state, and a tie goes to the further one")
    func sessions() throws {
        func event(_ kind: EventKind, _ state: AgentState? = nil) throws -> Event {
            var event = try usage("claude-opus-5")
            (event.kind, event.state, event.model) = (kind, state, nil)
            return event
        }
        let steps: [(Event, Int64)] = [
            (try event(.sessionStart), 10), (try event(.state, .working), 20), (try event(.state, .idle), 30),
            (try usage("claude-opus-5"), 99), (try event(.sessionEnd), 30),
        ]
        for order in [steps, steps.reversed()] {
            var aggregator = Aggregator(book: try builtIn(), hashKey: Self.hashKey)
            for (event, ms) in order { aggregator.add(event, workstation: WorkstationID(1), effectiveMs: ms) }
            #expect(aggregator.count == 1)
            let delta = try require(aggregator.drain().sessions.first?.delta)
            #expect(
                delta == SessionDelta(firstMs: 10, lastMs: 99, agent: .claudeCode, phase: .ended, phaseMs: 30))
        }
    }

    @Test("Sums at the end of their type stay there instead of trapping")
    func saturation() throws {
        var counts = RollupCounts()
        (counts.inputTokens, counts.reportedCostNanoUSD) = (.max - 5, .max)
        counts.cost = Money(femtoUSD: .max - 1)
        let event = try usage("claude-opus-5") { ($0.inputTokens, $0.reportedCostNanoUSD) = (10, 1) }
        counts.fold(event, price: try builtIn().price(event, effectiveMs: november2026), effectiveMs: november2026)
        #expect(counts.inputTokens == .max)
        #expect(counts.reportedCostNanoUSD == .max)
        #expect(counts.cost.femtoUSD == .max)
    }

    @Test("An aggregator says when it is full, and one more batch fits")
    func full() throws {
        var aggregator = Aggregator(book: try builtIn(), hashKey: Self.hashKey, cellsMax: 10)
        for number in 0..<(10 + Limits.batchEventsMax) {
            #expect(aggregator.isFull == (number >= 10))
            let event = try usage("claude-opus-5")
            aggregator.add(event, workstation: WorkstationID(1), effectiveMs: Int64(number) * 900_000)
        }
        #expect(aggregator.drain().cells.count == 10 + Limits.batchEventsMax)
        #expect(!aggregator.isFull)
    }

    @Test("Quarter-hours are rounded down, before 1970 too")
    func quarters() {
        #expect(Aggregator.quarter(899_999) == 0)
        #expect(Aggregator.quarter(900_000) == 1)
        #expect(Aggregator.quarter(-1) == -1)
        #expect(Aggregator.quarter(-900_000) == -1)
    }
}
