package import TallyIO
import TallyModel

/// Reads the new bytes of one file as whole lines, from a checkpoint on.
///
/// Only a line that has its end is given out; the rest waits for the next call. A line above `lineBytesMax`
/// is passed over without being held, over many calls if it must be, and told as too long. The buffer begins
/// small, grows for a long line and is shrunk afterwards; who reads many files lends one buffer to tail after tail,
/// since new memory costs more than reading into it. Before reading, the first bytes and those right
/// before the offset are compared with the checkpoint: a file that was rewritten is read from its start.
///
/// Invariant: `0 <= start <= filled <= buffer.count`; `buffer[start..<filled]` are the file's bytes from
/// `checkpoint.offset` on.
package struct TranscriptTail: ~Copyable {
    package static let lineBytesMax = 16 << 20
    private static let chunkBytes = 256 << 10

    package let identity: FileID
    package private(set) var checkpoint: FileCheckpoint
    /// The file is not the one that the checkpoint describes, and is read from the start.
    package let isRewritten: Bool

    private let file: any TranscriptFile
    private let lineBytesMax: Int
    private var seal: TailSeal
    private var buffer: [UInt8]
    private var start = 0
    private var filled = 0
    /// Of the line that was handed out last, its end included.
    private var lineBytes = 0

    /// Compares an open file with the checkpoint that `known` gives for its identity. `path` is for errors alone.
    /// `lent` is the buffer of an earlier tail, or empty; `chunkBytes` sizes a new one.
    package init(
        _ file: any TranscriptFile, path: String, lineBytesMax: Int = TranscriptTail.lineBytesMax,
        chunkBytes: Int? = nil, lent: consuming [UInt8] = [], known: (FileID) -> FileCheckpoint?
    ) throws(SystemError) {
        let facts = try file.facts()
        guard facts.kind == .file else { throw SystemError("open", path, number: SystemError.notAFile) }
        let identity = FileID(device: facts.device, inode: facts.inode)
        let checkpoint = known(identity) ?? FileCheckpoint()
        let seal = try TailSeal(file, facts, checkpoint)
        self.file = file
        self.identity = identity
        self.checkpoint = seal == nil ? FileCheckpoint() : checkpoint
        self.seal = seal ?? TailSeal()
        isRewritten = seal == nil
        self.lineBytesMax = lineBytesMax
        buffer = lent.isEmpty ? [UInt8](repeating: 0, count: chunkBytes ?? Self.chunkBytes) : lent
    }

    /// Gives the buffer back, of the usual size. What it holds is what was read last.
    package consuming func takeBuffer() -> [UInt8] {
        buffer.count > Self.chunkBytes ? [] : buffer
    }

    /// Reads a chunk and hands out the lines that it completes, without their ends; empty lines are not handed
    /// out. `take` gets nil for a line that is too long, and returns false to stop behind the line. Returns false
    /// when nothing more is to be read now.
    package mutating func advance(_ take: (Span<UInt8>?) -> Bool) throws(SystemError) -> Bool {
        var isEnd = false
        if TailSearch.first(0x0A, in: buffer.span, from: start, to: filled) == nil {
            isEnd = try fill() == 0
        }
        while let end = TailSearch.first(0x0A, in: buffer.span, from: start, to: filled) {
            let line = start..<end
            lineBytes = end + 1 - start
            checkpoint.offset += UInt64(lineBytes)
            start = end + 1
            if checkpoint.isSkipping {
                checkpoint.isSkipping = false
                if !take(nil) { return true }
            } else if !line.isEmpty, !take(buffer.span.extracting(line)) {
                return true
            }
        }
        skipTooLong()
        return !isEnd
    }

    /// Puts the line back at which `take` stopped: it is handed out again, by this tail or by the next one.
    package mutating func putBack() {
        checkpoint.offset -= UInt64(lineBytes)
        start -= lineBytes
        lineBytes = 0
    }

    /// The checkpoint with the hashes that describe the file as it was read.
    package func sealedCheckpoint() -> FileCheckpoint { seal.sealed(checkpoint, passed: buffer[0..<start]) }

    /// Makes room and reads once; returns how many bytes came.
    private mutating func fill() throws(SystemError) -> Int {
        seal.notePassed(buffer[0..<start])
        if start == filled {
            start = 0
            filled = 0
            if buffer.count > Self.chunkBytes { buffer = [UInt8](repeating: 0, count: Self.chunkBytes) }
        } else if start > 0 {
            // A copy of the short rest: a slice would share the buffer, and writing to it copy all.
            let rest = Array(buffer[start..<filled])
            buffer.replaceSubrange(0..<rest.count, with: rest)
            filled -= start
            start = 0
        }
        if filled == buffer.count {
            buffer.appendZeros(min(buffer.count, lineBytesMax + 1 - filled))
        }
        let count = try file.read(
            into: &buffer, at: filled, room: buffer.count - filled, offset: checkpoint.offset + UInt64(filled))
        seal.noteRead(buffer[filled..<filled + count], at: checkpoint.offset + UInt64(filled))
        filled += count
        return count
    }

    /// Lets go of a line that has grown too long, or that is being passed over.
    private mutating func skipTooLong() {
        guard checkpoint.isSkipping || filled - start > lineBytesMax else { return }
        guard filled > start else { return }
        checkpoint.isSkipping = true
        seal.notePassed(buffer[0..<filled])
        checkpoint.offset += UInt64(filled - start)
        start = 0
        filled = 0
    }
}
