import TallyIO
import TallyLog
import TallyModel
import TallyProtocol
import TallyWire
import TestDisk
import TestEffort
import Testing

@testable import TallyWorkstation

@Suite("Cutting a spool")
struct SpoolCutTests {
    private static func small() -> LogOptions {
        var options = Spool.options
        options.segmentBytes = 16 << 10
        return options
    }

    /// Calls `numbers`, spooled in records and segments of random size.
    private static func fill(_ spool: Spool, _ numbers: Range<Int>, _ random: inout SeededRandom) throws {
        var next = numbers.lowerBound
        while next < numbers.upperBound {
            let end = min(numbers.upperBound, next + 1 + random.below(90))
            SpoolKit.give(next..<end, to: spool)
            try spool.commit(nowMs: 1, oldestMs: 0)
            if spool.isRollDue || random.chance(15) { try spool.roll(nowMs: 1) }
            next = end
        }
        try spool.sync()
    }

    /// Random stretches behind `from`.
    private static func drops(
        _ from: Int, _ count: Int, _ random: inout SeededRandom
    ) -> [ClosedRange<Sequence64>] {
        var drops: [ClosedRange<Sequence64>] = []
        var place = from + 1 + random.below(20)
        while place <= count {
            let end = min(count, place + random.below(random.chance(10) ? count : 60))
            drops.append(Sequence64(UInt64(place))...Sequence64(UInt64(end)))
            place = end + 2 + random.below(50)
        }
        return drops
    }

    private static func acknowledge(_ spool: Spool, through: UInt64) throws {
        var walk = SpoolWalk(spool.disk)
        let place = try walk.cursor(at: Sequence64(through), from: spool.state.floor, spool.state)
        try spool.acknowledge(place, epoch: StoreEpoch(1), backedUpThrough: place.sequence, nowMs: 2)
        try spool.sync()
    }

    private static func cut(_ drops: [ClosedRange<Sequence64>], _ events: UInt64) -> AdoptionCut {
        var report = AdoptionReport()
        report.events = events
        return AdoptionCut(drops: drops, report: report, through: drops.last?.upperBound ?? .zero)
    }

    @Test("A cut is whole or not at all, whenever the power goes, and what is left follows without a hole")
    func powerLoss() throws {
        var cuts = 0
        var whole = 0
        for seed in 0..<Effort.of(150) as Range<UInt64> {
            var random = SeededRandom(seed &+ 5)
            let disk = LyingDisk(seed: seed)
            let spool = try Spool(on: disk, options: Self.small(), nowMs: 1)
            let count = 20 + random.below(900)
            try Self.fill(spool, 0..<count, &random)
            let sent = random.below(count)
            try Self.acknowledge(spool, through: UInt64(sent))
            let drops = Self.drops(sent, count, &random)
            let before = (0..<count).map { SpoolKit.call($0) }
            let after = before.indices.filter { index in
                !drops.contains { $0.contains(Sequence64(UInt64(index) + 1)) }
            }.map { before[$0] }
            let gone = UInt64(before.count - after.count)
            if random.chance(60) { disk.losePower(afterCalls: 1 + random.below(25)) }
            do throws(WorkstationError) {
                try spool.cut(Self.cut(drops, gone), nowMs: 3)
            } catch {
                cuts += 1
            }
            if random.chance(50) { disk.losePower() } else { disk.kill() }
            let again = try Spool(on: disk, options: Self.small(), nowMs: 4)
            let isCut = again.state.adopted.events > 0
            whole += isCut && gone > 0 ? 1 : 0
            #expect(try SpoolKit.events(again) == (isCut ? after : before), "seed \(seed)")
            #expect(again.state.adopted.events == (isCut ? gone : 0), "seed \(seed)")
            #expect(try SpoolWalkProbe.cursor(again) == again.state.tip, "seed \(seed)")
            #expect(again.state.acknowledged.sequence == Sequence64(UInt64(sent)), "seed \(seed)")
            // It goes on as if nothing else had ever been there: appended to, acknowledged, trimmed, opened again.
            try Self.fill(again, count..<count + 300, &random)
            let all = (isCut ? after : before) + (count..<count + 300).map { SpoolKit.call($0) }
            #expect(try SpoolKit.events(again) == all, "seed \(seed)")
            try Self.acknowledge(again, through: UInt64(all.count - random.below(200)))
            try again.trim(nowMs: 5)
            disk.kill()
            let last = try Spool(on: disk, options: Self.small(), nowMs: 6)
            let held = Int(last.state.lowestHeld.value) - 1
            #expect(last.state.lowestHeld <= last.state.acknowledged.sequence.advanced(by: 1), "seed \(seed)")
            #expect(try SpoolKit.events(last) == Array(all[held...]), "seed \(seed)")
            #expect(try SpoolWalkProbe.cursor(last) == last.state.tip, "seed \(seed)")
            #expect(last.state.adopted.events == (isCut ? gone : 0), "seed \(seed)")
        }
        #expect(cuts > Effort.of(10) && whole > Effort.of(50))
    }

