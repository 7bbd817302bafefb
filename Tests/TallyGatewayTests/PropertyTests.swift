import Foundation
import TallyGateway
import TallyGenerator
import TallyModel
import TallyWire
import Testing

/// Random traffic, cut at random places: the totals are those that the generator knows.
@Suite("Gateway properties")
struct PropertyTests {
    @Test(
        "However a workstation's events are cut into batches, repeated and interrupted, each counts exactly once",
        arguments: [11, 12] as [UInt64])
    func exactlyOnce(seed: UInt64) throws {
        let rig = try Rig()
        let token = try rig.enroll()
        var random = Dice(seed: seed)
        let start = Int64(Date().timeIntervalSince1970 * 1_000) - 20 * 86_400_000
        var load = EventLoad(seed: seed, startMs: start)
        var uplink = Uplink(token: token, events: (0..<4_000).map { _ in load.nextEvent() })
        var connections = 0
        while uplink.acknowledged < 4_000, connections < 200 {
            connections += 1
            let peer = try rig.peer()
            let welcome = try peer.open(uplink.hello())
            try uplink.welcomed(welcome)
            // All of it was committed although the last connection was cut before it heard so.
            guard uplink.acknowledged < 4_000 else { break }
            for _ in 0..<random.number(1...12) where uplink.sent < 4_000 {
                if random.number(0...9) == 0, let repeated = uplink.lastBatch { peer.send(.batch(repeated)) }
                peer.send(.batch(try uplink.next(random.number(1...120))))
            }
            switch random.number(0...2) {
            case 0: peer.cut()
            case 1:
                let through = UInt64(random.number(Int(uplink.acknowledged)...uplink.sent))
                uplink.take(try peer.ack(through: through))
                peer.cut()
            default: uplink.take(try peer.ack(through: UInt64(uplink.sent)))
            }
            if connections == 5 {
                rig.stop()
                try rig.start()
            }
        }
        let note: Comment = "seed \(seed), \(connections) connections"
        #expect(uplink.acknowledged == 4_000, note)
        let totals = try rig.usage(by: ["hour", "model", "session", "project", "origin"]).totals
        let truth = load.totals
        #expect(totals.events == 4_000, note)
        #expect(totals.input_tokens == Int(truth.inputTokens), note)
        #expect(totals.cache_read_tokens == Int(truth.cacheReadTokens), note)
        #expect(totals.cache_write_5m_tokens == Int(truth.cacheWrite5mTokens), note)
        #expect(totals.cache_write_1h_tokens == Int(truth.cacheWrite1hTokens), note)
        #expect(totals.output_tokens == Int(truth.outputTokens), note)
        #expect(totals.reasoning_tokens == Int(truth.reasoningTokens), note)
        #expect(totals.web_searches == Int(truth.webSearches), note)
        #expect(totals.unpriced_events == Int(truth.unpricedEvents), note)
        #expect(totals.cost_nano_usd == Int(truth.cost.nanoUSDRounded), note)
        #expect(totals.first_ms == truth.firstMs && totals.last_ms == truth.lastMs, note)
        #expect(try rig.done(.verify(tenant: nil)).contains("clean"), note)
    }
}

/// A stream of events that are cut into batches anew after every interruption.
private struct Uplink: ~Copyable {
    private var spool: Spool
    private let events: [Event]
    private var chains: [Int: ChainValue] = [:]
    private(set) var acknowledged: UInt64 = 0
    private(set) var lastBatch: BatchFrame?

    init(token: String, events: [Event]) {
        spool = Spool(token: token)
        self.events = events
    }

    var sent: Int { Int(spool.last) }

    func hello() -> Hello { spool.hello() }

    /// Goes on behind what the gateway has.
    mutating func welcomed(_ welcome: Welcome) throws {
        try #require(welcome.committed.sequence.value >= acknowledged, "what was acknowledged is never lost")
        acknowledged = welcome.committed.sequence.value
        spool.rewind(to: acknowledged, chain: welcome.committed.chain)
        lastBatch = nil
    }

    mutating func next(_ count: Int) throws -> BatchFrame {
        let end = min(sent + count, events.count)
        let batch = try spool.batch(Array(events[sent..<end]))
        lastBatch = batch
        return batch
    }

    mutating func take(_ ack: Ack) { acknowledged = max(acknowledged, ack.committed.value) }
}

/// Reproducible draws.
struct Dice {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 2_654_435_769 | 1 }
    mutating func number(_ range: ClosedRange<Int>) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return range.lowerBound + Int((state >> 33) % UInt64(range.count))
    }
}
