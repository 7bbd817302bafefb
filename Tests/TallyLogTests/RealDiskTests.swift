import Foundation
import Synchronization
import TallyIO
import TallyLog
import TallyModel
import Testing

@Suite struct RealDiskTests {
    private struct Folder: ~Copyable {
        let path = NSTemporaryDirectory() + "tally-log-" + UUID().uuidString
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private static func body(_ ordinal: UInt64) -> [UInt8] {
        [UInt8](repeating: UInt8(truncatingIfNeeded: ordinal), count: 1 + Int(ordinal % 5_000))
    }

    @Test("A log on a real disk is found again after a clean stop and after a kill, over several segments")
    func reopen() throws {
        let folder = Folder()
        let directory = try Directory.openOrMake(folder.path)
        #expect(throws: LogError.absent) { _ = try SegmentLog.open(on: directory) }
        var options = LogOptions()
        options.segmentBytes = 20_000
        var log = try SegmentLog.create(
            on: directory, options: options, lineage: Bytes16(high: 1, low: 1), nowMs: 1, salt: 2)
        for stop in 0..<6 {
            for _ in 0..<100 {
                let ordinal = log.appended.ordinal + 1
                try log.append(RecordDraft(.batch), body: RealDiskTests.body(ordinal))
                if log.isRollDue { try log.roll(nowMs: 1, salt: ordinal, first: []) }
            }
            let isClean = stop % 2 == 0
            if isClean { try log.close() } else { try log.flush() }
            let end = log.appended
            log = try SegmentLog.open(on: directory, options: options)
            #expect(log.appended == end && log.durable == end)
            #expect(log.recovery.wasClean == isClean)
        }
        #expect(log.segments.count > 5)
        var reader = try LogReader(on: directory)
        while let record = try reader.next() {
            #expect(record.kind == .seal || reader.content().body == RealDiskTests.body(record.ordinal))
        }
        let last = log.appended
        #expect(try log.trim(through: last) > 3)
        #expect(throws: LogError.exists) {
            _ = try SegmentLog.create(on: directory, lineage: last.lineage, nowMs: 1, salt: 1)
        }
        log = try SegmentLog.open(on: directory, options: options)
        #expect(log.appended == last)
    }

    @Test("Records longer than the reader's buffer step come whole across its edges")
    func longRecords() throws {
        let folder = Folder()
        let directory = try Directory.openOrMake(folder.path)
        var log = try SegmentLog.create(on: directory, lineage: Bytes16(high: 1, low: 1), nowMs: 1, salt: 2)
        let longest = Limits.recordBytesMax - 144
        let lengths = [100_000, 262_144, 262_000, longest, 1, 300_000, 0, longest]
        for (index, length) in lengths.enumerated() {
            try log.append(RecordDraft(.batch), body: [UInt8](repeating: UInt8(index + 1), count: length))
        }
        #expect(throws: LogError.recordTooLong(bytes: longest + 145)) {
            try log.append(RecordDraft(.batch), body: [UInt8](repeating: 1, count: longest + 1))
        }
        try log.sync()
        var reader = try LogReader(on: directory, through: log.durable.ordinal)
        for (index, length) in lengths.enumerated() {
            #expect(try reader.next()?.bodyBytes == length)
            #expect(reader.content().body == [UInt8](repeating: UInt8(index + 1), count: length))
        }
        #expect(try reader.next() == nil)
    }

    @Test("A reader on another thread follows a live appender through every roll and misses nothing")
    func follower() async throws {
        let folder = Folder()
        let path = folder.path
        let directory = try Directory.openOrMake(path)
        let total: UInt64 = 4_000
        var options = LogOptions()
        options.segmentBytes = 200_000
        options.preallocationBytes = 10_000
        var log = try SegmentLog.create(
            on: directory, options: options, lineage: Bytes16(high: 1, low: 1), nowMs: 1, salt: 2)
        let follower = Task.detached { () throws -> UInt64 in
            var reader = try LogReader(on: try Directory.open(path))
            var polls = 0
            while reader.position.ordinal < total, polls < 60_000 {
                guard let record = try reader.next() else {
                    polls += 1
                    try await Task.sleep(for: .milliseconds(1))
                    continue
                }
                if record.kind == .batch, reader.content().body != RealDiskTests.body(record.ordinal % 900) {
                    return 0
                }
            }
            return reader.position.ordinal
        }
        while log.appended.ordinal < total {
            let ordinal = log.appended.ordinal + 1
            try log.append(RecordDraft(.batch), body: RealDiskTests.body(ordinal % 900))
            if ordinal % 7 == 0 { try log.flush() }
            if log.isRollDue { try log.roll(nowMs: 1, salt: ordinal, first: []) }
        }
        try log.flush()
        #expect(log.segments.count > 4)
        #expect(try await follower.value >= total)
    }

    @Test("One barrier over the file system covers what was flushed before it began")
    func fileSystemBarrier() throws {
        let folder = Folder()
        let directory = try Directory.openOrMake(folder.path)
        guard let barrier = try FileSystemBarrier.open(on: directory) else { return }
        var log = try SegmentLog.create(on: directory, lineage: Bytes16(high: 1, low: 1), nowMs: 1, salt: 2)
        try log.append(RecordDraft(.batch), body: [1])
        let flushed = try log.flush()
        #expect(log.durable.ordinal == 0)
        try log.append(RecordDraft(.batch), body: [2])
        try barrier.sync()
        log.markSynced(through: flushed)
        #expect(log.durable == flushed && log.appended.ordinal == 2)
    }
}
