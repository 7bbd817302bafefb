import TallyLog
import TallyModel
import TallyProtocol
import TallyWire
import TestDisk
import TestEffort
import Testing

@testable import TallyWorkstation

/// What becomes of a workstation's events when its home is lost, put back or copied: engine, uplink and spool as they
/// run in the program, against a gateway in memory.
@Suite("A new stream counts nothing twice")
struct AdoptionCoreTests {
    static func calls(_ numbers: Range<Int>) -> [UInt32] { numbers.map { UInt32(100 + $0) } }

    /// A machine with other disks, at the same time of day.
    static func after(
        _ other: CoreBench, seed: UInt64, options: LogOptions = Spool.options,
        folders: MemoryFolders? = nil, image: [String: [UInt8]] = [:]
    ) throws -> CoreBench {
        let bench = try CoreBench(
            seed: seed, options: options, folders: folders ?? other.folders, image: image, now: other.now)
        bench.gateway = other.gateway
        return bench
    }

    static func counted(_ gateway: WireGateway) -> [UInt32] { gateway.ledger.map(\.inputTokens).sorted() }

    /// Lets a following engine work for a random while, through cuts and kills.
    static func work(_ bench: CoreBench, _ random: inout SeededRandom, rounds: Int, from start: Int) throws -> Int {
        var written = start
        bench.core.follow(bench.now)
        bench.perform()
        for _ in 0..<rounds {
            let step = 1 + random.below(60)
            bench.write(written..<written + step)
            written += step
            bench.core.folderChanged(bench.now)
            bench.perform()
            var turns = random.below(50)
            try bench.run(for: .seconds(3)) { _ in
                turns -= 1
                return turns < 0
            }
            if random.chance(40) { bench.cut() }
            if random.chance(40) {
                try bench.restart(losingPower: random.chance(50))
                bench.core.follow(bench.now)
                bench.perform()
            }
        }
        return written
    }

    @Test("A workstation that lost its home and is enrolled again counts nothing twice, over 60 seeds")
    func lostHome() throws {
        for seed in 0..<Effort.of(60) as Range<UInt64> {
            var random = SeededRandom(seed &+ 77)
            let lost = try CoreBench(seed: seed)
            var written = try Self.work(lost, &random, rounds: 1 + random.below(5), from: 0)
            lost.cut()
            var options = Spool.options
            if seed % 2 == 0 { options.segmentBytes = 64 << 10 }
            let bench = try Self.after(lost, seed: seed &+ 1_000, options: options)
            written = try Self.work(bench, &random, rounds: random.below(5), from: written)
            #expect(try bench.sync() == 0, "seed \(seed)")
            #expect(Self.counted(bench.gateway) == Self.calls(0..<written), "seed \(seed)")
            #expect(bench.core.spool.state.adopted.differing == 0, "seed \(seed)")
            #expect(!bench.core.spool.state.adoption.isAdopting, "seed \(seed)")
        }
    }

    @Test("A home put back from a snapshot counts what came after it once, over 60 seeds")
    func snapshot() throws {
        for seed in 0..<Effort.of(60) as Range<UInt64> {
            var random = SeededRandom(seed &+ 99)
            let before = try CoreBench(seed: seed)
            var written = try Self.work(before, &random, rounds: 1 + random.below(4), from: 0)
            try before.restart(losingPower: true)
            let image = before.disk.snapshot()
            written = try Self.work(before, &random, rounds: 1 + random.below(4), from: written)
            before.cut()
            let bench = try Self.after(before, seed: seed &+ 1_000, image: image)
            written = try Self.work(bench, &random, rounds: random.below(4), from: written)
            #expect(try bench.sync() == 0, "seed \(seed)")
            // A fork begins a new stream, whose sources are read again by the next scan.
            #expect(try bench.sync() == 0, "seed \(seed)")
            #expect(Self.counted(bench.gateway) == Self.calls(0..<written), "seed \(seed)")
            #expect(bench.core.spool.state.adopted.differing == 0, "seed \(seed)")
        }
    }

    @Test("A clone of a workstation counts its own work and nothing twice, over 60 seeds")
    func clone() throws {
        var forks = 0
        for seed in 0..<Effort.of(60) as Range<UInt64> {
            var random = SeededRandom(seed &+ 55)
            let first = try CoreBench(seed: seed)
            let shared = try Self.work(first, &random, rounds: 1 + random.below(4), from: 0)
            try first.restart(losingPower: true)
            let second = try Self.after(
                first, seed: seed &+ 1_000, folders: first.folders.copy(), image: first.disk.snapshot())
            // Both go on in the same session, each with calls of its own.
            let ofFirst = try Self.work(first, &random, rounds: 1 + random.below(3), from: shared)
            #expect(try first.sync() == 0, "seed \(seed)")
            first.cut()
            second.gateway = first.gateway
            let ofSecond = try Self.work(second, &random, rounds: 1 + random.below(3), from: 100_000)
            #expect(try second.sync() == 0, "seed \(seed)")
            #expect(try second.sync() == 0, "seed \(seed)")
            second.cut()
            first.gateway = second.gateway
            #expect(try first.sync() == 0, "seed \(seed)")
            let expected = (Self.calls(0..<ofFirst) + Self.calls(100_000..<ofSecond)).sorted()
            #expect(Self.counted(first.gateway) == expected, "seed \(seed)")
            forks += first.gateway.streams.count > 1 ? 1 : 0
        }
        #expect(forks > Effort.of(30))
    }

