import TallyHash
import TallyIO
package import TallyModel

/// The first 128 bytes of a segment. Little-endian:
///
///     0  magic "TALLYLOG"        8 bytes      48  first ordinal           u64
///     8  format version          u16          56  previous checksum       u64
///    10  flags (bit 0 husked)    u16          64  durable at birth        u64
///    12  segment number          u32          72  reserved, zero       48 bytes
///    16  salt                    u64         120  checksum                u64
///    24  lineage            16 bytes
///    40  created, ms             i64
///
/// `previousChecksum` is that of the last record (the seal) before this segment, 0 in the first. `durableAtBirth`
/// is the last ordinal that stood in the file when it got its name: it was synced before. The checksum is
/// XXH3 of bytes 0..<120 under the salt. A husked segment was rewritten by retention: its records keep their
/// ordinals, so its links to its neighbours' checksums are not checked.
package struct SegmentHeader: Hashable, Sendable {
    package static let byteCount = 128
    /// 1 held chain values of another definition; nothing that was released wrote it.
    package static let version: UInt16 = 2
    /// "TALLYLOG", as its bytes stand in the file.
    static let magic: UInt64 = 0x474f_4c59_4c4c_4154

    package var segment: UInt32
    package var flags: UInt16 = 0
    package var salt: UInt64
    package var lineage: Bytes16
    package var createdAtMs: Int64
    package var firstOrdinal: UInt64
    package var previousChecksum: UInt64
    package var durableAtBirth: UInt64

    package var isHusked: Bool { flags & 1 != 0 }

    enum Failure: Error, Hashable { case malformed, newer(UInt16), older(UInt16) }

    func encode(into buffer: inout [UInt8]) {
        let start = buffer.count
        buffer.append(littleEndian: SegmentHeader.magic)
        buffer.append(littleEndian: SegmentHeader.version)
        buffer.append(littleEndian: flags)
        buffer.append(littleEndian: segment)
        buffer.append(littleEndian: salt)
        buffer.append(contentsOf: lineage.bytes)
        buffer.append(littleEndian: createdAtMs)
        buffer.append(littleEndian: firstOrdinal)
        buffer.append(littleEndian: previousChecksum)
        buffer.append(littleEndian: durableAtBirth)
        for _ in 0..<6 { buffer.append(littleEndian: UInt64(0)) }
        let checksum = XXH3.hash64(buffer.span.extracting(start..<start + 120), seed: salt)
        buffer.append(littleEndian: checksum)
    }

    /// Precondition: `bytes` are at least 128.
    init(decoding bytes: Span<UInt8>) throws(Failure) {
        guard bytes.littleEndian(UInt64.self, at: 0) == SegmentHeader.magic else { throw .malformed }
        salt = bytes.littleEndian(UInt64.self, at: 16)
        let checksum = XXH3.hash64(bytes.extracting(0..<120), seed: salt)
        guard checksum == bytes.littleEndian(UInt64.self, at: 120) else { throw .malformed }
        let version = bytes.littleEndian(UInt16.self, at: 8)
        guard version > 0 else { throw .malformed }
        guard version <= SegmentHeader.version else { throw .newer(version) }
        guard version == SegmentHeader.version else { throw .older(version) }
        flags = bytes.littleEndian(UInt16.self, at: 10)
        segment = bytes.littleEndian(UInt32.self, at: 12)
        lineage = Bytes16(
            high: bytes.littleEndian(UInt64.self, at: 24).byteSwapped,
            low: bytes.littleEndian(UInt64.self, at: 32).byteSwapped)
        createdAtMs = bytes.littleEndian(Int64.self, at: 40)
        firstOrdinal = bytes.littleEndian(UInt64.self, at: 48)
        previousChecksum = bytes.littleEndian(UInt64.self, at: 56)
        durableAtBirth = bytes.littleEndian(UInt64.self, at: 64)
        // Numbers that are counted up from leave room to: no log comes near these.
        guard flags <= 1, (1..<UInt32.max).contains(segment), (1...Limits.sequenceMax).contains(firstOrdinal) else {
            throw .malformed
        }
    }

    init(
        segment: UInt32, salt: UInt64, lineage: Bytes16, createdAtMs: Int64, firstOrdinal: UInt64,
        previousChecksum: UInt64, durableAtBirth: UInt64
    ) {
        self.segment = segment
        self.salt = salt
        self.lineage = lineage
        self.createdAtMs = createdAtMs
        self.firstOrdinal = firstOrdinal
        self.previousChecksum = previousChecksum
        self.durableAtBirth = durableAtBirth
    }
}

/// The names of a log's files. A `.new` file is a segment that never got its name: it is removed at open.
enum SegmentName {
    static let suffix = ".segment"
    static let temporarySuffix = ".new"
    static let durableMark = "durable"

    /// `0000000001.segment`
    static func of(_ segment: UInt32) -> String {
        let digits = String(segment)
        return String(repeating: "0", count: 10 - digits.count) + digits + suffix
    }

    /// The number, if `name` is exactly a segment's name.
    static func number(_ name: String) -> UInt32? {
        guard name.hasSuffix(suffix), let number = UInt32(name.dropLast(suffix.count)), number > 0,
            of(number) == name
        else { return nil }
        return number
    }
}
