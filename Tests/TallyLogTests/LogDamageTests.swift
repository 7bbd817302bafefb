import TallyHash
import TallyIO
import TallyLog
import TallyModel
import TestDisk
import Testing

/// A small log on the lying disk: `records` batches in each of `segments` segments, all synced one by one.
private struct Sample {
    let disk = LyingDisk(seed: 7)
    var options = LogOptions()
    var end: LedgerPosition
    var positions: [LedgerPosition] = []

    init(segments: Int, records: Int, syncEach: Bool = true, isClosed: Bool = false) throws {
        options.preallocationBytes = 300
        var log = try SegmentLog.create(
            on: disk, options: options, lineage: Bytes16(high: 3, low: 4), nowMs: 5, salt: 99)
        for segment in 1...segments {
            for index in 0..<records {
                let body = [UInt8](repeating: UInt8(index), count: 40 + index)
                positions.append(try log.append(RecordDraft(.batch), body: body, local: [1, 2, 3]))
                if syncEach { try log.sync() }
            }
            if segment < segments {
                try log.roll(nowMs: 6, salt: UInt64(segment), first: [NewRecord(RecordDraft(.checkpoint), body: [9])])
            }
        }
        try log.sync()
        if isClosed { try log.close() }
        end = log.appended
        disk.kill()
    }

    func open(_ evidence: LogEvidence = .none) throws(LogError) -> LedgerPosition {
        let log = try SegmentLog.open(on: disk, options: options, evidence: evidence)
        return log.appended
    }

    func damage(_ evidence: LogEvidence = .none) -> LogDamage? {
        let before = disk.snapshot()
        do throws(LogError) { _ = try open(evidence) } catch {
            guard case .damaged(let damage) = error else { return nil }
            #expect(disk.snapshot() == before, "a damaged log was changed")
            return damage
        }
        return nil
    }

    func file(_ segment: Int) -> String { "000000000\(segment).segment" }

    /// Reads all of it; the ordinals that were shown.
    func read(through: UInt64? = nil) throws(LogError) -> [UInt64] {
        var reader = try LogReader(on: disk, through: through)
        var ordinals: [UInt64] = []
        while let record = try reader.next() { ordinals.append(record.ordinal) }
        return ordinals
    }
}

@Suite struct LogDamageTests {
    @Test("A flipped bit in a record that a later one proves durable is damage, named, and nothing is truncated")
    func flippedBits() throws {
        let sample = try Sample(segments: 1, records: 5)
        // The last record whose durability is proved is the fourth: the fifth was made when it was synced.
        let provedBytes = 128 + (0..<4).reduce(0) { $0 + 144 + 3 + 40 + $1 }
        for byte in 128..<provedBytes {
            sample.disk.flip(sample.file(1), byte: byte, bit: byte % 8)
            let damage = sample.damage()
            #expect(damage?.cause == .record && damage?.segment == 1, "byte \(byte)")
            #expect((damage?.offset ?? .max) <= byte, "byte \(byte)")
            sample.disk.flip(sample.file(1), byte: byte, bit: byte % 8)
        }
        #expect(try sample.open() == sample.end)
    }

    @Test("A damaged last record is a torn tail, unless an acknowledgement or a clean stop proves it durable")
    func lastRecord() throws {
        for (isClosed, evidence, isDamage) in [
            (false, LogEvidence.none, false), (true, .none, true), (false, LogEvidence(durableThrough: 5), true),
            (false, LogEvidence(durableThrough: 4), false),
        ] {
            let sample = try Sample(segments: 1, records: 5, isClosed: isClosed)
            let last = 128 + (0..<4).reduce(0) { $0 + 144 + 3 + 40 + $1 }
            sample.disk.flip(sample.file(1), byte: last + 150, bit: 3)
            if isDamage {
                #expect(sample.damage(evidence)?.ordinal == 5)
            } else {
                #expect(try sample.open(evidence) == sample.positions[3])
                #expect(try sample.read() == [1, 2, 3, 4])
            }
        }
    }

    @Test("Unsynced records written out of order are cut as one torn tail, and the cut ones never return")
    func reorderedTail() throws {
        let sample = try Sample(segments: 1, records: 5, syncEach: false)
        sample.disk.flip(sample.file(1), byte: 128 + 187 + 60, bit: 0)
        var log = try SegmentLog.open(on: sample.disk, options: sample.options)
        #expect(log.appended.ordinal == 1 && log.recovery.bytesCut > 0)
        // As long as the first of those cut, so that the next one's old bytes would follow exactly.
        try log.append(RecordDraft(.batch), body: [UInt8](repeating: 1, count: 41), local: [1, 2, 3])
        try log.sync()
        #expect(try sample.read() == [1, 2])
    }