    @Test("A home that is enrolled anew goes on in a stream of its own and counts nothing twice")
    func enrolledAnew() throws {
        for seed in 0..<Effort.of(20) as Range<UInt64> {
            var random = SeededRandom(seed &+ 33)
            let bench = try CoreBench(seed: seed)
            var written = try Self.work(bench, &random, rounds: 2, from: 0)
            bench.cut()
            let old = bench.core.spool.state.stream
            bench.gateway.foreign = [old]
            try bench.restart(losingPower: random.chance(50))
            written = try Self.work(bench, &random, rounds: 2, from: written)
            #expect(try bench.sync() == 0, "seed \(seed)")
            #expect(try bench.sync() == 0, "seed \(seed)")
            #expect(Self.counted(bench.gateway) == Self.calls(0..<written), "seed \(seed)")
            #expect(bench.core.spool.state.stream != old, "seed \(seed)")
        }
    }

    @Test("A session that was copied and went on counts each call once, whichever copy a new home reads first")
    func copiedSession() throws {
        func path(_ digit: Int) -> String { "/t/projects/p/\(digit)f1f4c8e-0f4a-4c1b-9d2e-3a5b7c9d1e2f.jsonl" }
        func line(_ file: Int, _ number: Int) -> String {
            claudeLine(
                message: "msg_\(number)", request: "req_\(number)",
                session: "\(file)f1f4c8e-0f4a-4c1b-9d2e-3a5b7c9d1e2f",
                input: 100 + number, stop: "end_turn", time: "2026-09-21T10:00:\(10 + number).5\(number)0Z")
        }
        let lost = try CoreBench()
        for number in 0..<5 { lost.folders.append(path(1), line(1, number)) }
        #expect(try lost.sync() == 0)
        // The session is resumed as another, with all it had; then the first one goes on, too.
        for number in 0..<7 { lost.folders.append(path(2), line(2, number)) }
        #expect(try lost.sync() == 0)
        lost.folders.append(path(1), line(1, 7))
        #expect(try lost.sync() == 0)
        lost.cut()
        #expect(Self.counted(lost.gateway) == Self.calls(0..<8))
        let bench = try Self.after(lost, seed: 2)
        #expect(try bench.sync() == 0)
        #expect(Self.counted(bench.gateway) == Self.calls(0..<8))
        #expect(bench.core.spool.state.adopted.events == 8)
        #expect(bench.core.spool.state.adopted.differing == 0)
    }

    @Test("A call still held when a lost home's sources were read, by a clock that went back since, counts once")
    func heldByAFastClock() throws {
        let session = "6f1f4c8e-0f4a-4c1b-9d2e-3a5b7c9d1e2f"
        let lost = try CoreBench()
        lost.write(0..<3)
        // Nothing says that it is whole, and the agent's clock is a minute ahead of what the workstation's will be.
        lost.folders.append(
            CoreBench.path,
            claudeLine(
                message: "msg_3", request: "req_3", session: session, input: 103, stop: nil,
                time: "2026-09-21T14:14:20.000Z"))
        #expect(try lost.sync() == 0)
        lost.cut()
        #expect(Self.counted(lost.gateway) == Self.calls(0..<4))
        let bench = try Self.after(lost, seed: 2)
        bench.core.follow(bench.now)
        bench.perform()
        try bench.run(for: .seconds(60))
        #expect(Self.counted(bench.gateway) == Self.calls(0..<4))
        #expect(bench.core.spool.state.adopted.events == 4)
        #expect(!bench.core.spool.state.adoption.isAdopting)
    }

    @Test("A gateway that does not answer what must be asked gets nothing")
    func notAllowed() throws {
        let bench = try CoreBench()
        bench.gateway.refusesAdoption = true
        bench.write(0..<10)
        #expect(try bench.sync() == ExitStatus.tryLater)
        #expect(bench.gateway.ledger.isEmpty)
        bench.gateway.refusesAdoption = false
        #expect(try bench.sync(wait: .seconds(4_000)) == 0)
        #expect(Self.counted(bench.gateway) == Self.calls(0..<10))
    }

    @Test("What was left out is told, by sync and by status")
    func told() throws {
        let lost = try CoreBench()
        lost.write(0..<20)
        #expect(try lost.sync() == 0)
        lost.cut()
        let bench = try Self.after(lost, seed: 2)
        bench.write(20..<25)
        let command = bench.core.sync(wait: .seconds(10), bench.now)
        bench.perform()
        try bench.run(for: .seconds(60)) { $0.code(command) != nil }
        #expect(bench.text(command).contains("20 events left out: the gateway has counted them before"))
        #expect(bench.text(command).contains("sent 5 events"))
        let state = bench.core.spool.state
        #expect(state.adopted.events == 20 && state.adopted.differing == 0)
        let status = StatusReport(home: "/h", gateway: nil, state: state, live: nil, isFull: false)
        #expect(status.text().contains("counted before 20 events left out"))
        #expect(status.json().contains("\"counted_before\":{\"adopting\":false,\"events\":20,"))
    }
}
