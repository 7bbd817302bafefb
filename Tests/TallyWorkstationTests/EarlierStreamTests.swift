import TallyLog
import TallyModel
import TallyProtocol
import TallyWire
import TestDisk
import TestEffort
import Testing

@testable import TallyWorkstation

/// Streams that a spool had before, and a gateway that was put back to an older copy.
@Suite("Earlier streams")
struct EarlierStreamTests {
    /// Small segments, so that streams lie in many.
    private static var options: LogOptions {
        var options = Spool.options
        options.segmentBytes = 1 << 20
        return options
    }

    /// A bench whose spool had `streams` earlier streams of 20 calls each, all of them at the gateway, and 20 calls in
    /// the one that is written; the numbers of its calls are `0..<20 * (streams + 1)`. `copies[k]` is the gateway with
    /// the calls of k streams.
    private func bench(
        seed: UInt64 = 1, streams: Int
    ) throws -> (bench: CoreBench, copies: [WireGateway.Copy], ids: [StreamID]) {
        let bench = try CoreBench(seed: seed, options: EarlierStreamTests.options)
        var copies = [bench.gateway.state]
        var ids: [StreamID] = []
        for round in 0...streams {
            bench.write(round * 20..<(round + 1) * 20)
            #expect(try bench.sync() == 0)
            copies.append(bench.gateway.state)
            ids.append(bench.core.spool.state.stream)
            guard round < streams else { break }
            // The whole of it stays where it is; a stream of its own begins.
            bench.cut()
            try bench.core.spool.openNewStream(after: bench.core.spool.state.tip.sequence, nowMs: bench.now.wallMs)
            try bench.run(for: .seconds(5))
        }
        return (bench, copies, ids)
    }

    private func calls(_ count: Int) -> [UInt32] { (0..<count).map { UInt32(100 + $0) } }

    private func found(_ bench: CoreBench) -> [UInt32] { bench.gateway.ledger.map(\.inputTokens).sorted() }

    @Test(
        "After a restore every stream that is still kept is offered again, closed ones too, and each event counts once")
    func restored() throws {
        for seed in 0..<Effort.of(60) as Range<UInt64> {
            var random = SeededRandom(seed &+ 77)
            let streams = 1 + random.below(4)
            let (bench, copies, ids) = try bench(seed: seed, streams: streams)
            bench.cut()
            /// In every copy that has the first stream it is closed.
            func restore() {
                let copy = random.below(copies.count)
                bench.gateway.closed = copy > 0 ? [ids[0]] : []
                bench.gateway.restore(copies[copy])
            }
            restore()
            // Trouble at any point, and a second restore in the middle of it.
            for _ in 0..<random.below(7) {
                var turns = random.below(12)
                try bench.run(for: .seconds(5)) { _ in
                    turns -= 1
                    return turns < 0
                }
                switch random.below(4) {
                case 0: bench.cut()
                case 1: bench.disk.losePower(afterCalls: random.below(5))
                case 2:
                    bench.cut()
                    restore()
                default: break
                }
                if bench.failure != nil || random.chance(40) { try bench.restart(losingPower: random.chance(50)) }
            }
            try bench.restart(losingPower: random.chance(50))
            #expect(try bench.sync(wait: .seconds(60)) == 0, "seed \(seed)")
            #expect(found(bench) == calls(20 * (streams + 1)), "seed \(seed)")
            #expect(bench.gateway.gaps.isEmpty, "seed \(seed)")
            #expect(bench.core.spool.state.streamsToOffer.isEmpty, "seed \(seed)")
            #expect(bench.core.spool.state.counts.refusedStreams == 0, "seed \(seed)")
            #expect(bench.gateway.streams == Set(ids), "seed \(seed)")
        }
    }

    @Test("Streams that lost nothing cost one greeting each and send nothing")
    func nothingLost() throws {
        let (bench, _, ids) = try bench(streams: 3)
        bench.cut()
        let (greetings, batches) = (bench.gateway.greeted.count, bench.gateway.batches)
        bench.gateway.restore(bench.gateway.state)
        #expect(try bench.sync() == 0)
        try bench.run(for: .seconds(60))
        // The stream that is written begins and ends the round.
        #expect(Array(bench.gateway.greeted.dropFirst(greetings)) == [ids[3], ids[0], ids[1], ids[2], ids[3]])
        #expect(bench.gateway.batches == batches)
        #expect(found(bench) == calls(80))
        // It is done for this epoch, in the next process too.
        try bench.restart(losingPower: true)
        #expect(try bench.sync() == 0)
        try bench.run(for: .seconds(60))
        #expect(bench.gateway.greeted.count == greetings + 6)
        let live = bench.core.status(bench.now)
        let report = StatusReport(home: "/h", gateway: nil, state: bench.core.spool.state, live: live, isFull: false)
        #expect(report.text().contains("earlier        60 events kept of 3 earlier streams\n"))
    }

