import Synchronization

#if canImport(Glibc)
import CPlatform
import Glibc
#else
import Darwin
#endif

/// One open regular file: whole reads and writes at given offsets, and the sync that empties the drive's cache.
///
/// Every call is complete or throws: short writes and interrupted calls go on inside. A file with unsynced
/// writes must be synced before its last reference goes, or the error of its write-back is lost.
package final class OpenFile: Sendable {
    private let descriptor: Descriptor
    /// The name it was opened under, for messages.
    package let name: String
    /// Set while appends are whole blocks, past the page cache where they are long.
    private let direct = Guarded<DirectWriter?>(nil)

    package init(taking descriptor: consuming Descriptor, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    /// What a file is, whatever it is called now.
    package struct Facts: Hashable, Sendable {
        package var device: UInt64
        package var inode: UInt64
        package var bytes: Int
        package var modifiedAtMs: Int64
        package var kind: Kind
        /// Permission bits alone.
        package var mode: UInt32
        package var owner: UInt32
    }

    package enum Kind: Hashable, Sendable { case file, directory, symbolicLink, other }

    package func facts() throws(SystemError) -> Facts {
        var status = stat()
        // Why this holds: the kernel fills the structure that is passed and keeps no pointer.
        guard unsafe fstat(descriptor.raw, &status) == 0 else { throw SystemError("fstat", name) }
        return Facts(status)
    }

    package func size() throws(SystemError) -> Int { try facts().bytes }

    /// Appends up to `count` bytes from `offset` to `buffer`; fewer only at the end of the file.
    package func read(at offset: Int, count: Int, into buffer: inout [UInt8]) throws(SystemError) {
        precondition(offset >= 0 && count >= 0, "a read has a place and a length")
        let start = buffer.count
        buffer += [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            // Why this holds: the window lies inside the array, which stays alive and unmoved in the closure.
            let result = unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe pread(
                    descriptor.raw, bytes.baseAddress?.advanced(by: start + done), count - done, off_t(offset + done))
            }
            if result < 0, errno == EINTR { continue }
            guard result >= 0 else {
                let error = SystemError("read", name)
                buffer.removeLast(buffer.count - start)
                throw error
            }
            if result == 0 { break }
            done += result
        }
        buffer.removeLast(count - done)
    }

    /// Writes all of `bytes` at `offset`.
    package func write(_ bytes: Span<UInt8>, at offset: Int) throws(SystemError) {
        precondition(offset >= 0, "a write has a place")
        guard try !append(bytes, at: offset) else { return }
        var done = 0
        while done < bytes.count {
            // Why this holds: the window lies inside the span, which outlives the call.
            let result = unsafe bytes.withUnsafeBytes { window in
                unsafe pwrite(
                    descriptor.raw, window.baseAddress?.advanced(by: done), window.count - done, off_t(offset + done))
            }
            if result < 0, errno == EINTR { continue }
            // A write of nothing would loop for ever: it is an error of its own.
            guard result > 0 else { throw SystemError("write", name, number: result == 0 ? EIO : errno) }
            done += result
        }
    }

    /// From here on what is appended at `end` goes past the page cache, where the file system can do that and the appends
    /// are long (`DirectWriter.isDirect`); the last block of the file is then padded with zeros. A write elsewhere ends it.
    ///
    /// Reads through another descriptor see all of it, as the kernel takes what is written out of the cache.
    package func bypassCache(from end: Int) {
        #if canImport(Glibc)
        var tail: [UInt8] = []
        let kept = end % DirectWriter.block
        do throws(SystemError) { try read(at: end - kept, count: kept, into: &tail) } catch { return }
        guard tail.count == kept, setDirect(true) else { return }
        let tailRead = tail
        direct.withLock { $0 = DirectWriter(end: end, tail: tailRead) }
        #endif
    }

    #if canImport(Glibc)
    private func setDirect(_ isOn: Bool) -> Bool {
        let flags = fcntl(descriptor.raw, F_GETFL)
        let wanted = isOn ? flags | tally_o_direct() : flags & ~tally_o_direct()
        return flags >= 0 && fcntl(descriptor.raw, F_SETFL, wanted) == 0
    }
    #endif

    /// False where `bytes` are not appended past the cache.
    private func append(_ bytes: Span<UInt8>, at offset: Int) throws(SystemError) -> Bool {
        #if canImport(Glibc)
        guard direct.withLock({ $0?.end }) != nil else { return false }
        var refusal: SystemError?
        let isDone = direct.withLock { writer in
            guard writer?.end == offset else { return false }
            if let wanted = writer?.change(before: bytes.count) {
                guard setDirect(wanted) else { return false }
                writer?.isDirect = wanted
            }
            do throws(SystemError) {
                try unsafe writer?.append(bytes) { memory, at throws(SystemError) in
                    try unsafe writeBlocks(memory, at: at)
                }
                return true
            } catch {
                refusal = error
                return false
            }
        }
        if isDone { return true }
        // Some file systems say only now that they cannot.
        if let refusal, refusal.number != EINVAL { throw refusal }
        endBypassing()
        #endif
        return false
    }

    private func endBypassing() {
        #if canImport(Glibc)
        let wasOn = direct.withLock { writer in
            defer { writer = nil }
            return writer?.end != nil
        }
        if wasOn { _ = setDirect(false) }
        #endif
    }

    /// Whole blocks, of memory that is aligned to one.
    private func writeBlocks(_ blocks: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) {
        var done = 0
        while done < blocks.count {
            // Why this holds: the memory is its caller's until this returns.
            let result = unsafe pwrite(
                descriptor.raw, blocks.baseAddress?.advanced(by: done), blocks.count - done, off_t(offset + done))
            if result < 0, errno == EINTR { continue }
            guard result > 0, result % 512 == 0 else {
                throw SystemError("write", name, number: result >= 0 ? EIO : errno)
            }
            done += result
        }
    }

    /// Writes `count` zeros at `offset`: room that a later sync of data alone makes durable.
    package func writeZeros(at offset: Int, count: Int) throws(SystemError) {
        if let end = direct.withLock({ $0?.end }), offset >= end {
            do throws(SystemError) {
                return try unsafe DirectWriter.zeros(after: offset, count: count) { memory, at throws(SystemError) in
                    try unsafe writeBlocks(memory, at: at)
                }
            } catch {
                guard error.number == EINVAL else { throw error }
                endBypassing()
            }
        }
        let zeros = [UInt8](repeating: 0, count: min(count, 64 << 10))
        var done = 0
        while done < count {
            let step = min(zeros.count, count - done)
            try write(zeros.span.extracting(first: step), at: offset + done)
            done += step
        }
    }

    /// Returns when every write so far is on stable storage. An error must never be retried: the kernel has
    /// already marked the pages clean.
    package func sync() throws(SystemError) {
        #if canImport(Glibc)
        let result = fdatasync(descriptor.raw)
        #else
        let result = fcntl(descriptor.raw, F_FULLFSYNC)
        #endif
        guard result == 0 else { throw SystemError("sync", name) }
    }

    package func truncate(to bytes: Int) throws(SystemError) {
        if let end = direct.withLock({ $0?.end }), end != bytes { endBypassing() }
        while ftruncate(descriptor.raw, off_t(bytes)) != 0 {
            guard errno == EINTR else { throw SystemError("truncate", name) }
        }
    }
}

extension OpenFile.Facts {
    init(_ status: stat) {
        #if canImport(Glibc)
        let modified = status.st_mtim
        #else
        let modified = status.st_mtimespec
        #endif
        device = UInt64(truncatingIfNeeded: status.st_dev)
        inode = UInt64(status.st_ino)
        bytes = Int(status.st_size)
        modifiedAtMs = Int64(modified.tv_sec) * 1_000 + Int64(modified.tv_nsec) / 1_000_000
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink
            default: .other
            }
        mode = UInt32(status.st_mode & 0o7777)
        owner = UInt32(status.st_uid)
    }
}
