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
}
