import Synchronization

/// Bytes appended to a file in whole blocks, past the page cache where they are many: the last block of one append is
/// written again, longer, by the next.
///
/// For a log that nobody reads soon. Measured (docs/DECISIONS.md): through the page cache a byte costs 0.8 to 3.3 ns of
/// CPU, most where the kernel has to fetch pages for it, past it 0.5 to 0.6, and a call that waits for the drive 20 to
/// 70 µs more than one that does not. What the drive is asked to write is the same: a block with the bytes that it had and
/// new ones behind them, zeros behind those.
struct DirectWriter: ~Copyable, Sendable {
    /// Fits every drive's sector and every kernel's alignment of memory.
    static let block = 4_096
    /// What is written with one call.
    private static let chunk = 1 << 20

    /// The shortest append that begins to go past the cache, and the longest that ends it. Far apart, because the kernel
    /// writes and forgets what it holds of a block before one goes past it.
    private static let directBytesMin = 32 << 10
    private static let cachedBytesMax = 8 << 10

    /// Whether writes go past the cache, which is the owner's to arrange.
    var isDirect = true
    /// Where the next byte goes, and what already stands in its block.
    private(set) var end: Int
    private var tail: [UInt8]

    /// `tail` is what stands between the last block's beginning and `end`.
    init(end: Int, tail: [UInt8]) {
        precondition(tail.count == end % Self.block, "a tail is the beginning of a block")
        self.end = end
        self.tail = tail
    }

    /// What `isDirect` is to become before an append of `count` bytes; nil where it may stay.
    func change(before count: Int) -> Bool? {
        if isDirect { return count <= Self.cachedBytesMax ? false : nil }
        return count >= Self.directBytesMin ? true : nil
    }

    /// Writes `bytes` at `end`, padded with zeros to a whole block. After an error nothing is different here, and the
    /// call may be made again.
    mutating func append(
        _ bytes: Span<UInt8>, _ write: (UnsafeRawBufferPointer, _ offset: Int) throws(SystemError) -> Void
    ) throws(SystemError) {
        var done = 0
        var at = end - tail.count
        var head = tail.count
        let room = AlignedMemory.shared
        while done < bytes.count {
            let step = min(Self.chunk - head, bytes.count - done)
            let used = head + step
            let padded = (used + Self.block - 1) / Self.block * Self.block
            let part = bytes.extracting(done..<done + step)
            try unsafe room.withMemory { memory throws(SystemError) in
                // Why this holds: the memory has `chunk` bytes, `padded` is at most that, and nobody else has it.
                if head > 0 { unsafe tail.withUnsafeBytes { unsafe memory.copyMemory(from: $0) } }
                unsafe part.withUnsafeBytes { from in
                    unsafe UnsafeMutableRawBufferPointer(rebasing: memory[head..<used]).copyMemory(from: from)
                }
                unsafe UnsafeMutableRawBufferPointer(rebasing: memory[used..<padded])
                    .initializeMemory(as: UInt8.self, repeating: 0)
                try unsafe write(UnsafeRawBufferPointer(rebasing: memory[..<padded]), at)
            }
            done += step
            at += used
            head = 0
        }
        let kept = (end + bytes.count) % Self.block
        if kept <= bytes.count {
            tail.removeAll(keepingCapacity: true)
            for index in bytes.count - kept..<bytes.count { tail.append(bytes[index]) }
        } else {
            for index in bytes.indices { tail.append(bytes[index]) }
        }
        end += bytes.count
    }

    /// Writes zeros over the whole blocks behind the one of `offset`, about `count` bytes of them.
    static func zeros(
        after offset: Int, count: Int,
        _ write: (UnsafeRawBufferPointer, _ offset: Int) throws(SystemError) -> Void
    ) throws(SystemError) {
        var at = (offset + block - 1) / block * block
        let last = (offset + count + block - 1) / block * block
        while at < last {
            let step = min(chunk, last - at)
            try unsafe AlignedMemory.shared.withMemory { memory throws(SystemError) in
                unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<step])
                    .initializeMemory(as: UInt8.self, repeating: 0)
                try unsafe write(UnsafeRawBufferPointer(rebasing: memory[..<step]), at)
            }
            at += step
        }
    }

    /// One piece of memory, aligned to a block, that direct writes go through one after the other: there are as many files
    /// as tenants, and one appender.
    @safe private final class AlignedMemory: Sendable {
        static let shared = AlignedMemory()

        private let memory: Guarded<UnsafeMutableRawBufferPointer>

        init() {
            // Why this holds: it is never freed.
            unsafe memory = unsafe Guarded(
                UnsafeMutableRawBufferPointer.allocate(byteCount: DirectWriter.chunk, alignment: DirectWriter.block))
        }

        func withMemory(
            _ body: (UnsafeMutableRawBufferPointer) throws(SystemError) -> Void
        ) throws(SystemError) {
            try unsafe memory.withLock { memory throws(SystemError) in try unsafe body(memory) }
        }
    }
}
