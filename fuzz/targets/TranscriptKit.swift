import TallyIO
import TallyModel
import TallyWorkstation

/// A hash that is quick and keeps no secret.
struct FuzzHash: KeyedHash {
    func digest(_ domain: HashDomain, _ bytes: Span<UInt8>) -> Bytes16 {
        var high: UInt64 = 0xCBF2_9CE4_8422_2325 ^ UInt64(domain.rawValue)
        var low: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(domain.rawValue) << 32
        for index in bytes.indices {
            high = (high ^ UInt64(bytes[index])) &* 0x0000_0100_0000_01B3
            low = (low ^ UInt64(bytes[index]) &+ 31) &* 0x0000_0100_0000_01B5
        }
        return Bytes16(high: high, low: low)
    }
}

/// A disk on which a path itself says what stands there.
struct FuzzFolders: ProjectFiles {
    func kind(_ path: String) -> ProjectEntry {
        if path.hasSuffix("/r/.git") { return .folder }
        return path.hasSuffix("/w/.git") ? .file : .nothing
    }

    func head(_ path: String) -> [UInt8]? {
        if path.hasSuffix("/config") { return Array("[remote \"origin\"]\n\turl = git@h.x:y.git\n".utf8) }
        if path.hasSuffix("/commondir") { return Array("../..\n".utf8) }
        return path.hasSuffix("/.git") ? Array("gitdir: ../r/.git/worktrees/w\n".utf8) : nil
    }
}

/// A transcript in memory.
struct MemoryTranscript: TranscriptFile {
    private let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func facts() throws(SystemError) -> WalkFacts {
        WalkFacts(kind: .file, device: 1, inode: 2, bytes: UInt64(bytes.count), changedMs: 0)
    }

    func read(into buffer: inout [UInt8], at start: Int, room: Int, offset: UInt64) throws(SystemError) -> Int {
        guard offset < UInt64(bytes.count) else { return 0 }
        let begin = Int(offset)
        let count = min(room, bytes.count - begin)
        buffer.replaceSubrange(start..<start + count, with: bytes[begin..<begin + count])
        return count
    }
}
