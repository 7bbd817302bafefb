import TallyGenerator
import TallyModel
import Testing

@Suite("The load of events")
struct EventLoadTests {
    @Test("A load is valid, mixed, forward in time, repeatable, and knows its totals", arguments: [1, 2] as [UInt64])
    func load(seed: UInt64) {
        var load = EventLoad(seed: seed)
        var again = EventLoad(seed: seed)
        var truth = Truth()
        var sessions: Set<SessionID> = []
        var models: Set<Label> = []
        var lastMs: Int64 = 0
        for _ in 0..<5_000 {
            let event = load.nextEvent()
            #expect(event == again.nextEvent())
            #expect(EventRules.violation(event) == nil)
            #expect(event.timeMs > lastMs)
            lastMs = event.timeMs
            sessions.insert(event.session)
            if let model = event.model { models.insert(model) }
            truth.add(event)
        }
        #expect(sessions.count >= 50)
        #expect(models.count >= 3)
        #expect(load.totals == truth.totals)
        #expect(load.totals.events == 5_000)
    }

    @Test("Another seed is another load")
    func otherSeed() {
        #expect(Array(EventLoad(seed: 1).prefix(20)) != Array(EventLoad(seed: 2).prefix(20)))
    }

    /// bench/peers/test_peers.py holds the same figures against the same load in Python.
    @Test("Seed 1 is the load that the peers of bench/peers are given")
    func samePeers() {
        var load = EventLoad(seed: 1)
        var last = load.nextEvent()
        for _ in 1..<1_000 { last = load.nextEvent() }
        #expect(load.totals.inputTokens == 925_655)
        #expect(load.totals.cacheReadTokens == 22_996_752)
        #expect(load.totals.cacheWrite5mTokens == 810_710)
        #expect(load.totals.cacheWrite1hTokens == 865_921)
        #expect(load.totals.outputTokens == 463_420)
        #expect(load.totals.reasoningTokens == 85_233)
        #expect(load.totals.webSearches == 14)
        #expect(load.totals.toolCalls == 1_368)
        #expect(load.totals.lastMs == 1_793_491_783_990)
        #expect(last.session.value == Bytes16(high: 0xC86B_2A6E_ABCB_4DCE, low: 0xA259_2F4F_896D_5629))
        #expect(last.durationMs == 3_416)
    }
}