    @Test("A forked tail that moved into the next stream is offered there alone")
    func forkedTail() throws {
        let bench = try CoreBench(options: EarlierStreamTests.options)
        let empty = bench.gateway.state
        bench.write(0..<30)
        #expect(try bench.sync() == 0)
        bench.cut()
        bench.isGatewayAway = true
        bench.write(30..<50)
        _ = try bench.sync(wait: .seconds(1))
        // As after a fork that was found at 22, in the middle of a record.
        bench.gateway.restore(empty)
        try bench.core.spool.openNewStream(after: Sequence64(22), nowMs: bench.now.wallMs)
        #expect(bench.core.spool.state.kept.map(\.through) == [Sequence64(22)])
        bench.isGatewayAway = false
        try bench.restart(losingPower: true)
        #expect(try bench.sync(wait: .seconds(60)) == 0)
        #expect(found(bench) == calls(50))
        #expect(bench.gateway.gaps.isEmpty)
    }

    @Test("An earlier stream that the gateway gives to another workstation is given up and told")
    func givenUp() throws {
        let (bench, copies, ids) = try bench(streams: 2)
        bench.cut()
        bench.gateway.restore(copies[0])
        bench.gateway.foreign = [ids[0]]
        try bench.run(for: .seconds(60))
        #expect(try bench.sync() == 0)
        #expect(found(bench) == Array(calls(60).dropFirst(20)))
        for losesPower in [false, true] {
            let state = bench.core.spool.state
            #expect(state.counts.refusedStreams == 1 && state.counts.refusedStreamEvents == 20)
            let report = StatusReport(
                home: "/h", gateway: nil, state: state, live: bench.core.status(bench.now), isFull: false)
            #expect(report.text().contains("not taken      1 earlier streams of 20 events"))
            #expect(report.json().contains("\"to_offer\":0,\"not_taken\":1,\"not_taken_events\":20}"))
            try bench.restart(losingPower: losesPower)
            #expect(try bench.sync() == 0)
        }
    }

    @Test("An earlier stream that the gateway has otherwise is given up; one that it has more of lacks nothing")
    func copiedElsewhere() throws {
        for isFork in [true, false] {
            let (bench, _, ids) = try bench(streams: 1)
            // The same seed draws the same stream: a copy of the home that went another way.
            let copy = try CoreBench(options: EarlierStreamTests.options)
            copy.write(isFork ? 5..<25 : 0..<20)
            #expect(try copy.sync() == 0)
            copy.write(25..<35)
            #expect(try copy.sync() == 0)
            #expect(copy.core.spool.state.stream == ids[0])
            bench.cut()
            bench.gateway.restore(copy.gateway.state)
            let there = bench.gateway.ledger.count
            try bench.run(for: .seconds(60))
            #expect(bench.gateway.ledger.count == there + 20, "the present stream's calls alone")
            #expect(bench.core.spool.state.counts.refusedStreams == (isFork ? 1 : 0))
            #expect(!bench.core.uplink.owesOffers)
            #expect(bench.core.spool.state.number == 2, "no stream is opened for it")
        }
    }

    @Test("What a restored gateway refuses of an earlier stream is set aside and leaves a gap; the rest goes on")
    func refused() throws {
        let (bench, copies, _) = try bench(streams: 2)
        bench.cut()
        bench.gateway.restore(copies[0])
        bench.gateway.refuses = { $0.inputTokens == 107 ? .tooOld : $0.inputTokens == 125 ? .labelLimit : nil }
        try bench.run(for: .seconds(60))
        #expect(try bench.sync() == 0)
        #expect(found(bench) == calls(60).filter { $0 != 107 && $0 != 125 })
        #expect(bench.gateway.gaps.map(\.first) == [8, 6] && bench.gateway.gaps.map(\.events) == [1, 1])
        let letters = bench.core.spool.state.deadLetters
        #expect(letters.map(\.id.description) == ["1-8", "2-6"])
        // Known again after a crash, and told again to the next gateway, without being refused once more.
        try bench.restart(losingPower: true)
        #expect(bench.core.spool.state.deadLetters == letters)
        #expect(bench.core.spool.state.deadLetterEvents == 2)
        bench.gateway.restore(copies[0])
        #expect(try bench.sync() == 0)
        #expect(bench.gateway.gaps.map(\.first) == [8, 6])
        #expect(bench.core.spool.state.deadLetterEvents == 2)
        #expect(found(bench).count == 58)
    }

