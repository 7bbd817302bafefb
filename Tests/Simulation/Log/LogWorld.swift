import TallyIO
import TallyLog
import TallyModel
import TestDisk

/// One log alone on a lying disk, from one seed: what it was told, what it said was durable, and what a crash may take. A
/// whole world gives a torn tail the chance to come back too seldom.
///
/// It keeps `bodies[ordinal]` for the present timeline. `promised` is the highest ordinal that the log ever
/// called durable, recovery included: it must never be missing again.
package struct LogWorld {
    private var random: SeededRandom
    private let disk: LyingDisk
    private var bodies: [UInt64: [UInt8]] = [:]
    private var promised: UInt64 = 0
    private var attempt: UInt64 = 0
    private var options = LogOptions()
    /// All bodies are of one size, so that a new record can end where an old one of a cut tail begins.
    private let isUniform: Bool
    package private(set) var crashes = 0
    package private(set) var cuts = 0
    package private(set) var rewrites = 0
    /// A promise was broken; the seed says where.
    package private(set) var hasFailed = false

    package init(seed: UInt64) {
        random = SeededRandom(seed)
        disk = LyingDisk(seed: seed ^ 0x5eed)
        options.segmentBytes = 1_500 + random.below(4_000)
        options.segmentBytesHard = options.segmentBytes + 20_000
        options.preallocationBytes = [0, 100, 512, 2_000][random.below(4)]
        options.bufferBytesMax = [300, 2_000, 100_000][random.below(3)]
        isUniform = random.chance(40)
    }

    private mutating func body() -> [UInt8] {
        attempt += 1
        let count = isUniform ? 64 : random.chance(80) ? random.below(300) : random.below(3_000)
        var bytes: [UInt8] = []
        bytes.append(littleEndian: attempt)
        // Some bodies are zeros, some look like the beginning of a record.
        switch random.below(3) {
        case 0: bytes += [UInt8](repeating: 0, count: count)
        case 1: for _ in 0..<count / 4 { bytes.append(littleEndian: UInt32(0x4345_5254)) }
        default: for _ in 0..<count / 8 { bytes.append(littleEndian: random.next()) }
        }
        return bytes
    }

    private mutating func head() -> [NewRecord] {
        (0..<random.below(3)).map { _ in NewRecord(RecordDraft(.checkpoint), body: body()) }
    }

    /// Some steps of an owner's life, until the disk ends it.
    private mutating func live(_ log: inout SegmentLog) throws(LogError) {
        for _ in 0..<3 + random.below(12) {
            switch random.below(100) {
            case 0..<55:
                for _ in 0...random.below(4) {
                    let bytes = body()
                    do throws(LogError) {
                        let position = try log.append(RecordDraft(.batch), body: bytes)
                        bodies[position.ordinal] = bytes
                    } catch {
                        guard error == .segmentFull else { throw error }
                        try roll(&log)
                    }
                }
            case 55..<65: try log.flush()
            case 65..<80: try log.sync()
            case 80..<85:
                let barrier = try log.barrier()
                do throws(SystemError) { try barrier.sync() } catch { throw log.poison(with: error) }
                log.markSynced(through: barrier.through)
            case 85..<95: try roll(&log)
            default:
                try log.trim(through: log.durable)
            }
            promised = max(promised, log.durable.ordinal)
        }
    }

    private mutating func roll(_ log: inout SegmentLog) throws(LogError) {
        let records = head()
        // Should the roll end half-way, the seal may or may not be there, and the head with it.
        var last = log.appended.ordinal
        if !log.isSealed {
            last += 1
            bodies[last] = []
        }
        for (index, record) in records.enumerated() { bodies[last + 1 + UInt64(index)] = record.body }
        try log.roll(nowMs: 1, salt: random.next(), first: records)
        promised = max(promised, log.durable.ordinal)
    }

    /// Opens after a crash and holds the log to its promise.
    private mutating func recover() throws -> SegmentLog {
        let evidence = LogEvidence(durableThrough: random.chance(50) ? promised : 0)
        let log = try SegmentLog.open(on: disk, options: options, evidence: evidence)
        hasFailed = hasFailed || log.appended.ordinal < promised || log.durable != log.appended
        cuts += log.recovery.bytesCut > 0 ? 1 : 0
        rewrites += log.recovery.recordsRewritten > 0 ? 1 : 0
        promised = log.appended.ordinal
        bodies = bodies.filter { $0.key <= promised }
        try check(through: promised)
        return log
    }

    private mutating func check(through end: UInt64) throws {
        var reader = try LogReader(on: disk, through: end)
        while let record = try reader.next() {
            let found = reader.content().body
            hasFailed = hasFailed || bodies[record.ordinal] != found
        }
        hasFailed = hasFailed || reader.position.ordinal != end
    }

    /// Throws what no life of a log may end with.
    package mutating func run() throws {
        var log = try SegmentLog.create(
            on: disk, options: options, lineage: Bytes16(high: 1, low: 2), nowMs: 0, salt: random.next(),
            first: [NewRecord(RecordDraft(.epoch), body: [1])])
        bodies[1] = [1]
        promised = log.durable.ordinal
        for _ in 0..<2 + random.below(4) {
            if random.chance(25) { disk.failSync(after: 1 + random.below(6)) }
            if random.chance(50) { disk.losePower(afterCalls: 1 + random.below(40)) }
            do throws(LogError) {
                try live(&log)
                if random.chance(20) { try log.close() }
            } catch {
                guard case .poisoned = error else { throw error }
                // A poisoned log takes nothing more and promises nothing.
                hasFailed = hasFailed || (try? log.append(RecordDraft(.batch), body: [])) != nil
                hasFailed = hasFailed || (try? log.sync()) != nil
            }
            // A kill leaves the pages; the power may go before or after the recovery that trusted them.
            if random.chance(40) { disk.kill() } else { disk.losePower() }
            crashes += 1
            if random.chance(30) { disk.losePower(afterCalls: 1 + random.below(8)) }
            do {
                log = try recover()
            } catch let error as LogError {
                guard case .poisoned = error else { throw error }
                disk.losePower()
                log = try recover()
            }
            disk.kill()
            if random.chance(50) { disk.losePower() }
            log = try recover()
        }
    }
}
