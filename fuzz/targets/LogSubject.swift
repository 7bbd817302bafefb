import TallyIO
import TallyLog
import TallyModel
import TestDisk

/// The recovery of a log from whatever its files hold.
///
/// ```
/// | how u8: even files (LogForge), odd a life of a log on a disk that loses its power (LogLife) | … |
/// ```
/// Promises: opening gives a log or says why not, and changes nothing where it says damage; all records through its
/// end can be read then, in order; opened again it is the same and clean; a record appended to it is found; what was
/// durable is found with its content, or missed loudly.
class LogSubject: FuzzSubject {
    // MARK: Calls into the product

    func open(_ disk: LyingDisk, _ evidence: LogEvidence) throws(LogError) -> SegmentLog {
        try SegmentLog.open(on: disk, options: LogSubject.options, evidence: evidence)
    }

    /// All records through `ordinal`, and the error that ended the reading, if one did.
    func records(_ disk: LyingDisk, through ordinal: UInt64) -> (records: [LogRecord], error: LogError?) {
        var records: [LogRecord] = []
        do throws(LogError) {
            var reader = try LogReader(on: disk, through: ordinal)
            while let header = try reader.next() {
                var record = LogRecord(kind: header.kind, ordinal: header.ordinal)
                reader.withContent(of: &record) { body, local, record in
                    record.body.append(copying: body)
                    record.local.append(copying: local)
                }
                records.append(record)
            }
        } catch {
            return (records, error)
        }
        return (records, nil)
    }

    static var options: LogOptions {
        var options = LogOptions()
        options.segmentBytes = 4_096
        options.segmentBytesHard = 8_192
        options.preallocationBytes = 512
        options.bufferBytesMax = 1_024
        return options
    }

    // MARK: The run

    func run(_ input: [UInt8]) throws(FuzzFinding) -> FuzzOutcome {
        var reader = FuzzBytes(input)
        guard reader.byte() & 1 == 0 else {
            var life = LogLife(subject: self)
            return try life.run(&reader)
        }
        let disk = LyingDisk(seed: 1)
        let files = LogForge.files(&reader)
        for (name, bytes) in files { disk.put(name, bytes) }
        let evidence = LogEvidence(durableThrough: reader.number(), firstSegment: UInt32(clamping: reader.number()))
        return try check(disk, evidence, segments: files.count) == nil ? .refused : .reached
    }

    /// Opens what is on the disk. Nil where it was refused or holds nothing.
    func check(
        _ disk: LyingDisk, _ evidence: LogEvidence, segments: Int
    ) throws(FuzzFinding) -> [LogRecord]? {
        let before = disk.snapshot()
        let end: LedgerPosition
        let isDurable: Bool
        do throws(LogError) {
            let log = try open(disk, evidence)
            end = log.durable
            isDurable = log.durable == log.appended && log.durable == log.flushed
        } catch {
            if case .damaged = error {
                let kept = before.filter { !$0.key.hasSuffix(".new") }
                try expect(disk.snapshot() == kept, "where there is damage nothing is changed")
            }
            return nil
        }
        try expect(isDurable, "what is opened is durable")
        let (found, error) = records(disk, through: end.ordinal)
        if let error {
            guard case .damaged = error, segments > 1 else { throw FuzzFinding("what was recovered can be read") }
        } else {
            try expect(found.last.map { $0.ordinal == end.ordinal } ?? true, "a log is read to its end")
        }
        for (one, next) in zip(found, found.dropFirst()) {
            try expect(one.ordinal + 1 == next.ordinal, "records stand in the order of their numbers")
        }
        for record in found { try RecordBodies.check(record) }
        try checkAgain(disk, evidence, end)
        return found.isEmpty ? nil : found
    }

    private func checkAgain(
        _ disk: LyingDisk, _ evidence: LogEvidence, _ end: LedgerPosition
    ) throws(FuzzFinding) {
        disk.losePower()
        let appended: LedgerPosition
        do throws(LogError) {
            var log = try open(disk, evidence)
            try expectEnd(log, end)
            if log.isRollDue { try log.roll(nowMs: 9, salt: 77, first: []) }
            appended = try log.append(RecordDraft(.batch), body: [1, 2, 3])
            try log.sync()
        } catch {
            throw FuzzFinding("what was recovered is opened again and goes on: \(error)")
        }
        disk.losePower()
        do throws(LogError) {
            let log = try open(disk, evidence)
            try expectEnd(log, appended)
        } catch {
            throw FuzzFinding("what was appended to a recovered log is found: \(error)")
        }
    }

    private func expectEnd(_ log: borrowing SegmentLog, _ end: LedgerPosition) throws(LogError) {
        // Told as the error that a reader would give of a place that is not there.
        guard log.durable == end else { throw .positionUnknown(end) }
        guard log.recovery.bytesCut == 0 else { throw .positionUnknown(end) }
    }
}

/// A record as it was read or written.
struct LogRecord: Hashable {
    var kind: RecordKind
    var ordinal: UInt64
    var body: [UInt8] = []
    var local: [UInt8] = []
}

/// Bodies of fixed layout: what decodes is encoded to something that decodes to the same.
enum RecordBodies {
    static func check(_ record: LogRecord) throws(FuzzFinding) {
        let isSame =
            switch record.kind {
            case .gap: isSame(GapRecord.self, record.body)
            case .stream: isSame(StreamRecord.self, record.body)
            case .checkpoint: isSame(CheckpointRecord.self, record.body)
            case .purge: isSame(PurgeRecord.self, record.body)
            case .husk: isSame(HuskRecord.self, record.body)
            case .priceBook: isSame(PriceBookRecord.self, record.body)
            case .epoch: isSame(EpochRecord.self, record.body)
            case .acknowledged: isSame(AcknowledgedRecord.self, record.body)
            case .deadLetter: isSame(DeadLetterRecord.self, record.body)
            case .adoption: isSame(AdoptionRecord.self, record.body)
            case .batch, .seal, .sourceDelta: true
            }
        try expect(isSame, "a \(record.kind) record that decodes is encoded to the same")
    }

    private static func isSame<Body: RecordBody>(_: Body.Type, _ bytes: [UInt8]) -> Bool {
        do throws(MalformedBody) {
            let body = try Body(decoding: bytes)
            do throws(MalformedBody) { return try Body(decoding: body.encode()) == body } catch { return false }
        } catch {
            return true
        }
    }
}

protocol RecordBody: Hashable {
    init(decoding bytes: [UInt8]) throws(MalformedBody)
    func encode() -> [UInt8]
}

extension GapRecord: RecordBody {}
extension StreamRecord: RecordBody {}
extension CheckpointRecord: RecordBody {}
extension PurgeRecord: RecordBody {}
extension HuskRecord: RecordBody {}
extension PriceBookRecord: RecordBody {}
extension EpochRecord: RecordBody {}
extension AcknowledgedRecord: RecordBody {}
extension DeadLetterRecord: RecordBody {}
extension AdoptionRecord: RecordBody {}
