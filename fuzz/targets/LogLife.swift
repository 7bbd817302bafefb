import TallyIO
import TallyLog
import TallyModel
import TestDisk

/// The life of a log as a list of operations, a byte each with operands behind it: appends, syncs, rolls, stops of
/// every kind, and bytes of its files that change on the disk.
struct LogLife {
    private enum Operation: UInt8, CaseIterable {
        case append, flush, sync, roll, trim, close, kill, losePower, flip, cut, zero, evidence
    }

    /// Each roll is another file to look at in all that follows: a whole input of rolls would take half a minute.
    private static let operationsMax = 64

    private let subject: LogSubject
    private let disk = LyingDisk(seed: 7)
    /// What was appended, by number.
    private var written: [UInt64: LogRecord] = [:]
    private var durable: UInt64 = 0
    private var trimmed: UInt64 = 0
    /// Bytes were changed behind the log's back.
    private var isRotten = false
    private var evidence = LogEvidence.none
    private var salt: UInt64 = 1
    private var hasRecovered = false
    private var operations = 0

    init(subject: LogSubject) { self.subject = subject }

    mutating func run(_ reader: inout FuzzBytes) throws(FuzzFinding) -> FuzzOutcome {
        var lives = 0
        while !reader.isEmpty, lives < 8 {
            lives += 1
            do throws(LogError) {
                guard try live(&reader) else { break }
            } catch {
                try expect(isRotten, "a log that nobody touched is opened and goes on: \(error)")
                return hasRecovered ? .reached : .refused
            }
            try recover()
        }
        return hasRecovered ? .reached : .refused
    }

    /// From an opening to a stop. False at the end of the input.
    private mutating func live(_ reader: inout FuzzBytes) throws(LogError) -> Bool {
        var log = try begin()
        while !reader.isEmpty, operations < Self.operationsMax {
            operations += 1
            let all = Operation.allCases
            switch all[Int(reader.byte()) % all.count] {
            case .append: try append(&log, &reader)
            case .flush: try log.flush()
            case .sync: try log.sync()
            case .roll:
                salt = mixed(salt)
                let before = log.appended.ordinal
                try log.roll(nowMs: 5, salt: salt, first: [NewRecord(RecordDraft(.checkpoint), body: [1, 0])])
                for ordinal in before + 1...log.appended.ordinal {
                    // The seal, unless there was one, and the head of the new segment.
                    let isHead = ordinal == log.appended.ordinal
                    written[ordinal] = LogRecord(
                        kind: isHead ? .checkpoint : .seal, ordinal: ordinal, body: isHead ? [1, 0] : [])
                }
            case .trim:
                try log.trim(through: log.durable)
                trimmed = log.segments[0].firstOrdinal - 1
            case .close: try log.close()
            case .kill:
                durable = log.durable.ordinal
                disk.kill()
                return true
            case .losePower:
                durable = log.durable.ordinal
                disk.losePower()
                return true
            case .evidence: evidence = LogEvidence(durableThrough: log.durable.ordinal)
            case .flip, .cut, .zero:
                durable = log.durable.ordinal
                disk.kill()
                rot(&reader)
                return true
            }
        }
        return false
    }

    private mutating func begin() throws(LogError) -> SegmentLog {
        guard written.isEmpty, durable == 0 else { return try subject.open(disk, evidence) }
        do throws(LogError) {
            return try SegmentLog.create(
                on: disk, options: LogSubject.options, lineage: Bytes16(high: 1, low: 2), nowMs: 1, salt: salt)
        } catch {
            guard case .exists = error else { throw error }
            return try subject.open(disk, evidence)
        }
    }

    private mutating func append(_ log: inout SegmentLog, _ reader: inout FuzzBytes) throws(LogError) {
        if log.isRollDue {
            salt = mixed(salt)
            let isSealed = log.isSealed
            let seal = log.appended.ordinal + 1
            try log.roll(nowMs: 5, salt: salt, first: [])
            if !isSealed { written[seal] = LogRecord(kind: .seal, ordinal: seal) }
        }
        let kinds = RecordKind.allCases.filter { $0 != .seal }
        let kind = kinds[Int(reader.byte()) % kinds.count]
        let body = reader.take(Int(reader.byte()))
        let local = reader.take(Int(reader.byte() & 15))
        let place = try log.append(RecordDraft(kind, receivedAtMs: 3), body: body, local: local)
        written[place.ordinal] = LogRecord(kind: kind, ordinal: place.ordinal, body: body, local: local)
    }

    private mutating func rot(_ reader: inout FuzzBytes) {
        let names = disk.snapshot().keys.sorted()
        guard !names.isEmpty else { return }
        isRotten = true
        let name = names[Int(reader.byte()) % names.count]
        let place = Int(reader.short())
        let bit = reader.byte()
        disk.edit(name) { bytes in
            guard !bytes.isEmpty else { return }
            let index = place % bytes.count
            switch bit >> 3 & 3 {
            case 0: bytes.removeLast(bytes.count - index)
            case 1: for zero in index..<min(bytes.count, index + 64) { bytes[zero] = 0 }
            default: bytes[index] ^= 1 << (bit & 7)
            }
        }
    }

    /// After a stop: what was durable is there with its content, or missed loudly.
    private mutating func recover() throws(FuzzFinding) {
        // On a disk of its own: what is checked goes on from what the log finds, and this log does too.
        let copy = LyingDisk(seed: 3)
        copy.restore(disk.snapshot())
        let end: UInt64
        do throws(LogError) {
            let log = try subject.open(copy, evidence)
            end = log.durable.ordinal
        } catch {
            try expect(isRotten, "a log that nobody touched is opened: \(error)")
            return
        }
        // What was lost may be written otherwise from here on.
        for ordinal in written.keys where ordinal > end { written[ordinal] = nil }
        let (found, error) = subject.records(copy, through: end)
        if let error { return try expect(isRotten, "a log that nobody touched is read: \(error)") }
        hasRecovered = !found.isEmpty
        if !isRotten { try expect(end >= durable, "what was durable is found") }
        for record in found {
            try expect(written[record.ordinal] == record, "what is found is what was written")
        }
        if let first = found.first, !isRotten { try expect(first.ordinal <= trimmed + 1, "nothing is missing before") }
        _ = try subject.check(copy, evidence, segments: 2)
    }
}
