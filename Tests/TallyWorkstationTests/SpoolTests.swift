import TallyIO
import TallyLog
import TallyModel
import TallyWire
import TestDisk
import TestEffort
import Testing

@testable import TallyWorkstation

/// What was found of one NDJSON-like program: calls with ids, as a source gives them.
struct SpoolKit {
    static func call(_ number: Int, tokens: UInt32 = 7) -> Event {
        var event = Event(
            timeMs: 1_790_000_000_000 + Int64(number),
            session: SessionID(Bytes16(high: 1, low: UInt64(number % 5) + 1)) ?? fallback, agent: .claudeCode,
            model: Label("model-\(number % 3)"))
        event.inputTokens = tokens
        event.outputTokens = UInt32(number % 100)
        return event
    }

    private static var fallback: SessionID {
        guard let session = SessionID(Bytes16(high: 0, low: 1)) else { preconditionFailure("not zero") }
        return session
    }

    /// Gives the counter calls of these numbers, each under its own id.
    static func give(_ numbers: Range<Int>, to spool: Spool) {
        for number in numbers { spool.counter.take(.fact(.sent(call(number), id: UInt64(number) + 1))) }
    }

    static func snapshot(_ counter: Counter) -> [[UInt8]] {
        var cursor = SnapshotCursor()
        var chunks: [[UInt8]] = []
        while let chunk = counter.snapshotChunk(&cursor) { chunks.append(chunk) }
        return chunks
    }

    static func events(_ spool: Spool) throws -> [Event] {
        guard spool.state.tip.sequence >= spool.state.lowestHeld else { return [] }
        var walk = SpoolWalk(spool.disk)
        return try walk.events(spool.state.lowestHeld...spool.state.tip.sequence, spool.state)
    }
}

@Suite("Spool")
struct SpoolTests {
    @Test("A spool that is opened again has the same stream, sums, counter and events")
    func replay() throws {
        let disk = LyingDisk(seed: 1)
        let spool = try Spool(on: disk, nowMs: 1)
        for round in 0..<5 {
            SpoolKit.give(round * 700..<(round + 1) * 700, to: spool)
            try spool.commit(nowMs: 1, oldestMs: 0)
            if round == 2 { try spool.roll(nowMs: 2) }
        }
        try spool.sync()
        let before = spool.state
        disk.kill()
        let again = try Spool(on: disk, nowMs: 3)
        #expect(again.state.stream == before.stream)
        #expect(again.state.tip == before.tip)
        #expect(again.state.tip.sequence == Sequence64(3_500))
        #expect(SpoolKit.snapshot(again.counter) == SpoolKit.snapshot(before.counter))
        #expect(try SpoolKit.events(again) == (0..<3_500).map { SpoolKit.call($0) })
        let walked = try SpoolWalkProbe.cursor(again)
        #expect(walked == again.state.tip)
    }

    @Test("A snapshot larger than a segment is written anew when as much has followed it, not behind every record")
    func largeSnapshot() throws {
        var options = LogOptions()
        options.segmentBytes = 1_024
        let spool = try Spool(on: LyingDisk(seed: 6), options: options, nowMs: 1)
        var rolls = 0
        for round in 0..<60 {
            SpoolKit.give(round * 5..<(round + 1) * 5, to: spool)
            try spool.commit(nowMs: 1, oldestMs: 0)
            guard spool.isRollDue else { continue }
            try spool.roll(nowMs: 1)
            rolls += 1
        }
        try spool.sync()
        // Each snapshot holds five calls more for every record in front of it, so that rolls become rare.
        #expect((2...15).contains(rolls), "\(rolls) rolls in 60 records")
        #expect(try SpoolKit.events(spool) == (0..<300).map { SpoolKit.call($0) })
    }

    @Test("Events older than the gateway keeps are left out and counted, and stay counted")
    func tooOld() throws {
        let disk = LyingDisk(seed: 2)
        let spool = try Spool(on: disk, nowMs: 1)
        SpoolKit.give(0..<10, to: spool)
        try spool.commit(nowMs: 1, oldestMs: 1_790_000_000_004)
        try spool.sync()
        #expect(spool.state.tip.sequence == Sequence64(6))
        #expect(spool.state.tooOld == 4)
        disk.kill()
        #expect(try Spool(on: disk, nowMs: 2).state.tooOld == 4)
    }

