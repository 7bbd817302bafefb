import TallyGenerator
import TallyLog
import TallyModel
import TestDisk

@testable import TallyWorkstation

/// One generated home that grows file by file and byte by byte, while a workstation reads it, sends, is killed, loses
/// its power, and its files are cut, rewritten, rotated, copied and linked under it; telemetry tells of some of its
/// calls too.
///
/// What an agent does and no more: a Codex rollout is there before what is forked of it, a file is rotated between
/// two lines, and Gemini CLI takes a number back at once or never. What was sent cannot be taken back, so a number
/// that fell after two quiet seconds, or after a `sync`, would not come out right (COUNTING.md). Everything else
/// comes in any order.
struct HomeRun {
    /// What befell a home.
    struct Counts: CustomStringConvertible {
        var kills = 0
        var powerLosses = 0
        /// The power went in the middle of a write or sync.
        var tornCalls = 0
        var truncations = 0
        var rewrites = 0
        var rotations = 0
        var copies = 0
        var links = 0
        var changesWhileRead = 0
        /// A chat's word had another behind it, which could be smaller.
        var takenBack = 0
        var exports = 0
        /// Exports that had no answer.
        var lostExports = 0
        /// Calls of which telemetry told before all that their transcript says of them was sent.
        var toldFirst = 0

        mutating func add(_ other: Counts) {
            kills += other.kills
            powerLosses += other.powerLosses
            tornCalls += other.tornCalls
            truncations += other.truncations
            rewrites += other.rewrites
            rotations += other.rotations
            copies += other.copies
            links += other.links
            changesWhileRead += other.changesWhileRead
            takenBack += other.takenBack
            exports += other.exports
            lostExports += other.lostExports
            toldFirst += other.toldFirst
        }

        /// Everything happened: a run in which it did not would prove less than it says.
        var isEventful: Bool {
            [
                kills, powerLosses, tornCalls, truncations, rewrites, rotations, copies, links, changesWhileRead,
                takenBack, exports, lostExports, toldFirst,
            ].allSatisfy { $0 > 0 }
        }

        var description: String {
            "\(kills) kills, \(powerLosses) power losses (\(tornCalls) within a call), \(truncations) truncations, "
                + "\(rewrites) rewrites, \(rotations) rotations, \(copies) copies, \(links) links, "
                + "\(changesWhileRead) changes while read, \(takenBack) words taken back, "
                + "\(exports) exports (\(lostExports) lost, \(toldFirst) calls told first)"
        }
    }

    let seed: UInt64
    let place: HomePlace
    let home: GeneratedHome
    let bench: CoreBench
    var counts = Counts()
    var random: TestDisk.SeededRandom
    var files: [GrowingFile] = []
    var links: [(path: String, target: String)] = []
    var names = 0
    /// Calls of which telemetry tells, too.
    var told: [ToldCall] = []
    /// Records of telemetry that were refused: none is to be.
    var rejectedRecords: UInt64 = 0

    init(seed: UInt64) throws {
        self.seed = seed
        random = TestDisk.SeededRandom(seed &* 0x9E37_79B9 &+ 7)
        place = HomePlace.all[random.below(HomePlace.all.count)]
        var options = GeneratorOptions(endMs: place.endMs)
        options.calls = 10 + random.below(30)
        options.days = 3
        options.hasAllTraps = true
        options.geminiPercent = 25
        home = Generator(seed: seed, options: options).home()
        let now = WorkstationInstant(wallMs: place.endMs, monotonic: MonotonicInstant(nanoseconds: 0))
        var spool = Spool.options
        // So small that it begins a new segment now and then.
        spool.segmentBytes = (32 + random.below(64)) << 10
        bench = try CoreBench(seed: seed, options: spool, now: now)
        let born = home.births.enumerated().reduce(into: [:]) { $0[$1.element] = $1.offset }
        for file in home.files.sorted(by: { (born[$0.path] ?? 0) < (born[$1.path] ?? 0) }) {
            let path = HomeRun.place(of: file.path)
            switch file.content {
            case .bytes(let bytes):
                let source = HomeRun.source(of: file.path)
                if source == .gemini, !path.contains("/chats/") {
                    bench.folders.carryOut(.append(path, bytes))
                } else {
                    files.append(GrowingFile(path: path, source: source, bytes: bytes, growth: file.growth))
                }
            case .link(let target):
                links.append((path, HomeRun.resolve(target, from: path)))
            }
        }
        for call in home.calls where random.chance(30) { told.append(ToldCall(call, &random)) }
    }

