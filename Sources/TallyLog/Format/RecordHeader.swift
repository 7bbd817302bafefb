import TallyHash
import TallyIO
package import TallyModel

/// What a record is. The raw values are the format's and never change their meaning.
package enum RecordKind: UInt8, CaseIterable, Hashable, Sendable {
    case batch = 1, gap, stream, checkpoint, purge, husk, priceBook, seal, epoch, sourceDelta, acknowledged, deadLetter
    case adoption
}

/// What the owner of a log says about a record; place, order and checksums are the log's own.
package struct RecordDraft: Hashable, Sendable {
    package static let flagCompressed: UInt8 = 1
    package static let flagHusk: UInt8 = 2

    package var kind: RecordKind
    /// Bit 0: the body is compressed (LZ4 block). Bit 1: a husk, the rows are gone.
    package var flags: UInt8 = 0
    package var schema: UInt16 = 0
    /// The number that a STREAM record bound to a stream; 0 = none.
    package var stream: UInt32 = 0
    package var count: UInt32 = 0
    package var firstSequence = Sequence64.zero
    package var lowestTimeMs: Int64 = 0
    package var highestTimeMs: Int64 = 0
    package var receivedAtMs: Int64 = 0
    package var clockOffsetMs: Int32 = 0
    package var admissionFlags: UInt32 = 0
    /// The first 8 bytes of the price book's content hash; 0 = none.
    package var priceBook: UInt64 = 0
    package var chainBefore = ChainValue(0)
    package var chainAfter = ChainValue(0)
    package var generation = Generation(0)

    package init(_ kind: RecordKind, receivedAtMs: Int64 = 0) {
        self.kind = kind
        self.receivedAtMs = receivedAtMs
    }
}

