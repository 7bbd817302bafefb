import TallyIO
import TallyModel

/// How a segment comes into being: written whole under a temporary name, synced, renamed, the folder synced.
/// No reader and no crash ever sees a segment without its header and its first records.
struct SegmentBirth: Sendable {
    var header: SegmentHeader
    private(set) var bytes: [UInt8] = []
    private(set) var ordinal: UInt64
    private(set) var checksum: UInt64

    /// Lays out the header and the `first` records. They take ordinals from `after` on.
    init(
        segment: UInt32, salt: UInt64, createdAtMs: Int64, after: LedgerPosition, first: [NewRecord]
    ) throws(LogError) {
        header = SegmentHeader(
            segment: segment, salt: salt, lineage: after.lineage, createdAtMs: createdAtMs,
            firstOrdinal: after.ordinal + 1, previousChecksum: after.checksum,
            durableAtBirth: after.ordinal + UInt64(first.count))
        ordinal = after.ordinal
        checksum = after.checksum
        header.encode(into: &bytes)
        for record in first {
            let size = RecordHeader.overheadBytes + record.body.count + record.local.count
            guard size <= Limits.recordBytesMax else { throw .recordTooLong(bytes: size) }
            guard bytes.count + size <= Limits.segmentBytesMax else { throw .segmentFull }
            let plan = RecordHeader(
                draft: record.draft, segment: segment, offset: UInt32(bytes.count), ordinal: ordinal + 1,
                previousChecksum: checksum, durableThrough: after.ordinal, bodyBytes: record.body.count,
                localBytes: record.local.count)
            checksum = RecordHeader.encode(
                plan, body: record.body.span, local: record.local.span, salt: salt, into: &bytes)
            ordinal += 1
        }
    }

    var position: LedgerPosition {
        LedgerPosition(lineage: header.lineage, segment: header.segment, ordinal: ordinal, checksum: checksum)
    }

    /// Puts the segment on the disk. A full disk leaves the log as it was; any other failure is final.
    func write(to disk: any LogDisk, preallocation: Int) throws(LogError) -> any LogFile {
        let name = SegmentName.of(header.segment)
        let file = try SegmentBirth.temporaryFile(for: name, on: disk)
        do throws(SystemError) {
            try file.write(bytes.span, at: 0)
            try file.writeZeros(at: bytes.count, count: preallocation)
        } catch {
            throw LogError(ofWrite: error)
        }
        try SegmentBirth.name(file, name, on: disk)
        return file
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
