import TallyModel
import TallyProtocol
import TallyWire
import Testing

/// What was counted of a request while it grew, and in which of its copies.
@Suite("Adoption of calls that grew")
struct AdoptionGrowthTests {
    private static func call(
        _ session: Int, _ timeMs: Int64, prompt: UInt32 = 5_000, output: UInt32, reasoning: UInt32 = 0,
        searches: UInt16 = 0
    ) -> Event {
        var event = AdoptionWorld.event(session, "opus", timeMs)
        event.cacheReadTokens = prompt
        event.outputTokens = output
        event.reasoningTokens = reasoning
        event.webSearches = searches
        return event
    }

    private static func growth(
        _ session: Int, _ timeMs: Int64, prompt: UInt32 = 5_000, output: UInt32, reasoning: UInt32 = 0,
        searches: UInt16 = 0
    ) -> Event {
        var event = AdoptionWorld.event(session, "opus", timeMs, .correction)
        event.contextTokens = prompt
        event.outputTokens = output
        event.reasoningTokens = reasoning
        event.webSearches = searches
        return event
    }

    /// What is left to be sent of `read` where `counted` was, `sessions` 1, 2, 3 being transcripts.
    private static func settle(
        _ read: [Event], counted: [Event], times: Int = 1, windowEventsMax: Int = 65_536
    ) -> AdoptionSpool {
        var ledger = AdoptionLedger()
        ledger.streams = [AdoptionTests.old: counted]
        var spool = AdoptionSpool(
            AdoptionTests.new, read, AdoptionTests.lost, windowEventsMax: windowEventsMax)
        for time in 0..<times {
            if time > 0 {
                // The connection broke before anything was sent: the next one asks about everything again.
                spool.adoption = Adoption(
                    AdoptionTests.lost, through: .zero, hashSeed: 1, windowEventsMax: windowEventsMax)
            }
            spool.adoption.relate([1, 2, 3].compactMap { SessionID(Bytes16(high: 7, low: $0)) })
            let isSettled = spool.settle(ledger)
            #expect(isSettled)
        }
        return spool
    }

    private static func sums(_ events: [Event]) -> [UInt64] {
        [
            events.reduce(0) { $0 + $1.controlTokens }, events.reduce(0) { $0 + UInt64($1.reasoningTokens) },
            events.reduce(0) { $0 + UInt64($1.webSearches) },
            events.reduce(0) { $0 + ($1.reportedCostNanoUSD ?? 0) },
            events.reduce(0) { $0 + ($1.kind == .usage ? 1 : 0) },
        ]
    }

