import TallyIO

/// What a checkpoint is sealed with: the first bytes of a file and the last before the place that reading has reached,
/// **as they were read**. A file that is written anew between its reading and the end of the scan is another than the
/// one that was read; hashes of it would say that its new lines had been.
///
/// Invariant: `head` are the file's first bytes as far as they were read, `tail` those before the reader's buffer;
/// neither is longer than its bound.
struct TailSeal: Sendable {
    static let headBytesMax = 1_024
    static let tailBytesMax = 2_048

    private var head: [UInt8] = []
    private var tail: [UInt8] = []

    /// Of a file from its start.
    init() {}

    /// Of the file that `checkpoint` describes, from there on; nil if it is another now.
    init?(_ file: any TranscriptFile, _ facts: WalkFacts, _ checkpoint: FileCheckpoint) throws(SystemError) {
        guard facts.bytes >= checkpoint.offset, checkpoint.offset >= UInt64(checkpoint.tailBytes) else { return nil }
        guard checkpoint.offset > 0 else { return }
        let tailAt = checkpoint.offset - UInt64(checkpoint.tailBytes)
        head = try Self.read(file, at: 0, count: Int(checkpoint.headBytes))
        tail = try Self.read(file, at: tailAt, count: Int(checkpoint.tailBytes))
        guard Self.hash(head[...]) == checkpoint.headHash, Self.hash(tail[...]) == checkpoint.tailHash else {
            return nil
        }
    }

    /// `bytes` were read at `offset`.
    mutating func noteRead(_ bytes: ArraySlice<UInt8>, at offset: UInt64) {
        guard head.count < Self.headBytesMax, offset == UInt64(head.count) else { return }
        head += bytes.prefix(Self.headBytesMax - head.count)
    }

    /// `bytes` leave the reader's buffer: reading has passed them.
    mutating func notePassed(_ bytes: ArraySlice<UInt8>) {
        tail = Array((tail + bytes.suffix(Self.tailBytesMax)).suffix(Self.tailBytesMax))
    }

    /// The checkpoint with its hashes. `passed` are the bytes that are still in the buffer, up to its offset.
    func sealed(_ checkpoint: FileCheckpoint, passed: ArraySlice<UInt8>) -> FileCheckpoint {
        let first = head.prefix(Int(clamping: checkpoint.offset))
        let last = (tail + passed.suffix(Self.tailBytesMax)).suffix(Self.tailBytesMax)
        var sealed = checkpoint
        sealed.headBytes = UInt16(first.count)
        sealed.headHash = Self.hash(first)
        sealed.tailBytes = UInt16(last.count)
        sealed.tailHash = Self.hash(last)
        return sealed
    }

    private static func read(
        _ file: any TranscriptFile, at offset: UInt64, count: Int
    ) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = try file.read(into: &bytes, at: 0, room: count, offset: offset)
        return Array(bytes[0..<got])
    }

    /// FNV-1a over a few bytes: it has to notice a rewrite, not an attack.
    private static func hash(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return hash
    }
}
