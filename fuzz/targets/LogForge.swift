import TallyHash

/// Files of a log out of bytes, with what makes them look real put right as far as `fix` says: a checksum that does not
/// fit would hide everything behind it from a fuzzer.
///
/// ```
/// | fix u8 | files u8, 0 one | for each: number, length u16, bytes |
/// fix: bit 0 segment headers, 1 record headers, 2 lengths and content, 3 places and links, 4 the number in a header,
///      5 a durable mark besides
/// ```
enum LogForge {
    private static let headerBytes = 128
    private static let recordHeaderBytes = 136

    static func files(_ reader: inout FuzzBytes) -> [(String, [UInt8])] {
        let fix = reader.byte()
        let count = 1 + Int(reader.byte() & 3)
        var files: [(String, [UInt8])] = []
        var end = Link(ordinal: 1, checksum: 0)
        for _ in 0..<count where !reader.isEmpty {
            let number = UInt32(clamping: reader.number())
            var bytes = reader.take(Int(reader.short()))
            repair(&bytes, fix, segment: number, &end)
            files.append((name(number), bytes))
        }
        if fix & 32 != 0, let first = files.first, first.1.count >= headerBytes {
            files.append(("durable", mark(first.1, end)))
        }
        return files
    }

    /// As a log names its segments.
    private static func name(_ segment: UInt32) -> String {
        let digits = String(segment)
        return String(repeating: "0", count: 10 - digits.count) + digits + ".segment"
    }

    /// What the next record, or the next segment's first, is linked to.
    private struct Link {
        var ordinal: UInt64
        var checksum: UInt64
    }

    private static func repair(_ bytes: inout [UInt8], _ fix: UInt8, segment: UInt32, _ link: inout Link) {
        guard bytes.count >= headerBytes else { return }
        if fix & 1 != 0 {
            bytes.replaceSubrange(0..<8, with: Array("TALLYLOG".utf8))
            if fix & 16 != 0 {
                bytes.put(UInt16(2), at: 8)
                bytes.put(segment, at: 12)
            }
            if fix & 8 != 0, link.ordinal > 1 {
                bytes.put(link.ordinal, at: 48)
                bytes.put(link.checksum, at: 56)
            }
            bytes.put(XXH3.hash64(Array(bytes[0..<120]), seed: bytes.word(at: 16)), at: 120)
        }
        let salt = bytes.word(at: 16)
        link = Link(ordinal: bytes.word(at: 48), checksum: bytes.word(at: 56))
        var offset = headerBytes
        while offset + recordHeaderBytes + 8 <= bytes.count {
            guard let length = record(&bytes, offset, fix, segment, salt, &link) else { return }
            offset += length
        }
    }

    /// Repairs the record at `offset`; its length, or nil where it does not fit into the file.
    private static func record(
        _ bytes: inout [UInt8], _ offset: Int, _ fix: UInt8, _ segment: UInt32, _ salt: UInt64, _ link: inout Link
    ) -> Int? {
        let room = bytes.count - offset - recordHeaderBytes - 8
        if fix & 4 != 0 {
            let body = min(Int(bytes.word(at: offset + 112) & 0x1ff), room)
            bytes.put(UInt32(body), at: offset + 112)
            bytes.put(UInt32(min(Int(bytes.word(at: offset + 116) & 0x3f), room - body)), at: offset + 116)
        }
        if fix & 8 != 0 {
            bytes.put(segment, at: offset + 8)
            bytes.put(UInt32(offset), at: offset + 12)
            bytes.put(link.ordinal, at: offset + 16)
            bytes.put(link.checksum, at: offset + 24)
        }
        if fix & 2 != 0 {
            bytes.replaceSubrange(offset..<offset + 4, with: Array("TREC".utf8))
            bytes.put(UInt32(0), at: offset + 124)
            bytes.put(XXH3.hash64(Array(bytes[offset..<offset + 128]), seed: salt), at: offset + 128)
        }
        link.ordinal = bytes.word(at: offset + 16) &+ 1
        link.checksum = bytes.word(at: offset + 128)
        let content = Int(bytes.word(at: offset + 112) & 0xffff_ffff) + Int(bytes.word(at: offset + 116) & 0xffff_ffff)
        guard content <= room else { return nil }
        let start = offset + recordHeaderBytes
        if fix & 4 != 0 {
            bytes.put(XXH3.hash64(Array(bytes[start..<start + content]), seed: salt), at: start + content)
        }
        return recordHeaderBytes + content + 8
    }

    /// The file that a clean stop leaves, for the log of `segment`.
    private static func mark(_ segment: [UInt8], _ link: Link) -> [UInt8] {
        var bytes = Array("TALLYDUR".utf8)
        bytes += segment[24..<40]
        bytes += segment[12..<16]
        bytes += [UInt8](repeating: 0, count: 28)
        bytes.put(link.ordinal &- 1, at: 32)
        bytes.put(link.checksum, at: 40)
        bytes += [UInt8](repeating: 0, count: 8)
        bytes.put(XXH3.hash64(Array(bytes[0..<56])), at: 56)
        return bytes
    }
}

extension [UInt8] {
    /// Little-endian; behind the end there are zeros.
    func word(at offset: Int) -> UInt64 {
        (0..<8).reduce(UInt64(0)) { word, index in
            offset + index < count ? word | UInt64(self[offset + index]) << UInt64(8 * index) : word
        }
    }

    mutating func put(_ value: some FixedWidthInteger, at offset: Int) {
        for index in 0..<value.bitWidth / 8 {
            self[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
        }
    }
}