    @Test("TG-B8-4 What a request grew by and nobody counted is sent as a correction, however often it is asked about")
    func lostGrowth() {
        var sent = 0
        for seed in UInt64(1)...500 {
            var world = AdoptionWorld(seed: seed, requests: 1 + Int(seed % 30), ties: false)
            var counted: [Event] = []
            for request in world.requests where world.random.chance(80) {
                counted.append(request.first)
                counted += request.growth.prefix(world.random.below(request.growth.count + 1))
            }
            let read = world.requests.map(\.whole)
            let spool = Self.settle(read, counted: counted, times: 1 + Int(seed % 3))
            #expect(Self.sums(counted + spool.events) == Self.sums(read), "seed \(seed)")
            #expect(spool.report.differing == 0, "seed \(seed)")
            #expect(spool.report.missing == .zero && spool.report.surplus == .zero, "seed \(seed)")
            let corrections = spool.events.filter { $0.kind == .correction }
            for event in corrections { #expect(EventRules.violation(event) == nil, "seed \(seed)") }
            sent += corrections.count
        }
        #expect(sent > 200)
    }

    @Test("TG-B8-4 A correction by what was not counted has the whole prompt, and is not taken for another home's")
    func correction() throws {
        let whole = Self.call(1, 100, output: 900, reasoning: 300, searches: 3)
        let counted = [
            Self.call(1, 100, output: 10, reasoning: 10, searches: 1), Self.growth(1, 100, output: 90, reasoning: 20),
        ]
        let spool = Self.settle([whole], counted: counted, times: 3)
        let event = try #require(spool.events.first)
        #expect(spool.events.count == 1 && event.kind == .correction)
        #expect(event.outputTokens == 800 && event.reasoningTokens == 270 && event.webSearches == 2)
        #expect(event.cacheReadTokens == 0 && event.contextTokens == 5_000 && event.timeMs > 100)
        // A third home reads the same, after this one has sent it.
        let third = Self.settle([whole], counted: counted + spool.events)
        #expect(third.events == [] && third.report.surplus == .zero)
    }

    @Test("TG-B8-4 Corrections that interleave in one session explain the requests whose prompts they name")
    func interleaved() {
        let read = [Self.call(1, 100, prompt: 700, output: 50), Self.call(1, 101, prompt: 800, output: 70)]
        let counted = [
            Self.call(1, 100, prompt: 700, output: 10), Self.call(1, 101, prompt: 800, output: 10),
            Self.growth(1, 102, prompt: 700, output: 15), Self.growth(1, 103, prompt: 800, output: 60),
            Self.growth(1, 104, prompt: 700, output: 25),
        ]
        let spool = Self.settle(read, counted: counted)
        #expect(spool.events == [] && spool.report.differing == 0 && spool.report.missing == .zero)
    }

    @Test("TG-B8-3 A copy of a call that was counted before it was whole counts what it grew by, and no call")
    func grownCopy() {
        let read = [Self.call(2, 100, output: 900), Self.call(2, 200, prompt: 6_000, output: 30)]
        for growth in [[], [Self.growth(1, 101, output: 400)], [Self.growth(1, 101, output: 890)]] {
            let counted = [Self.call(1, 100, output: 10)] + growth
            let spool = Self.settle(read, counted: counted, times: 2)
            #expect(Self.sums(counted + spool.events) == Self.sums(read))
            #expect(spool.report.differing == 0)
        }
    }

    @Test("TG-B8-3 A copy that begins with the second line of a call is that call; a twin of an unrelated time is not")
    func cutCopy() {
        // Session 2 copies session 1 from the second line of its first call on.
        let read = [
            Self.call(2, 101, output: 900), Self.call(2, 200, prompt: 6_000, output: 30),
            Self.call(2, 300, prompt: 7_000, output: 40),
        ]
        let counted = [Self.call(1, 100, output: 350), Self.call(1, 200, prompt: 6_000, output: 30)]
        let spool = Self.settle(read, counted: counted, times: 2)
        #expect(Self.sums(counted + spool.events) == Self.sums(read))
        // Nothing shows that session 3 is a copy of session 1: its calls are its own, however alike.
        let own = [Self.call(3, 101, output: 900), Self.call(3, 400, prompt: 9_000, output: 1)]
        #expect(Self.settle(own, counted: counted).events == own)
        // A copy, but of another time than the call.
        let late = [Self.call(2, 200, prompt: 6_000, output: 30), Self.call(2, 700_000, output: 900)]
        #expect(Self.settle(late, counted: counted).events == [late[1]])
    }

    @Test("TG-B8-3 A copy is found though nothing was told of its session when an earlier call of it was asked about")
    func silentSession() {
        let read = [Self.call(2, 50, prompt: 4_000, output: 1), Self.call(2, 100, output: 10)]
        let spool = Self.settle(read, counted: [Self.call(1, 100, output: 10)], windowEventsMax: 1)
        #expect(spool.events == [read[0]])
    }

    @Test("TG-B8-4 Corrections that nobody counted stay as they are, and those counted otherwise divided count once")
    func dividedCorrections() {
        let call = Self.call(1, 100, output: 10)
        let alone = [call, Self.growth(1, 102, output: 90)]
        #expect(Self.settle(alone, counted: [call]).events == [alone[1]])
        let counted = [call, Self.growth(1, 101, output: 40), Self.growth(1, 103, output: 30)]
        let spool = Self.settle(alone, counted: counted, times: 2)
        #expect(Self.sums(counted + spool.events) == Self.sums(alone))
    }

    @Test("TG-B8-4 What was counted beyond what the sources tell is shown, and nothing is sent for it")
    func surplus() {
        let spool = Self.settle(
            [Self.call(1, 100, output: 60)], counted: [Self.call(1, 100, output: 10), Self.growth(1, 103, output: 90)])
        #expect(spool.events == [] && spool.report.differing == 1)
        #expect(spool.report.surplus.tokens == 40 && spool.report.missing == .zero)
    }
}
