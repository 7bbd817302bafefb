#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A file open for reading at chosen places: transcripts grow at the end while they are read, so nothing here
/// relies on a position that the kernel keeps.
package struct TailFile: ~Copyable, Sendable {
    private let descriptor: Descriptor
    private let path: String

    /// Opens without waiting, so a pipe that somebody laid among the transcripts holds nothing up.
    package init(_ path: String) throws(SystemError) {
        var raw: CInt
        repeat {
            // Safe: the path lives through the call.
            raw = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        } while raw < 0 && errno == EINTR
        guard raw >= 0 else { throw SystemError("open", path) }
        descriptor = Descriptor(taking: raw)
        self.path = path
    }

    package func facts() throws(SystemError) -> WalkFacts {
        var raw = stat()
        // Safe: the record lives through the call.
        guard unsafe fstat(descriptor.raw, &raw) == 0 else { throw SystemError("fstat", path) }
        return WalkFacts(raw)
    }

    /// Reads up to `room` bytes at `offset` into `buffer` from index `start` on; returns how many, 0 at the end.
    /// Precondition: `buffer` holds `start + room` bytes.
    package func read(into buffer: inout [UInt8], at start: Int, room: Int, offset: UInt64) throws(SystemError) -> Int {
        precondition(start >= 0 && room >= 0 && start <= buffer.count - room, "the buffer has no such room")
        guard let position = off_t(exactly: offset) else { throw SystemError("pread", path, number: EINVAL) }
        while true {
            // Safe: the range was checked against the buffer above, and the kernel writes at most `room` bytes.
            let count = unsafe buffer.withUnsafeMutableBytes { bytes in
                guard let base = bytes.baseAddress else { return 0 }
                return unsafe pread(descriptor.raw, base + start, room, position)
            }
            if count >= 0 { return count }
            if errno != EINTR { throw SystemError("pread", path) }
        }
    }

    /// The first bytes of a small file, at most `bytesMax`; nil if it cannot be read.
    package static func head(of path: String, bytesMax: Int) -> [UInt8]? {
        guard let file = try? TailFile(path) else { return nil }
        var bytes = [UInt8](repeating: 0, count: bytesMax)
        guard let count = try? file.read(into: &bytes, at: 0, room: bytesMax, offset: 0) else { return nil }
        bytes.removeLast(bytesMax - count)
        return bytes
    }
}

extension SystemError {
    /// The kernel's number for a path that leads to something other than a file.
    package static var notAFile: CInt { EINVAL }
}