    @Test("A spool of which everything is cut is empty and goes on from the same number")
    func everything() throws {
        let disk = LyingDisk(seed: 4)
        var random = SeededRandom(4)
        let spool = try Spool(on: disk, nowMs: 1)
        try Self.fill(spool, 0..<500, &random)
        try spool.cut(Self.cut([Sequence64(1)...Sequence64(500)], 500), nowMs: 2)
        #expect(spool.state.tip.sequence == .zero && spool.durable == .zero)
        disk.losePower()
        let again = try Spool(on: disk, nowMs: 3)
        #expect(again.state.tip == spool.state.tip)
        #expect(try SpoolKit.events(again).isEmpty)
        // What was cut is still known as counted.
        SpoolKit.give(0..<510, to: again)
        try again.commit(nowMs: 4, oldestMs: 0)
        try again.sync()
        #expect(try SpoolKit.events(again) == (500..<510).map { SpoolKit.call($0) })
        #expect(again.state.stream == spool.state.stream)
    }

    @Test("A new stream of more than a segment keeps all of it until it is acknowledged, also when old segments go")
    func newStreamOverSegments() throws {
        for seed in 0..<Effort.of(20) as Range<UInt64> {
            var random = SeededRandom(seed)
            let disk = LyingDisk(seed: seed)
            let spool = try Spool(on: disk, options: Self.small(), nowMs: 1)
            try Self.fill(spool, 0..<2_000, &random)
            try spool.openNewStream(after: Sequence64(100), nowMs: 2)
            let expected = (100..<2_000).map { SpoolKit.call($0) }
            try Self.acknowledge(spool, through: UInt64(random.below(400)))
            try spool.trim(nowMs: 3)
            disk.kill()
            let again = try Spool(on: disk, options: Self.small(), nowMs: 4)
            let held = Int(again.state.lowestHeld.value) - 1
            #expect(again.state.lowestHeld <= again.state.acknowledged.sequence.advanced(by: 1), "seed \(seed)")
            #expect(try SpoolKit.events(again) == Array(expected[held...]), "seed \(seed)")
            let state = again.state
            #expect(state.adoption.isAdopting && state.adoption.priorThrough == Sequence64(100), "seed \(seed)")
            #expect(state.suspect == state.tip.sequence, "seed \(seed)")
        }
    }

    @Test("What is older than the stream stays in question, what is younger is not, over restarts")
    func suspects() throws {
        let disk = LyingDisk(seed: 9)
        // Calls 0 to 99 are older than the stream, as their times go.
        let born = SpoolKit.call(99).timeMs
        let spool = try Spool(on: disk, nowMs: born)
        SpoolKit.give(0..<10, to: spool)
        try spool.commit(nowMs: born, oldestMs: 0)
        #expect(spool.state.suspect == Sequence64(10))
        try spool.endAdoption(nowMs: born)
        SpoolKit.give(100..<110, to: spool)
        try spool.commit(nowMs: born, oldestMs: 0)
        #expect(spool.state.suspect == Sequence64(10))
        SpoolKit.give(50..<51, to: spool)
        try spool.commit(nowMs: born, oldestMs: 0)
        #expect(spool.state.suspect == Sequence64(21))
        try spool.roll(nowMs: born)
        disk.kill()
        let again = try Spool(on: disk, nowMs: born + 5)
        #expect(again.state.suspect == Sequence64(21))
        #expect(again.state.adoption == AdoptionTerms(isAdopting: false, bornMs: born))
    }
}
