#if canImport(Glibc)
import CPlatform
import Glibc
#else
import Darwin
#endif

/// What stands under a folder: which file system, and how much room.
package struct FileSystemFacts: Hashable, Sendable {
    /// `ext4`, `btrfs`, `xfs` …, or the magic number in hexadecimal.
    package var name: String
    package var totalBytes: UInt64
    /// What an ordinary user may still write.
    package var freeBytes: UInt64

    package init(name: String, totalBytes: UInt64, freeBytes: UInt64) {
        self.name = name
        self.totalBytes = totalBytes
        self.freeBytes = freeBytes
    }

    /// File systems whose `syncfs` is known to empty the drive's cache too (measured, see docs/DURABILITY.md).
    package var flushesDriveOnSyncfs: Bool { name == "ext4" || name == "btrfs" }

    /// Whether one `syncfs` may stand for a sync of every segment: it flushes the drive, and `kernel` tells of its errors.
    package func mayShareBarrier(on kernel: KernelRelease?) -> Bool {
        guard let kernel else { return false }
        return flushesDriveOnSyncfs && kernel >= .reportsSyncErrors
    }

    package static func under(_ directory: Directory) throws(SystemError) -> FileSystemFacts {
        var facts = statvfs()
        // Why this holds: the kernel fills the structure that is passed and keeps no pointer.
        let result = directory.withDescriptor { unsafe fstatvfs($0, &facts) }
        guard result == 0 else { throw SystemError("statvfs", directory.path) }
        let unit = UInt64(facts.f_frsize)
        return FileSystemFacts(
            name: directory.withDescriptor(typeName),
            totalBytes: unit.multipliedReportingOverflow(by: UInt64(facts.f_blocks)).partialValue,
            freeBytes: unit.multipliedReportingOverflow(by: UInt64(facts.f_bavail)).partialValue)
    }

    private static func typeName(_ raw: CInt) -> String {
        #if canImport(Glibc)
        let magic = UInt32(truncatingIfNeeded: tally_filesystem_type(raw))
        return switch magic {
        case 0xef53: "ext4"
        case 0x9123_683e: "btrfs"
        case 0x5846_5342: "xfs"
        case 0x0102_1994: "tmpfs"
        case 0x794c_7630: "overlay"
        case 0x6969: "nfs"
        case 0x2fc1_2fc1: "zfs"
        case 0xf2f5_2010: "f2fs"
        case 0x6573_5546: "fuse"
        default: "0x" + String(magic, radix: 16)
        }
        #else
        return "apfs"
        #endif
    }
}

/// One barrier for a whole file system (`syncfs`).
///
/// Errors belong to the descriptor and are reported once: open it before the first write, keep one in flight,
/// and take any error as the end of every log on that file system.
package final class FileSystemBarrier: Sendable {
    private let directory: Directory

    /// Opens a description of its own. Nil where the platform has no such call.
    package static func open(on directory: Directory) throws(SystemError) -> FileSystemBarrier? {
        #if canImport(Glibc)
        return FileSystemBarrier(try Directory.open(directory.path))
        #else
        return nil
        #endif
    }

    private init(_ directory: Directory) {
        self.directory = directory
    }

    /// Returns when every write so far on this file system is on stable storage. Never retried.
    package func sync() throws(SystemError) {
        #if canImport(Glibc)
        guard directory.withDescriptor(tally_syncfs) == 0 else { throw SystemError("syncfs", directory.path) }
        #else
        throw SystemError("syncfs", directory.path, number: ENOTSUP)
        #endif
    }
}