    @Test("Whenever the power goes, what was synced is there, every call counts once, and the rest is read again")
    func powerLoss() throws {
        for seed in 0..<Effort.of(150) as Range<UInt64> {
            var random = SeededRandom(seed)
            let disk = LyingDisk(seed: seed)
            var synced = Sequence64.zero
            for _ in 0..<4 {
                disk.losePower(afterCalls: 1 + random.below(30))
                do {
                    let spool = try Spool(on: disk, nowMs: 1)
                    #expect(spool.state.tip.sequence >= synced, "seed \(seed)")
                    // The source is read from its start each time: ids tell what is counted already.
                    var next = 0
                    while next < 60 {
                        let step = 1 + random.below(9)
                        SpoolKit.give(next..<min(60, next + step), to: spool)
                        next += step
                        try spool.commit(nowMs: 1, oldestMs: 0)
                        if random.chance(40) {
                            try spool.sync()
                            synced = spool.durable
                        }
                        if random.chance(10) {
                            try spool.roll(nowMs: 1)
                            synced = spool.durable
                        }
                    }
                } catch {
                    // The process does not outlive the error.
                }
                disk.losePower()
            }
            let spool = try Spool(on: disk, nowMs: 1)
            #expect(spool.state.tip.sequence >= synced, "seed \(seed)")
            SpoolKit.give(0..<60, to: spool)
            try spool.commit(nowMs: 1, oldestMs: 0)
            try spool.sync()
            #expect(spool.state.tip.sequence == Sequence64(60), "seed \(seed)")
            #expect(
                try SpoolKit.events(spool).map(\.timeMs).sorted() == (0..<60).map { SpoolKit.call($0).timeMs },
                "seed \(seed)")
        }
    }

    @Test("A model renamed after a refusal keeps all events, and a crash before the end changes nothing")
    func relabel() throws {
        let disk = LyingDisk(seed: 5)
        let spool = try Spool(on: disk, nowMs: 1)
        for round in 0..<4 {
            SpoolKit.give(round * 30..<(round + 1) * 30, to: spool)
            try spool.commit(nowMs: 1, oldestMs: 0)
        }
        try spool.relabel(Sequence64(35)...Sequence64(40), nowMs: 2)
        var expected = (0..<120).map { SpoolKit.call($0) }
        for index in 34..<40 { expected[index].model = .unlisted }
        #expect(try SpoolKit.events(spool) == expected)
        #expect(try SpoolWalkProbe.cursor(spool) == spool.state.tip)
        SpoolKit.give(120..<130, to: spool)
        try spool.commit(nowMs: 1, oldestMs: 0)
        try spool.sync()
        let tip = spool.state.tip
        disk.kill()
        let again = try Spool(on: disk, nowMs: 3)
        #expect(again.state.tip == tip)
        #expect(try SpoolKit.events(again) == expected + (120..<130).map { SpoolKit.call($0) })
    }

    @Test("A new stream takes the events behind the place, numbered from 1, and survives a restart")
    func newStream() throws {
        let disk = LyingDisk(seed: 6)
        let spool = try Spool(on: disk, nowMs: 1)
        SpoolKit.give(0..<50, to: spool)
        try spool.commit(nowMs: 1, oldestMs: 0)
        let old = spool.state.stream
        try spool.openNewStream(after: Sequence64(20), nowMs: 2)
        #expect(spool.state.stream != old)
        #expect(spool.state.tip.sequence == Sequence64(30))
        #expect(try SpoolKit.events(spool) == (20..<50).map { SpoolKit.call($0) })
        disk.losePower()
        let again = try Spool(on: disk, nowMs: 3)
        #expect(again.state.stream == spool.state.stream)
        #expect(try SpoolKit.events(again) == (20..<50).map { SpoolKit.call($0) })
        // What was counted is still known.
        SpoolKit.give(0..<50, to: again)
        try again.commit(nowMs: 1, oldestMs: 0)
        #expect(again.state.tip.sequence == Sequence64(30))
    }

    @Test("Refused events become a gap with their sums and dead letters, durably")
    func giveUp() throws {
        let disk = LyingDisk(seed: 7)
        let spool = try Spool(on: disk, nowMs: 1)
        SpoolKit.give(0..<20, to: spool)
        try spool.commit(nowMs: 1, oldestMs: 0)
        try spool.sync()
        var walk = SpoolWalk(disk)
        let before = try walk.cursor(at: Sequence64(4), from: spool.state.floor, spool.state)
        try spool.giveUp(Sequence64(5)...Sequence64(7), reason: .fieldRange, field: 12, before: before, nowMs: 2)
        disk.losePower()
        let again = try Spool(on: disk, nowMs: 3)
        let gap = try #require(again.state.gap(atOrAfter: Sequence64(1)))
        #expect(gap.first == Sequence64(5) && gap.last == Sequence64(7))
        #expect(gap.groups.reduce(0) { $0 + $1.events } == 3)
        let tokens = (4..<7).reduce(UInt128(0)) { $0 + UInt128(SpoolKit.call($1).controlTokens) }
        #expect(gap.totals.tokens == tokens)
        #expect(again.state.deadLetterEvents == 3)
        try again.roll(nowMs: 4)
        #expect(try Spool(on: disk, nowMs: 5).state.deadLetterEvents == 3)
    }

    @Test("Acknowledged segments go when they are backed up, and the rest is still whole")
    func trim() throws {
        let disk = LyingDisk(seed: 8)
        let spool = try Spool(on: disk, nowMs: 1)
        for round in 0..<3 {
            SpoolKit.give(round * 40..<(round + 1) * 40, to: spool)
            try spool.commit(nowMs: 1, oldestMs: 0)
            try spool.roll(nowMs: 1)
        }
        var walk = SpoolWalk(disk)
        let acknowledged = try walk.cursor(at: Sequence64(90), from: spool.state.floor, spool.state)
        try spool.acknowledge(acknowledged, epoch: StoreEpoch(3), backedUpThrough: Sequence64(80), nowMs: 2)
        try spool.trim(nowMs: 2)
        #expect(spool.state.lowestHeld == Sequence64(81))
        try spool.sync()
        disk.kill()
        let again = try Spool(on: disk, nowMs: 3)
        #expect(again.state.lowestHeld == Sequence64(81))
        #expect(again.state.acknowledged == acknowledged)
        #expect(again.state.epoch == StoreEpoch(3))
        #expect(try SpoolKit.events(again) == (80..<120).map { SpoolKit.call($0) })
        SpoolKit.give(0..<120, to: again)
        try again.commit(nowMs: 1, oldestMs: 0)
        #expect(again.state.tip.sequence == Sequence64(120))
    }
}

enum SpoolWalkProbe {
    /// The end of the spool, computed from its events.
    static func cursor(_ spool: Spool) throws -> StreamCursor {
        var walk = SpoolWalk(spool.disk)
        return try walk.cursor(at: spool.state.tip.sequence, from: spool.state.floor, spool.state)
    }
}
