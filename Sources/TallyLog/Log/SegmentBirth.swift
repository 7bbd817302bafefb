import TallyIO
import TallyModel

/// How a segment comes into being: written under a temporary name, synced, renamed, the folder synced. No reader and no
/// crash ever sees a segment without its header and its first records.
///
/// The records are taken one by one and written by pieces, so that a large checkpoint is never in memory whole. The
/// header says how many there are: where they were more than one piece, it is written again behind the last.
struct SegmentBirth: Sendable {
    private(set) var header: SegmentHeader
    let file: any LogFile
    private(set) var ordinal: UInt64
    private(set) var checksum: UInt64
    private var buffer: [UInt8] = []
    private var writtenBytes = 0

    /// Puts a segment on the disk, with its header and the `first` records; they take ordinals from `after` on. A full
    /// disk, or more records than a segment may begin with, leave the log as it was; any other failure is final.
    init(
        segment: UInt32, salt: UInt64, createdAtMs: Int64, after: LedgerPosition, first: some Sequence<NewRecord>,
        on disk: any LogDisk, options: LogOptions
    ) throws(LogError) {
        let name = SegmentName.of(segment)
        header = SegmentHeader(
            segment: segment, salt: salt, lineage: after.lineage, createdAtMs: createdAtMs,
            firstOrdinal: after.ordinal + 1, previousChecksum: after.checksum, durableAtBirth: after.ordinal)
        ordinal = after.ordinal
        checksum = after.checksum
        file = try SegmentBirth.temporaryFile(for: name, on: disk)
        header.encode(into: &buffer)
        for record in first {
            if buffer.count >= Limits.segmentBirthBytesMax { try flush() }
            do throws(LogError) {
                try append(record, durableThrough: after.ordinal, bytesMax: options.birthBytesMax)
            } catch {
                // The owner's mistake, not the disk's: what was written has no use. The next opening removes it, too.
                try? disk.unlinkFile(name + SegmentName.temporarySuffix)
                throw error
            }
        }
        header.durableAtBirth = ordinal
        try finish(preallocation: options.preallocationBytes)
        try SegmentBirth.name(file, name, on: disk)
    }

    /// Of header and records.
    var byteCount: Int { writtenBytes + buffer.count }

    var position: LedgerPosition {
        LedgerPosition(lineage: header.lineage, segment: header.segment, ordinal: ordinal, checksum: checksum)
    }

    private mutating func append(
        _ record: NewRecord, durableThrough: UInt64, bytesMax: Int
    ) throws(LogError) {
        let size = RecordHeader.overheadBytes + record.body.count + record.local.count
        guard size <= Limits.recordBytesMax else { throw .recordTooLong(bytes: size) }
        guard byteCount + size <= bytesMax else { throw .segmentFull }
        let plan = RecordHeader(
            draft: record.draft, segment: header.segment, offset: UInt32(byteCount), ordinal: ordinal + 1,
            previousChecksum: checksum, durableThrough: durableThrough, bodyBytes: record.body.count,
            localBytes: record.local.count)
        checksum = RecordHeader.encode(
            plan, body: record.body.span, local: record.local.span, salt: header.salt, into: &buffer)
        ordinal += 1
    }

    private mutating func flush() throws(LogError) {
        do throws(SystemError) { try file.write(buffer.span, at: writtenBytes) } catch {
            throw LogError(ofWrite: error)
        }
        writtenBytes += buffer.count
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes what is left, with the header as it is now.
    private mutating func finish(preallocation: Int) throws(LogError) {
        var head: [UInt8] = []
        header.encode(into: &head)
        if writtenBytes == 0 { buffer.replaceSubrange(0..<head.count, with: head) }
        let isSplit = writtenBytes > 0
        try flush()
        buffer = []
        do throws(SystemError) {
            if isSplit { try file.write(head.span, at: 0) }
            try file.writeZeros(at: writtenBytes, count: preallocation)
        } catch {
            throw LogError(ofWrite: error)
        }
    }

    static func temporaryFile(for name: String, on disk: any LogDisk) throws(LogError) -> any LogFile {
        let temporary = name + SegmentName.temporarySuffix
        do throws(SystemError) { try disk.unlinkFile(temporary) } catch {
            guard error.isNotFound else { throw .system(error) }
        }
        do throws(SystemError) { return try disk.createFile(temporary) } catch { throw .system(error) }
    }

    /// Syncs a temporary file, gives it its name and makes the name durable.
    static func name(_ file: any LogFile, _ name: String, on disk: any LogDisk) throws(LogError) {
        do throws(SystemError) {
            try file.sync()
            try disk.renameFile(name + SegmentName.temporarySuffix, to: name)
            try disk.syncFolder()
        } catch {
            throw .poisoned(error)
        }
    }
}
