import TallyHash
import TallyIO
import TallyModel

/// The file `durable`, left by a clean stop: everything through one position is on stable storage.
///
/// That never becomes false, so the file is not removed at start: after a crash it is merely an old lower bound.
/// 64 bytes, little-endian: magic u64, lineage 16 bytes, segment u32, zero u32, ordinal u64, checksum u64,
/// zero u64, XXH3 of the 56 bytes before u64.
struct DurableMark: Hashable, Sendable {
    static let byteCount = 64
    /// "TALLYDUR", as its bytes stand in the file.
    static let magic: UInt64 = 0x5255_4459_4c4c_4154

    var position: LedgerPosition

    func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: DurableMark.magic)
        bytes.append(contentsOf: position.lineage.bytes)
        bytes.append(littleEndian: position.segment)
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: position.ordinal)
        bytes.append(littleEndian: position.checksum)
        bytes.append(littleEndian: UInt64(0))
        bytes.append(littleEndian: XXH3.hash64(bytes))
        return bytes
    }

    init(position: LedgerPosition) { self.position = position }

    init?(decoding bytes: [UInt8]) {
        guard bytes.count == DurableMark.byteCount else { return nil }
        let span = bytes.span
        guard span.littleEndian(UInt64.self, at: 0) == DurableMark.magic,
            XXH3.hash64(span.extracting(0..<56)) == span.littleEndian(UInt64.self, at: 56)
        else { return nil }
        position = LedgerPosition(
            lineage: Bytes16(bytes[8..<24]), segment: span.littleEndian(UInt32.self, at: 24),
            ordinal: span.littleEndian(UInt64.self, at: 32), checksum: span.littleEndian(UInt64.self, at: 40))
    }

    func write(to disk: any LogDisk) throws(LogError) {
        let file = try SegmentBirth.temporaryFile(for: SegmentName.durableMark, on: disk)
        do throws(SystemError) { try file.write(encode().span, at: 0) } catch { throw LogError(ofWrite: error) }
        try SegmentBirth.name(file, SegmentName.durableMark, on: disk)
    }

    /// Nil if there is none, or none that checks: it is evidence, and may be missing.
    static func read(from disk: any LogDisk) throws(LogError) -> DurableMark? {
        do throws(SystemError) {
            let file = try disk.openFile(SegmentName.durableMark, .read)
            var bytes: [UInt8] = []
            try file.read(at: 0, count: byteCount + 1, into: &bytes)
            return DurableMark(decoding: bytes)
        } catch {
            guard error.isNotFound else { throw .system(error) }
            return nil
        }
    }
}
