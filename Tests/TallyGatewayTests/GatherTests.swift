import TallyModel
import Testing

@testable import TallyGateway

@Suite("When a round begins at once, and when a moment later")
struct GatherTests {
    private func delivery(_ commands: Int, shard: UInt16? = 0, senders: Int) -> ShardDelivery {
        ShardDelivery(
            shard: shard, commands: Array(repeating: .revoke(WorkstationID(1)), count: commands), senders: senders)
    }

    @Test("A lone sender never waits") func lone() {
        var policy = GatherPolicy()
        policy.came(delivery(1, senders: 1))
        #expect(policy.isEnough)
    }

    @Test("Nothing waits where nobody has sent for long") func none() {
        var policy = GatherPolicy()
        policy.came(delivery(1, senders: 0))
        #expect(policy.isEnough)
    }

    @Test("A thousand senders wait until an eighth of them have something") func eighth() {
        var policy = GatherPolicy()
        policy.came(delivery(124, senders: 1_000))
        #expect(!policy.isEnough)
        policy.came(delivery(1, senders: 1_000))
        #expect(policy.isEnough)
    }

    @Test("The next round counts anew") func anew() {
        var policy = GatherPolicy()
        policy.came(delivery(200, senders: 1_000))
        policy.taken()
        policy.came(delivery(10, senders: 1_000))
        #expect(!policy.isEnough)
    }

    @Test("Senders of all shards count, each shard by its last word") func shards() {
        var policy = GatherPolicy()
        policy.came(delivery(0, shard: 3, senders: 800))
        policy.came(delivery(10, shard: 0, senders: 80))
        #expect(!policy.isEnough)
        policy.came(delivery(0, shard: 3, senders: 0))
        #expect(policy.isEnough)
    }

    @Test("An administrator's command waits for nobody") func administrator() {
        var policy = GatherPolicy()
        policy.came(delivery(1, senders: 1_000))
        policy.came(delivery(1, shard: nil, senders: 0))
        #expect(policy.isEnough)
    }

    @Test("The census counts each connection once in a period") func census() {
        var census = SenderCensus()
        var marks = [UInt8](repeating: 0, count: 7)
        for batch in 0..<(2 * SenderCensus.period) {
            if batch < SenderCensus.period { #expect(census.senders == 0) }
            census.count(&marks[batch % 7])
        }
        #expect(census.senders == 7)
    }

    @Test("Who falls silent is not counted any more") func silent() {
        var census = SenderCensus()
        var marks = [UInt8](repeating: 0, count: 100)
        for batch in 0..<SenderCensus.period { census.count(&marks[batch % 100]) }
        #expect(census.senders == 100)
        for batch in 0..<SenderCensus.period { census.count(&marks[batch % 3]) }
        #expect(census.senders == 3)
    }
}
