#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

extension Directory {
    /// All of a small file; one longer than `limit` is an error (EFBIG), not a cut. `follows`: a symbolic link too.
    package func readWhole(_ name: String, limit: Int, follows: Bool = false) throws(SystemError) -> [UInt8] {
        let file = follows ? try openFollowed(name) : try open(name, .read)
        var bytes: [UInt8] = []
        let expected = min(try file.size(), limit) + 1
        try file.read(at: 0, count: expected, into: &bytes)
        guard bytes.count <= limit, bytes.count < expected else { throw SystemError("read", file.name, number: EFBIG) }
        return bytes
    }

    /// Puts `bytes` in place of `name` in one step that a power loss leaves whole: a new file, synced, renamed,
    /// the folder synced. One writer at a time: the folder's owner.
    package func writeDurably(_ name: String, _ bytes: Span<UInt8>) throws(SystemError) {
        let temporary = name + ".new"
        do throws(SystemError) { try unlink(temporary) } catch { guard error.isNotFound else { throw error } }
        let file = try create(temporary)
        try file.write(bytes, at: 0)
        try file.sync()
        try rename(temporary, to: name)
        try sync()
    }
}

/// Reads a file from some offset on through one bounded buffer: for tails and scans that may be long.
///
/// `peek` shows bytes without passing them, `skip` passes them; what has been passed makes room.
package struct FileReader: Sendable {
    private let file: OpenFile
    private var buffer: [UInt8] = []
    private var start = 0
    /// Where in the file the next unread byte stands.
    package private(set) var offset: Int
    private let chunkBytes: Int

    package init(_ file: OpenFile, from offset: Int = 0, chunkBytes: Int = 64 << 10) {
        precondition(offset >= 0 && chunkBytes > 0, "a reader has a place and a buffer")
        self.file = file
        self.offset = offset
        self.chunkBytes = chunkBytes
    }

    /// The bytes at hand, without reading more.
    package var available: Int { buffer.count - start }

    /// Makes at least `count` bytes available, fewer only at the end of the file; says how many there are.
    package mutating func fill(_ count: Int) throws(SystemError) -> Int {
        guard available < count else { return available }
        buffer.removeFirst(start)
        start = 0
        try file.read(at: offset + buffer.count, count: max(chunkBytes, count) - buffer.count, into: &buffer)
        return available
    }

    /// Runs `body` with the first `count` available bytes. Precondition: `fill` said that there are as many.
    package func withBytes<Result, Failure: Error>(
        _ count: Int, _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(count >= 0 && count <= available, "only available bytes can be seen")
        return try body(buffer.span.extracting(start..<start + count))
    }

    /// Passes `count` bytes, available or not.
    package mutating func skip(_ count: Int) {
        precondition(count >= 0, "a reader goes forward")
        offset += count
        if count >= available {
            buffer.removeAll(keepingCapacity: true)
            start = 0
        } else {
            start += count
        }
    }
}