/// The 136 bytes before every record's body. Little-endian:
///
///     0  magic                   u32          64  receive time, ms        i64
///     4  kind                    u8           72  clock offset, ms        i32
///     5  flags                   u8           76  admission flags         u32
///     6  schema                  u16          80  price book              u64
///     8  segment                 u32          88  chain before            u64
///    12  offset                  u32          96  chain after             u64
///    16  ordinal                 u64         104  durable through         u64
///    24  previous checksum       u64         112  body length             u32
///    32  stream                  u32         116  local length            u32
///    36  count                   u32         120  generation              u32
///    40  first sequence          u64         124  reserved, zero          u32
///    48  lowest time, ms         i64         128  header checksum         u64
///    56  highest time, ms        i64
///
/// The header checksum is XXH3 of bytes 0..<128 under the segment's salt. Behind the header stand the body, the
/// local section (never sent) and XXH3 of both under the salt, u64. `durableThrough` is the last ordinal that
/// was known to be synced when this record was made: a valid record proves all before it durable. A seal has no
/// content: it is looked for as the last `overheadBytes` of a file.
package struct RecordHeader: Hashable, Sendable {
    package static let byteCount = 136
    /// Header and body checksum: what a record costs besides its content.
    package static let overheadBytes = 144
    /// "TREC", as its bytes stand in the file.
    static let magic: UInt32 = 0x4345_5254

    package var draft: RecordDraft
    package var segment: UInt32
    package var offset: UInt32
    package var ordinal: UInt64
    package var previousChecksum: UInt64
    package var durableThrough: UInt64
    package var bodyBytes: Int
    package var localBytes: Int
    /// The header's own checksum: the record's identity in positions and in its successor.
    package var checksum: UInt64

    package var kind: RecordKind { draft.kind }
    package var recordBytes: Int { RecordHeader.overheadBytes + bodyBytes + localBytes }

    package func position(in lineage: Bytes16) -> LedgerPosition {
        LedgerPosition(lineage: lineage, segment: segment, ordinal: ordinal, checksum: checksum)
    }

    /// Appends a whole record to `buffer` and returns its header. `checksum` of `self` is ignored.
    static func encode(
        _ header: RecordHeader, body: Span<UInt8>, local: Span<UInt8>, salt: UInt64, into buffer: inout [UInt8]
    ) -> UInt64 {
        let start = buffer.count
        let draft = header.draft
        buffer.append(littleEndian: magic)
        buffer.append(draft.kind.rawValue)
        buffer.append(draft.flags)
        buffer.append(littleEndian: draft.schema)
        buffer.append(littleEndian: header.segment)
        buffer.append(littleEndian: header.offset)
        buffer.append(littleEndian: header.ordinal)
        buffer.append(littleEndian: header.previousChecksum)
        buffer.append(littleEndian: draft.stream)
        buffer.append(littleEndian: draft.count)
        buffer.append(littleEndian: draft.firstSequence.value)
        buffer.append(littleEndian: draft.lowestTimeMs)
        buffer.append(littleEndian: draft.highestTimeMs)
        buffer.append(littleEndian: draft.receivedAtMs)
        buffer.append(littleEndian: draft.clockOffsetMs)
        buffer.append(littleEndian: draft.admissionFlags)
        buffer.append(littleEndian: draft.priceBook)
        buffer.append(littleEndian: draft.chainBefore.value)
        buffer.append(littleEndian: draft.chainAfter.value)
        buffer.append(littleEndian: header.durableThrough)
        buffer.append(littleEndian: UInt32(body.count))
        buffer.append(littleEndian: UInt32(local.count))
        buffer.append(littleEndian: draft.generation.value)
        buffer.append(littleEndian: UInt32(0))
        let checksum = XXH3.hash64(buffer.span.extracting(start..<start + 128), seed: salt)
        buffer.append(littleEndian: checksum)
        let content = buffer.count
        buffer.append(copying: body)
        buffer.append(copying: local)
        let contentChecksum = XXH3.hash64(buffer.span.extracting(content..<buffer.count), seed: salt)
        buffer.append(littleEndian: contentChecksum)
        return checksum
    }

    /// Nil unless `bytes` (at least 136) begin with a header of `segment` at `offset` that checks under `salt`.
    init?(decoding bytes: Span<UInt8>, segment: UInt32, offset: Int, salt: UInt64) {
        guard bytes.littleEndian(UInt32.self, at: 0) == RecordHeader.magic,
            bytes.littleEndian(UInt32.self, at: 8) == segment,
            Int(bytes.littleEndian(UInt32.self, at: 12)) == offset
        else { return nil }
        checksum = bytes.littleEndian(UInt64.self, at: 128)
        guard XXH3.hash64(bytes.extracting(0..<128), seed: salt) == checksum,
            let kind = RecordKind(rawValue: bytes.littleEndian(UInt8.self, at: 4)),
            bytes.littleEndian(UInt32.self, at: 124) == 0
        else { return nil }
        self.segment = segment
        self.offset = UInt32(offset)
        draft = RecordDraft(kind, receivedAtMs: bytes.littleEndian(Int64.self, at: 64))
        draft.flags = bytes.littleEndian(UInt8.self, at: 5)
        draft.schema = bytes.littleEndian(UInt16.self, at: 6)
        ordinal = bytes.littleEndian(UInt64.self, at: 16)
        previousChecksum = bytes.littleEndian(UInt64.self, at: 24)
        draft.stream = bytes.littleEndian(UInt32.self, at: 32)
        draft.count = bytes.littleEndian(UInt32.self, at: 36)
        draft.firstSequence = Sequence64(bytes.littleEndian(UInt64.self, at: 40))
        draft.lowestTimeMs = bytes.littleEndian(Int64.self, at: 48)
        draft.highestTimeMs = bytes.littleEndian(Int64.self, at: 56)
        draft.clockOffsetMs = bytes.littleEndian(Int32.self, at: 72)
        draft.admissionFlags = bytes.littleEndian(UInt32.self, at: 76)
        draft.priceBook = bytes.littleEndian(UInt64.self, at: 80)
        draft.chainBefore = ChainValue(bytes.littleEndian(UInt64.self, at: 88))
        draft.chainAfter = ChainValue(bytes.littleEndian(UInt64.self, at: 96))
        durableThrough = bytes.littleEndian(UInt64.self, at: 104)
        bodyBytes = Int(bytes.littleEndian(UInt32.self, at: 112))
        localBytes = Int(bytes.littleEndian(UInt32.self, at: 116))
        draft.generation = Generation(bytes.littleEndian(UInt32.self, at: 120))
        guard recordBytes <= Limits.recordBytesMax, durableThrough < ordinal else { return nil }
        guard kind != .seal || bodyBytes + localBytes == 0 else { return nil }
    }

    init(
        draft: RecordDraft, segment: UInt32, offset: UInt32, ordinal: UInt64, previousChecksum: UInt64,
        durableThrough: UInt64, bodyBytes: Int, localBytes: Int
    ) {
        self.draft = draft
        self.segment = segment
        self.offset = offset
        self.ordinal = ordinal
        self.previousChecksum = previousChecksum
        self.durableThrough = durableThrough
        self.bodyBytes = bodyBytes
        self.localBytes = localBytes
        checksum = 0
    }
}
