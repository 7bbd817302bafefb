import TallyGenerator
import TallyLog
import TallyModel
import TestDisk

@testable import TallyWorkstation

/// One generated home that grows file by file and byte by byte, while a workstation reads it, sends, is killed, loses
/// its power, and its files are cut, rewritten, rotated and linked under it.
///
/// What an agent does and no more: a Codex rollout is there before what is forked of it, and a file is rotated between
/// two lines. Everything else comes in any order.
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
        var links = 0
        var changesWhileRead = 0

        mutating func add(_ other: Counts) {
            kills += other.kills
            powerLosses += other.powerLosses
            tornCalls += other.tornCalls
            truncations += other.truncations
            rewrites += other.rewrites
            rotations += other.rotations
            links += other.links
            changesWhileRead += other.changesWhileRead
        }

        var description: String {
            "\(kills) kills, \(powerLosses) power losses (\(tornCalls) within a call), \(truncations) truncations, "
                + "\(rewrites) rewrites, \(rotations) rotations, \(links) links, \(changesWhileRead) changes while read"
        }
    }

    /// A file of the home on its way.
    private struct Growing {
        let path: String
        let bytes: [UInt8]
        let isCodex: Bool
        /// What stands before this of the file has been rotated away.
        var start = 0
        var written = 0

        var isWhole: Bool { written == bytes.count }
        var content: [UInt8] { Array(bytes[start..<written]) }
    }

    let seed: UInt64
    let place: HomePlace
    let home: GeneratedHome
    let bench: CoreBench
    private(set) var counts = Counts()
    private var random: TestDisk.SeededRandom
    private var files: [Growing] = []
    private var links: [(path: String, target: String)] = []
    private var names = 0

    init(seed: UInt64) throws {
        self.seed = seed
        random = TestDisk.SeededRandom(seed &* 0x9E37_79B9 &+ 7)
        place = HomePlace.all[random.below(HomePlace.all.count)]
        var options = GeneratorOptions(endMs: place.endMs)
        options.calls = 10 + random.below(30)
        options.days = 3
        options.hasAllTraps = true
        // Its chats are written whole at each turn: they do not grow byte by byte, and nothing rotates them.
        options.hasGemini = false
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
                files.append(Growing(path: path, bytes: bytes, isCodex: file.path.hasPrefix("codex/")))
            case .link(let target):
                links.append((path, HomeRun.resolve(target, from: path)))
            }
        }
    }

    mutating func run() throws {
        follow()
        while let next = files.indices.filter({ mayGrow($0) }).randomElement(using: &random) {
            for _ in 0...random.below(3) { befall(next) }
            try turn()
        }
        bench.folders.flush()
        bench.isGatewayAway = false
        if bench.failure != nil { try restart(losingPower: true) }
        for _ in 0..<10 where try bench.sync(wait: .seconds(60)) != 0 { try bench.run(for: .seconds(60)) }
    }

    // MARK: The files

    /// A rollout begins when those that were begun before it are whole.
    private func mayGrow(_ index: Int) -> Bool {
        guard !files[index].isWhole else { return false }
        return !files[index].isCodex || files[..<index].allSatisfy { !$0.isCodex || $0.isWhole }
    }

    private mutating func befall(_ index: Int) {
        guard files[index].written > 0 else { return grow(index) }
        switch random.below(100) {
        case 0..<62: grow(index)
        case 62..<72: truncate(index)
        case 72..<82: rewrite(index)
        case 82..<90: rotate(index)
        default: link(index)
        }
    }

    private mutating func grow(_ index: Int) {
        let rest = files[index].bytes.count - files[index].written
        guard rest > 0 else { return }
        let count = random.chance(25) ? rest : 1 + random.below(min(rest, 20_000))
        let part = files[index].bytes[files[index].written..<files[index].written + count]
        files[index].written += count
        change(.append(files[index].path, Array(part)))
        if files[index].isWhole { addLinks(to: files[index].path) }
    }

    private mutating func truncate(_ index: Int) {
        let room = files[index].written - files[index].start
        guard room > 0, !files[index].isWhole else { return }
        files[index].written -= 1 + random.below(min(room, 700))
        change(.rewrite(files[index].path, files[index].content))
        counts.truncations += 1
    }

    private mutating func rewrite(_ index: Int) {
        let (path, content) = (files[index].path, files[index].content)
        change(random.chance(50) ? .rewrite(path, content) : .replace(path, content))
        counts.rewrites += 1
    }

    /// The file goes on under its name as another, and what it was has a new name. A rollout tells its session in its
    /// first lines alone, so that nothing rotates it.
    private mutating func rotate(_ index: Int) {
        let file = files[index]
        guard !file.isCodex, file.written > file.start, file.bytes[file.written - 1] == UInt8(ascii: "\n") else {
            return
        }
        bench.folders.flush()
        names += 1
        bench.folders.rename(file.path, to: "\(file.path.dropLast(".jsonl".count))-\(names).jsonl")
        files[index].start = file.written
        counts.rotations += 1
    }

    /// A link in a folder of its own, under the same name: without a head, a rollout's name is its session.
    private mutating func link(_ index: Int) {
        bench.folders.flush()
        names += 1
        var parts = files[index].path.split(separator: "/")
        parts.insert("link\(names)", at: parts.count - 1)
        bench.folders.link(files[index].path, as: "/" + parts.joined(separator: "/"))
        counts.links += 1
    }

    private mutating func addLinks(to target: String) {
        for link in links where link.target == target {
            bench.folders.flush()
            bench.folders.link(target, as: link.path)
            counts.links += 1
        }
    }

    /// Now, or while something is read.
    private mutating func change(_ change: MemoryFolders.Change) {
        guard random.chance(30) else {
            bench.folders.flush()
            return bench.folders.carryOut(change)
        }
        bench.folders.carryOut(change, afterReads: random.below(12))
        counts.changesWhileRead += 1
    }

    // MARK: The workstation

    private func follow() {
        bench.core.follow(bench.now)
        bench.perform()
    }

    /// It reads and sends for a while, and then perhaps it, the power or the connection is no more.
    private mutating func turn() throws {
        let tears = random.chance(20)
        if tears { bench.disk.losePower(afterCalls: 1 + random.below(6)) }
        bench.isGatewayAway = random.chance(15)
        if random.chance(60) {
            bench.core.folderChanged(bench.now)
            bench.perform()
        } else {
            _ = bench.core.sync(wait: .seconds(1), bench.now)
            bench.perform()
        }
        var turns = random.below(30)
        try bench.run(for: .seconds(Int64(1 + random.below(4)))) { bench in
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

    private mutating func restart(losingPower: Bool) throws {
        if losingPower { counts.powerLosses += 1 } else { counts.kills += 1 }
        try bench.restart(losingPower: losingPower, forgivingFailure: true)
        follow()
    }

    // MARK: Places

    /// Where the workstation of `CoreBench` looks for what the generator calls `claude/…` and `codex/…`.
    private static func place(of path: String) -> String {
        path.hasPrefix("claude/") ? "/t/" + path.dropFirst("claude/".count) : "/c/" + path.dropFirst("codex/".count)
    }

    private static func resolve(_ target: String, from path: String) -> String {
        var folders = path.split(separator: "/").dropLast()
        for part in target.split(separator: "/") {
            if part == ".." { folders.removeLast() } else { folders.append(part) }
        }
        return "/" + folders.joined(separator: "/")
    }
}