    @Test("An earlier stream that is not held from its beginning says what is missing, and offers the rest")
    func trimmed() throws {
        let bench = try CoreBench(options: EarlierStreamTests.options)
        let empty = bench.gateway.state
        bench.write(0..<20)
        #expect(try bench.sync() == 0)
        bench.gateway.backedUpThrough = Sequence64(20)
        try bench.core.spool.roll(nowMs: bench.now.wallMs)
        bench.write(20..<40)
        #expect(try bench.sync() == 0)
        bench.gateway.backedUpThrough = .zero
        bench.cut()
        try bench.core.spool.openNewStream(after: Sequence64(40), nowMs: bench.now.wallMs)
        #expect(bench.core.spool.state.kept.map(\.events) == [20])
        bench.gateway.restore(empty)
        try bench.run(for: .seconds(60))
        #expect(try bench.sync() == 0)
        #expect(found(bench) == Array(calls(40).dropFirst(20)))
        #expect(bench.gateway.gaps.map(\.reason) == [.trimmed] && bench.gateway.gaps.map(\.last) == [20])
        #expect(bench.core.spool.state.counts.trimmedEvents == 20)
    }

    @Test("Earlier streams are kept until they are backed up, for seven days at most")
    func keeping() throws {
        let disk = LyingDisk(seed: 3)
        var spool = try Spool(on: disk, options: EarlierStreamTests.options, nowMs: 1)
        func next(_ number: Int, backedUp: UInt64) throws {
            SpoolKit.give(number * 20..<(number + 1) * 20, to: spool)
            try spool.commit(nowMs: 1, oldestMs: 0)
            try spool.sync()
            try spool.acknowledge(
                spool.state.tip, epoch: StoreEpoch(1), backedUpThrough: Sequence64(backedUp), nowMs: 1)
            try spool.openNewStream(after: spool.state.tip.sequence, nowMs: 1)
            try spool.trim(nowMs: 1)
        }
        try next(0, backedUp: 20)
        #expect(spool.state.kept.isEmpty, "all of it is backed up")
        try next(1, backedUp: 19)
        try next(2, backedUp: 0)
        #expect(spool.state.kept.map(\.events) == [20, 20])
        try spool.sync()
        disk.kill()
        spool = try Spool(on: disk, options: EarlierStreamTests.options, nowMs: 2)
        #expect(spool.state.kept.map(\.events) == [20, 20])
        try spool.trim(nowMs: 1 + Limits.spoolKeptMs)
        #expect(spool.state.kept.count == 2)
        try spool.trim(nowMs: 2 + Limits.spoolKeptMs)
        #expect(spool.state.kept.isEmpty && spool.state.segmentStarts.count == 1)
    }

    @Test("A stream that cannot be offered now does not keep the one that is written from its work")
    func pace() throws {
        let (bench, copies, ids) = try bench(streams: 1)
        bench.cut()
        bench.gateway.restore(copies[0])
        bench.gateway.busy = [ids[0]]
        try bench.run(for: .seconds(11))
        #expect(try bench.sync(wait: .seconds(2)) == ExitStatus.tryLater)
        bench.write(40..<45)
        bench.core.follow(bench.now)
        bench.perform()
        try bench.run(for: .seconds(60)) { bench in bench.gateway.ledger.count == 25 }
        #expect(found(bench) == Array(calls(45).dropFirst(20)))
        let greeted = bench.gateway.greeted.count
        try bench.run(for: .seconds(600))
        #expect(bench.gateway.greeted.count - greeted < 40, "it waits longer and longer")
        bench.gateway.busy = []
        try bench.run(for: .seconds(600)) { bench in bench.gateway.ledger.count == 45 }
        #expect(found(bench) == calls(45))
    }
}