    @Test("A cut record does not return behind a new one whose header equals that of its old neighbour")
    func resurrection() throws {
        let disk = LyingDisk(seed: 3)
        var log = try SegmentLog.create(on: disk, lineage: Bytes16(high: 1, low: 1), nowMs: 1, salt: 2)
        try log.append(RecordDraft(.batch), body: [1])
        try log.sync()
        for body: [UInt8] in [[2, 2], [3, 3, 3]] { try log.append(RecordDraft(.batch), body: body) }
        try log.flush()
        disk.flip("0000000001.segment", byte: 128 + 145 + 136, bit: 0)
        disk.kill()
        log = try SegmentLog.open(on: disk, evidence: LogEvidence(durableThrough: 1))
        #expect(log.recovery.recordsRewritten == 0 && log.recovery.bytesCut > 0)
        try log.append(RecordDraft(.batch), body: [7, 7])
        try log.sync()
        disk.losePower()
        log = try SegmentLog.open(on: disk)
        #expect(log.appended.ordinal == 2)
        var reader = try LogReader(on: disk)
        while try reader.next() != nil {}
        #expect(reader.position.ordinal == 2)
    }

    @Test("A record of another history does not pass for the next one, though its own checksums hold")
    func splicedHistory() throws {
        func log(_ stream: UInt32) throws -> LyingDisk {
            let disk = LyingDisk(seed: 3)
            var log = try SegmentLog.create(on: disk, lineage: Bytes16(high: 1, low: 1), nowMs: 1, salt: 2)
            for _ in 0..<3 {
                var draft = RecordDraft(.batch)
                draft.stream = stream
                try log.append(draft, body: [1])
            }
            try log.sync()
            return disk
        }
        let left = try log(1)
        let right = try log(2).bytes("0000000001.segment")
        left.edit("0000000001.segment") { bytes in
            bytes.replaceSubrange(128 + 145..<bytes.count, with: right[128 + 145..<bytes.count])
        }
        #expect(throws: LogError.damaged(LogDamage(.record, segment: 1, offset: 128 + 145, ordinal: 2))) {
            var reader = try LogReader(on: left, through: 3)
            while try reader.next() != nil {}
        }
    }

    @Test("A log whose end is gone is damage when something proves the end, whatever stands there now")
    func lostEnd() throws {
        let sample = try Sample(segments: 2, records: 3)
        sample.disk.edit(sample.file(2)) { $0.removeLast($0.count - 128) }
        #expect(sample.damage()?.cause == .endMissing(durableThrough: 5))
        let whole = try Sample(segments: 2, records: 3)
        whole.disk.remove(whole.file(2))
        #expect(whole.damage(LogEvidence(durableThrough: 6))?.segment == 1)
        whole.disk.remove(whole.file(1))
        #expect(whole.damage(LogEvidence(durableThrough: 6))?.cause == .endMissing(durableThrough: 6))
        #expect(throws: LogError.absent) { try whole.open() }
    }

    @Test("A missing segment is damage; the first may be missing only if nobody says that it must be there")
    func missingSegments() throws {
        let sample = try Sample(segments: 4, records: 2)
        #expect(sample.damage(LogEvidence(firstSegment: 1)) == nil)
        sample.disk.remove(sample.file(3))
        #expect(sample.damage() == LogDamage(.segmentMissing, segment: 3))
        let trimmed = try Sample(segments: 3, records: 2)
        trimmed.disk.remove(trimmed.file(1))
        #expect(trimmed.damage(LogEvidence(firstSegment: 1)) == LogDamage(.segmentMissing, segment: 1))
        #expect(try trimmed.open() == trimmed.end)
    }

    @Test("A segment with a flipped bit in its header, seal or neighbour's link is damage at open")
    func headersAndSeals() throws {
        let sample = try Sample(segments: 2, records: 2)
        for byte in 0..<128 {
            sample.disk.flip(sample.file(1), byte: byte, bit: 1)
            #expect(sample.damage()?.cause == .segmentHeader, "byte \(byte)")
            sample.disk.flip(sample.file(1), byte: byte, bit: 1)
        }
        let size = sample.disk.bytes(sample.file(1)).count
        for byte in size - 144..<size - 8 {
            sample.disk.flip(sample.file(1), byte: byte, bit: 1)
            #expect(sample.damage()?.cause == .segmentLink, "byte \(byte)")
            sample.disk.flip(sample.file(1), byte: byte, bit: 1)
        }
    }

    @Test("A log of another format is refused by its number, older or newer, and nothing is changed")
    func otherFormats() throws {
        let sample = try Sample(segments: 1, records: 2)
        for (version, refusal) in [(UInt8(3), LogError.newerVersion(3)), (1, .olderVersion(1))] {
            setVersion(version, of: sample)
            let before = sample.disk.snapshot()
            #expect(throws: refusal) { try sample.open() }
            #expect(throws: refusal) { try sample.read() }
            #expect(sample.disk.snapshot() == before)
        }
        setVersion(2, of: sample)
        #expect(try sample.open().ordinal == 2)
    }

    /// Writes another format into the header of the first segment, and the checksum that goes with it.
    private func setVersion(_ version: UInt8, of sample: Sample) {
        sample.disk.edit(sample.file(1)) { bytes in
            bytes[8] = version
            let salt = bytes.span.littleEndian(UInt64.self, at: 16)
            let checksum = XXH3.hash64(bytes.span.extracting(0..<120), seed: salt)
            for index in 0..<8 { bytes[120 + index] = UInt8(truncatingIfNeeded: checksum >> UInt64(8 * index)) }
        }
    }

    @Test("A flipped bit inside a sealed segment is damage to its readers, at its place, and hides nothing before it")
    func readersSeeDamage() throws {
        let sample = try Sample(segments: 2, records: 3)
        sample.disk.flip(sample.file(1), byte: 128 + 187 + 140, bit: 5)
        #expect(try sample.open() == sample.end)
        #expect(throws: LogError.damaged(LogDamage(.record, segment: 1, offset: 128 + 187, ordinal: 2))) {
            try sample.read()
        }
        #expect(try sample.read(through: 1) == [1])
    }

    @Test("A reader shown every prefix of a growing segment sees whole records in order and never an error")
    func everyPrefix() throws {
        let sample = try Sample(segments: 1, records: 4)
        let bytes = sample.disk.bytes(sample.file(1))
        let disk = LyingDisk(seed: 1)
        disk.put(sample.file(1), Array(bytes.prefix(128)))
        var reader = try LogReader(on: disk)
        var seen: [UInt64] = []
        for count in 128...bytes.count {
            disk.edit(sample.file(1)) { $0 = Array(bytes.prefix(count)) }
            while let record = try reader.next() { seen.append(record.ordinal) }
            let whole = (0..<4).filter { last in 128 + (0...last).reduce(0) { $0 + 187 + $1 } <= count }.count
            #expect(seen.count == whole, "\(count) bytes")
        }
        #expect(seen == [1, 2, 3, 4])
    }

    @Test("A bounded reader calls a record that must be there and does not check damage; an unbounded one waits")
    func bounds() throws {
        let sample = try Sample(segments: 1, records: 3)
        sample.disk.flip(sample.file(1), byte: 128 + 187 + 10, bit: 0)
        #expect(try sample.read() == [1])
        #expect(throws: LogError.self) { try sample.read(through: 3) }
    }

    @Test("A position is found again with its checksum, and refused in another log or behind a trimmed segment")
    func positions() throws {
        let sample = try Sample(segments: 2, records: 2)
        for position in sample.positions {
            var reader = try LogReader(on: sample.disk, from: position)
            #expect(try reader.next()?.ordinal == (position == sample.end ? nil : position.ordinal + 1))
        }
        var wrong = sample.positions[1]
        wrong.checksum ^= 1
        #expect(throws: LogError.positionUnknown(wrong)) { try LogReader(on: sample.disk, from: wrong) }
        var other = sample.positions[1]
        other.lineage = Bytes16(high: 0, low: 1)
        #expect(throws: LogError.positionUnknown(other)) { try LogReader(on: sample.disk, from: other) }
        var log = try SegmentLog.open(on: sample.disk, options: sample.options)
        #expect(try log.trim(through: sample.positions[1]) == 0)
        #expect(try log.trim(through: sample.end) == 1)
        #expect(throws: LogError.positionUnknown(sample.positions[0])) {
            try LogReader(on: sample.disk, from: sample.positions[0])
        }
    }

    @Test("A reader that goes on from a place sees what one that walks there sees, also where the place is gone")
    func places() throws {
        let sample = try Sample(segments: 2, records: 3)
        var first = try LogReader(on: sample.disk)
        // Ends with one turn for each record.
        while try first.next() != nil {
            var walking = try LogReader(on: sample.disk, from: first.position)
            var jumping = try LogReader(on: sample.disk, from: first.position, place: first.place)
            #expect(jumping.position == first.position)
            while true {
                let record = try walking.next()
                #expect(try jumping.next() == record)
                if record == nil { break }
                #expect(walking.content().body == jumping.content().body)
            }
        }
        // Places of another log, and of a record that moved.
        let other = try Sample(segments: 2, records: 2)
        var strange = try LogReader(on: other.disk)
        for _ in 0..<2 { _ = try strange.next() }
        for position in sample.positions {
            var reader = try LogReader(on: sample.disk, from: position, place: strange.place)
            #expect(try reader.next()?.ordinal == (position == sample.end ? nil : position.ordinal + 1))
        }
    }

    @Test("A full disk refuses the flush, keeps the records, and resumes by itself")
    func fullDisk() throws {
        let sample = try Sample(segments: 1, records: 1)
        var log = try SegmentLog.open(on: sample.disk, options: sample.options)
        sample.disk.fill(after: 100)
        try log.append(RecordDraft(.batch), body: [UInt8](repeating: 5, count: 1_000))
        #expect(throws: LogError.self) { try log.sync() }
        #expect(log.poison == nil && log.durable.ordinal == 1)
        sample.disk.fill(after: .max)
        try log.sync()
        sample.disk.losePower()
        #expect(try sample.read() == [1, 2])
    }
}
