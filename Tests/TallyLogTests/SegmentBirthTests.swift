import TallyIO
import TallyLog
import TallyModel
import TestDisk
import Testing

/// The checkpoint of a large owner: some records of many kilobytes.
private func records(_ count: Int, bytes: Int) -> some Sequence<NewRecord> {
    (0..<count).lazy.map { number in
        NewRecord(RecordDraft(.checkpoint), body: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: bytes))
    }
}

@Suite("The beginning of a segment")
struct SegmentBirthTests {
    private static func log(on disk: LyingDisk) throws -> LedgerPosition {
        var log = try SegmentLog.create(on: disk, lineage: Bytes16(high: 1, low: 2), nowMs: 1, salt: 3)
        try log.append(RecordDraft(.batch), body: [1, 2, 3])
        try log.sync()
        return log.durable
    }

    @Test("A checkpoint of many megabytes, made while it is written, is read back whole and in order")
    func large() throws {
        let disk = LyingDisk(seed: 4)
        _ = try Self.log(on: disk)
        disk.kill()
        var log = try SegmentLog.open(on: disk)
        try log.roll(nowMs: 2, salt: 9, first: records(40, bytes: 100_000))
        try log.append(RecordDraft(.batch), body: [7])
        try log.sync()
        #expect(log.segmentBytes > 4_000_000)
        disk.losePower()
        let again = try SegmentLog.open(on: disk)
        #expect(again.durable == log.durable)
        var reader = try LogReader(on: disk, segment: 2)
        var first: [UInt8] = []
        while let header = try reader.next() {
            let body = reader.content().body
            if header.kind == .checkpoint { first.append(body[50_000]) } else { #expect(body == [7]) }
        }
        #expect(first == Array(0..<40))
    }

    @Test("Wherever the power goes while it is written, it is there whole or the log ends before it")
    func powerLoss() throws {
        var outcomes: Set<UInt32> = []
        for calls in 1...40 {
            let disk = LyingDisk(seed: UInt64(calls))
            let before = try Self.log(on: disk)
            disk.kill()
            var log = try SegmentLog.open(on: disk)
            disk.losePower(afterCalls: calls)
            do throws(LogError) {
                try log.roll(nowMs: 2, salt: 9, first: records(30, bytes: 100_000))
                disk.losePower()
            } catch {
                #expect(disk.hasFailed)
                disk.losePower()
            }
            let again = try SegmentLog.open(on: disk)
            #expect(again.durable.ordinal >= before.ordinal, "after \(calls) calls")
            outcomes.insert(again.durable.segment)
            // The seal and all of the checkpoint.
            if again.durable.segment == 2 { #expect(again.durable.ordinal == before.ordinal + 31) }
        }
        #expect(outcomes == [1, 2], "some cuts came before its name, some after")
    }

    @Test("More than a segment may begin with is refused, and nothing of it stays")
    func tooLarge() throws {
        let disk = LyingDisk(seed: 5)
        let before = try Self.log(on: disk)
        disk.kill()
        var log = try SegmentLog.open(on: disk)
        #expect(throws: LogError.segmentFull) {
            try log.roll(nowMs: 2, salt: 9, first: records(70, bytes: 1_000_000))
        }
        #expect(try disk.listFiles().allSatisfy { !$0.hasSuffix(".new") })
        try log.roll(nowMs: 2, salt: 9, first: records(1, bytes: 10))
        #expect(log.durable.ordinal == before.ordinal + 2)
    }
}
