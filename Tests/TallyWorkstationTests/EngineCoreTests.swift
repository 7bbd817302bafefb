import TallyModel
import TallyProtocol
import TallyWire
import TestDisk
import TestEffort
import Testing

@testable import TallyWorkstation

/// The engine and its uplink as they run in the program, without a socket, a clock or a file.
@Suite("Engine")
struct EngineCoreTests {
    @Test("What is in the transcripts is at the gateway, once, and a second sync sends nothing")
    func sync() throws {
        let bench = try CoreBench()
        bench.write(0..<300)
        #expect(try bench.sync() == 0)
        #expect(bench.gateway.ledger.map(\.inputTokens).sorted() == (0..<300).map { UInt32(100 + $0) })
        #expect(bench.core.spool.state.unacknowledged == 0)
        let batches = bench.gateway.batches
        #expect(try bench.sync() == 0)
        #expect(bench.gateway.batches == batches)
    }

    @Test("The same seed gives the same trace, to the byte", arguments: [1, 2, 3] as [UInt64])
    func deterministic(seed: UInt64) throws {
        var traces: [[String]] = []
        for _ in 0..<2 {
            let bench = try CoreBench(seed: seed)
            var random = SeededRandom(seed)
            bench.core.follow(bench.now)
            bench.perform()
            for round in 0..<6 {
                bench.write(round * 50..<(round + 1) * 50)
                bench.core.folderChanged(bench.now)
                bench.perform()
                bench.isGatewayAway = random.chance(30)
                try bench.run(for: .milliseconds(Int64(100 + random.below(5_000))))
                if random.chance(40) { bench.cut() }
                if random.chance(30) {
                    try bench.restart(losingPower: random.chance(50))
                    bench.core.follow(bench.now)
                    bench.perform()
                }
            }
            traces.append(bench.trace)
        }
        #expect(traces[0].count > 20)
        #expect(traces[0] == traces[1])
    }

    @Test("Cut, killed and without power at any time, everything is at the gateway once when it is quiet again")
    func faults() throws {
        for seed in 0..<Effort.of(40) as Range<UInt64> {
            let bench = try CoreBench(seed: seed)
            var random = SeededRandom(seed &+ 1_000)
            bench.core.follow(bench.now)
            bench.perform()
            for round in 0..<8 {
                bench.write(round * 40..<(round + 1) * 40)
                bench.core.folderChanged(bench.now)
                bench.perform()
                bench.isGatewayAway = random.chance(20)
                var turns = random.below(40)
                try bench.run(for: .seconds(3)) { _ in
                    turns -= 1
                    return turns < 0
                }
                if random.chance(50) { bench.cut() }
                if random.chance(50) {
                    try bench.restart(losingPower: random.chance(50))
                    bench.core.follow(bench.now)
                    bench.perform()
                }
            }
            bench.isGatewayAway = false
            try bench.run(for: .seconds(300))
            let found = bench.gateway.ledger.map(\.inputTokens).sorted()
            #expect(found == (0..<320).map { UInt32(100 + $0) }, "seed \(seed)")
            #expect(bench.core.spool.state.unacknowledged == 0, "seed \(seed)")
            #expect(bench.failure == nil, "seed \(seed)")
        }
    }

    @Test("A sync with nothing to send asks the gateway all the same: a token that was revoked is told")
    func contact() throws {
        let bench = try CoreBench()
        bench.write(0..<3)
        #expect(try bench.sync() == 0)
        let dials = bench.dials
        // In contact just now: nothing needs to be asked.
        let frames = bench.gateway.frames.count
        #expect(try bench.sync() == 0)
        #expect(bench.gateway.frames.count == frames && bench.dials == dials)
        // Silent for a while: a PING is answered.
        try bench.run(for: .seconds(20))
        #expect(try bench.sync() == 0)
        #expect(bench.gateway.frames.count > frames)
        // A new process dials, and hears that its token is good no longer.
        try bench.restart(losingPower: false)
        bench.gateway.turnsAway = .revoked
        let command = bench.core.sync(wait: .seconds(10), bench.now)
        bench.perform()
        try bench.run(for: .seconds(60)) { $0.code(command) != nil }
        #expect(bench.code(command) == ExitStatus.tryLater)
        #expect(bench.text(command).contains("revoked"))
        // The gateway takes it again: the next sync does not wait for the long delay.
        bench.gateway.turnsAway = nil
        try bench.run(for: .seconds(15))
        #expect(try bench.sync() == 0)
    }

    @Test("A gateway of another tenant gets nothing")
    func otherTenant() throws {
        let bench = try CoreBench()
        bench.gateway.tenantKey = [UInt8](repeating: 8, count: 32)
        bench.write(0..<3)
        #expect(try bench.sync() == ExitStatus.failure)
        #expect(bench.failure == .notConnected)
        #expect(bench.gateway.ledger.isEmpty)
    }

    @Test("An idle engine wakes only for its search, and answers the gateway in time")
    func idle() throws {
        let bench = try CoreBench()
        bench.write(0..<3)
        bench.core.follow(bench.now)
        bench.perform()
        try bench.run(for: .seconds(60))
        var wakes = 0
        let end = bench.now.monotonic + .seconds(300)
        while let deadline = bench.core.deadline, deadline <= end {
            try bench.run(for: deadline.since(bench.now.monotonic) + .milliseconds(1))
            wakes += 1
        }
        // One search each 30 s, one PING each 30 s.
        #expect(wakes <= 25, "\(wakes)")
        #expect(bench.core.uplink.isOpen)
    }
}