    mutating func run() throws {
        follow()
        while let next = files.indices.filter({ mayGrow($0) }).randomElement(using: &random) {
            for _ in 0...random.below(3) { try befall(next) }
            if random.chance(15) { try tell() }
            try turn()
        }
        bench.folders.flush()
        bench.isGatewayAway = false
        if bench.failure != nil { try restart(losingPower: true) }
        for _ in 0..<1_000 where told.contains(where: { !$0.isTaken }) { try tell() }
        for _ in 0..<10 where try bench.sync(wait: .seconds(60)) != 0 { try bench.run(for: .seconds(60)) }
    }

    // MARK: The workstation

    private func follow() {
        bench.core.follow(bench.now)
        bench.perform()
    }

    /// It reads and sends for a while, and then perhaps it, the power or the connection is no more.
    private mutating func turn() throws {
        bench.isGatewayAway = random.chance(15)
        if random.chance(60) {
            try work(for: .seconds(Int64(1 + random.below(4))))
        } else {
            try work(for: .seconds(Int64(1 + random.below(4)))) { bench in
                _ = bench.core.sync(wait: .seconds(1), bench.now)
            }
        }
    }

    /// The same, and no time for a request that is held to be sent.
    mutating func glance() throws { try work(for: .milliseconds(Int64(1 + random.below(250)))) }

    private mutating func work(
        for span: Duration, _ begin: (CoreBench) -> Void = { $0.core.folderChanged($0.now) }
    ) throws {
        let tears = random.chance(20)
        if tears { bench.disk.losePower(afterCalls: 1 + random.below(6)) }
        begin(bench)
        bench.perform()
        var turns = random.below(30)
        try bench.run(for: span) { bench in
            turns -= 1
            return turns < 0 || bench.failure != nil
        }
        if tears, bench.failure != nil {
            counts.tornCalls += 1
            return try restart(losingPower: true)
        }
        if random.chance(15) { bench.cut() }
        if random.chance(35) { try restart(losingPower: random.chance(50)) }
        bench.disk.losePower(afterCalls: .max)
    }

    mutating func restart(losingPower: Bool) throws {
        if losingPower { counts.powerLosses += 1 } else { counts.kills += 1 }
        try bench.restart(losingPower: losingPower, forgivingFailure: true)
        follow()
    }

    // MARK: Places

    private static let homes: [(prefix: String, place: String, source: SourceKind)] = [
        ("claude/", "/t/", .claude), ("codex/", "/c/", .codex), ("gemini/", "/g/", .gemini),
    ]

    /// Where the workstation of `CoreBench` looks for what the generator calls `claude/…`, `codex/…` and `gemini/…`.
    static func place(of path: String) -> String {
        homes.first { path.hasPrefix($0.prefix) }.map { $0.place + path.dropFirst($0.prefix.count) } ?? "/" + path
    }

    private static func source(of path: String) -> SourceKind {
        homes.first { path.hasPrefix($0.prefix) }?.source ?? .claude
    }

    private static func resolve(_ target: String, from path: String) -> String {
        var folders = path.split(separator: "/").dropLast()
        for part in target.split(separator: "/") {
            if part == ".." { folders.removeLast() } else { folders.append(part) }
        }
        return "/" + folders.joined(separator: "/")
    }
}
