package import TallyIO
package import TallyModel

/// Why the log could not do what it was asked. Nobody's bytes stand in it: only numbers and file names.
package enum LogError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kernel refused; the log is as it was and the call may be made again (a full disk, a missing file).
    case system(SystemError)
    /// A write or sync failed in a way that leaves the disk's content unknown. Every later call fails with this;
    /// end the process, or close this log and open it again, which recovers.
    case poisoned(SystemError)
    /// The content contradicts itself or the evidence. Nothing was changed; restore from backup or set it aside.
    case damaged(LogDamage)
    /// There is no log in the folder: create one.
    case absent
    /// There is a log in the folder already.
    case exists
    /// The log was written by a newer version of this program; use that version.
    case newerVersion(UInt16)
    /// The log was written by a version that this one does not read.
    case olderVersion(UInt16)
    /// The record is longer than `Limits.recordBytesMax`, which its maker must never let happen.
    case recordTooLong(bytes: Int)
    /// The segment takes no more records: `roll` first.
    case segmentFull
    /// More is buffered than the bound allows: `flush` first.
    case bufferFull
    /// The position names a segment that has been trimmed, or a record that this log does not hold.
    case positionUnknown(LedgerPosition)
    /// A record's body is not what its kind demands.
    case malformedBody(kind: RecordKind, ordinal: UInt64)

    /// A write that failed: a full disk is waited out, anything else ends the log.
    init(ofWrite error: SystemError) { self = error.isNoSpace ? .system(error) : .poisoned(error) }

    package var description: String {
        switch self {
        case .system(let error): error.description
        case .poisoned(let error): "the log stopped because its disk failed (\(error)); it recovers at the next start"
        case .damaged(let damage): damage.description
        case .absent: "there is no log here"
        case .exists: "there is a log here already"
        case .newerVersion(let version): "the log has format \(version), written by a newer version; use that one"
        case .olderVersion(let version):
            "the log has format \(version), written by an older version and not read by this one; set its folder aside"
        case .recordTooLong(let bytes): "a record of \(bytes) bytes is over the limit of \(Limits.recordBytesMax)"
        case .segmentFull: "the segment is full; it must be rolled first"
        case .bufferFull: "too many records are buffered; they must be flushed first"
        case .positionUnknown(let position):
            "the log holds no record \(position.ordinal) in segment \(position.segment) with the checksum expected"
        case .malformedBody(let kind, let ordinal): "record \(ordinal) is no valid \(kind) record"
        }
    }
}

/// Where a log contradicts itself. The log's owner is quarantined; nothing is truncated.
package struct LogDamage: Hashable, Sendable, CustomStringConvertible {
    package enum Cause: Hashable, Sendable {
        /// A segment between the first and the last is not there.
        case segmentMissing
        /// The segment's own header does not check.
        case segmentHeader
        /// The segment does not continue the one before it, or that one was not sealed.
        case segmentLink
        /// A record does not check although something proves that it was durable.
        case record
        /// The log ends before a record that something proves durable.
        case endMissing(durableThrough: UInt64)
        /// The file changed while it was being read.
        case unstable
    }
    package var cause: Cause
    package var segment: UInt32
    /// Bytes from the start of the segment; 0 where the whole segment is meant.
    package var offset: Int
    /// The record that should stand there.
    package var ordinal: UInt64

    package init(_ cause: Cause, segment: UInt32, offset: Int = 0, ordinal: UInt64 = 0) {
        self.cause = cause
        self.segment = segment
        self.offset = offset
        self.ordinal = ordinal
    }

    package var description: String {
        let what =
            switch cause {
            case .segmentMissing: "is missing"
            case .segmentHeader: "has a damaged header"
            case .segmentLink: "does not continue the segment before it"
            case .record: "has a damaged record \(ordinal) at byte \(offset)"
            case .endMissing(let through): "ends before record \(through), which was durable"
            case .unstable: "changed at byte \(offset) while it was read"
            }
        return "segment \(segment) \(what); nothing was changed: restore it from a backup or set it aside"
    }
}
