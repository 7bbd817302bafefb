import TallyLog
import TallyModel
import TallyProtocol
import TallyWire
import TestDisk
import Testing

@testable import TallyWorkstation

/// The bound of a spool, reached: nothing is lost, and everybody is told.
@Suite("Full spool")
struct FullSpoolTests {
    private func smallBench() throws -> CoreBench {
        var options = Spool.options
        options.segmentBytes = 4_096
        options.bufferBytesMax = 4_096
        options.preallocationBytes = 4_096
        let bench = try CoreBench(options: options)
        bench.isGatewayAway = true
        return bench
    }

    /// Segments of their own, until there is no room.
    private func fill(_ bench: CoreBench) throws -> Int {
        var number = 0
        while !bench.core.spool.isFull {
            bench.write(number..<number + 1)
            number += 1
            bench.core.scanNow(settlingAll: true, bench.now)
            bench.perform()
            try bench.run(for: .milliseconds(250))
            try bench.core.spool.roll(nowMs: bench.now.wallMs)
        }
        return number
    }

    @Test("A full spool reads nothing more, says so, counts it, and goes on by itself with nothing lost")
    func full() throws {
        let bench = try smallBench()
        let before = try fill(bench)
        #expect(bench.core.spool.state.tip.sequence == Sequence64(UInt64(before)))
        bench.write(before..<before + 20)
        let command = bench.core.sync(wait: .seconds(5), bench.now)
        bench.perform()
        try bench.run(for: .seconds(60)) { $0.code(command) != nil }
        #expect(bench.code(command) == ExitStatus.tryLater)
        #expect(bench.text(command).contains("the spool is full"))
        #expect(bench.notices.contains { $0.contains("the spool is full") })
        #expect(bench.core.spool.state.tip.sequence == Sequence64(UInt64(before)), "nothing more was read")
        #expect(bench.core.spool.state.counts.fullTimes == 1)
        #expect(bench.core.status(bench.now).isFull)
        // A process that starts now finds the same.
        try bench.restart(losingPower: true)
        #expect(bench.core.spool.state.isFull && bench.core.spool.state.counts.fullTimes == 1)
        bench.core.scanNow(settlingAll: true, bench.now)
        bench.perform()
        try bench.run(for: .seconds(2))
        #expect(bench.core.spool.state.counts.fullTimes == 2)
        bench.isGatewayAway = false
        try bench.run(for: .seconds(120))
        #expect(!bench.core.spool.isFull)
        #expect(bench.notices.contains { $0.contains("has room again") })
        #expect(bench.core.spool.state.counts.fullMs >= 1_000)
        let found = bench.gateway.ledger.map(\.inputTokens).sorted()
        #expect(found == (0..<before + 20).map { UInt32(100 + $0) })
    }

    @Test("A send into a full spool is refused with the line from which nothing was taken, and ends with 75")
    func send() throws {
        let bench = try smallBench()
        let line = Array(
            """
            {"time_ms":1790000000000,"session":"00000000-0000-4000-8000-000000000001","agent":"other","model":"m-1",\
            "input_tokens":5,"output_tokens":1}

            """.utf8)
        let command = bench.core.beginSend(wait: .seconds(3), bench.now)
        #expect(bench.core.feed(command, line + line + line.prefix(20), bench.now))
        bench.perform()
        _ = try fill(bench)
        #expect(!bench.core.feed(command, Array(line.dropFirst(20)), bench.now))
        bench.core.endSend(command, isCut: true, bench.now)
        bench.perform()
        #expect(bench.text(command).contains("refused from line 3 on"))
        bench.isGatewayAway = false
        try bench.run(for: .seconds(120))
        #expect(bench.code(command) == ExitStatus.tryLater)
        let sent = bench.gateway.ledger.filter { $0.inputTokens == 5 }
        #expect(sent.count == 2, "what was taken is sent, the half line is not")
    }

    @Test("What a running tally says of itself arrives as it was said")
    func status() throws {
        let bench = try CoreBench()
        bench.write(0..<5)
        #expect(try bench.sync() == 0)
        var status = bench.core.status(bench.now)
        #expect(status.connection == "connected" && status.counts.events == 5 && status.acknowledged == 5)
        #expect(status.counts.acknowledgedEvents == 5 && status.counts.connections == 1)
        status.problem = "the gateway fell silent: try again"
        status.isFull = true
        #expect(LiveStatus(decoding: status.encode()) == status)
        bench.isGatewayAway = true
        bench.cut()
        try bench.run(for: .seconds(20))
        status = bench.core.status(bench.now)
        #expect(status.connection == "waiting" && status.problem == "nothing listens")
        #expect(LiveStatus(decoding: status.encode()) == status)
        #expect(LiveStatus(decoding: "nonsense") == nil)
    }
}
