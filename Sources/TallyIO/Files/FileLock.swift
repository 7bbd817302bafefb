#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The exclusive ownership of a folder, for as long as this value lives: an advisory `flock` on a file in it.
///
/// The kernel drops the lock when the process ends, however it ends, so a lock is never stale. The owner's
/// process number stands in the file, for the message of whoever comes second.
package struct FileLock: ~Copyable, Sendable {
    private let descriptor: Descriptor

    package enum Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        /// Another process owns the folder; nil if it did not say which.
        case held(path: String, owner: Int32?)
        case system(SystemError)

        package var description: String {
            switch self {
            case .held(let path, let owner?): "\(path) is in use by process \(owner); stop it first"
            case .held(let path, nil): "\(path) is in use by another process; stop it first"
            case .system(let error): error.description
            }
        }
    }

    /// Takes the lock or says at once who holds it.
    package static func take(in directory: Directory, name: String = "lock") throws(Refusal) -> FileLock {
        let descriptor: Descriptor
        do throws(SystemError) { descriptor = try directory.openUnfollowed(name) } catch { throw .system(error) }
        let raw = descriptor.raw
        while flock(raw, LOCK_EX | LOCK_NB) != 0 {
            let error = SystemError("lock", directory.path + "/" + name)
            if error.number == EINTR { continue }
            guard error.number == EWOULDBLOCK else { throw .system(error) }
            throw .held(path: directory.path, owner: owner(raw))
        }
        let line = Array("\(getpid())\n".utf8)
        // Why this holds: the array outlives the call. The number is a courtesy: a failure to write it is none.
        let written = unsafe line.withUnsafeBytes { bytes in
            ftruncate(raw, 0) == 0 ? unsafe pwrite(raw, bytes.baseAddress, bytes.count, 0) : -1
        }
        _ = written
        return FileLock(descriptor: descriptor)
    }

    private init(descriptor: consuming Descriptor) {
        self.descriptor = descriptor
    }

    /// The process number in the file, if it holds one.
    private static func owner(_ raw: CInt) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        // Why this holds: the kernel writes at most the array's own length.
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe pread(raw, $0.baseAddress, $0.count, 0) }
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes.prefix(count).prefix { $0 != 10 }, as: UTF8.self))
    }
}
