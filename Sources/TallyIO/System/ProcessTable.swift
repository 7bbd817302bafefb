#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What `/proc` shows of this user's processes. Other systems show nothing here: `isThere` is false.
///
/// A process can end at any moment, and its number can be another's then; so each answer may be nil, and holds for
/// the moment alone.
package enum ProcessTable {
    package static var isThere: Bool {
        #if os(Linux)
        return WalkFolder.facts("/proc/self/fd") != nil
        #else
        return false
        #endif
    }

    /// The numbers of all processes, at most `max`.
    package static func numbers(max: Int) -> [UInt32] {
        guard let names = try? WalkFolder.names(in: "/proc", namesMax: max + 256).names else { return [] }
        return Array(names.lazy.compactMap { $0.utf8.first.map { $0 <= 0x39 } == true ? UInt32($0) : nil }.prefix(max))
    }

    /// The process's name, at most 15 bytes: that of its program or what it calls itself.
    package static func name(of number: UInt32) -> [UInt8]? {
        guard var name = TailFile.head(of: "/proc/\(number)/comm", bytesMax: 64) else { return nil }
        if name.last == 0x0a { name.removeLast() }
        return name
    }

    /// The program and what stands first behind it, as they were given, at most `bytesMax` bytes each.
    package static func program(of number: UInt32, bytesMax: Int) -> [[UInt8]] {
        guard let line = TailFile.head(of: "/proc/\(number)/cmdline", bytesMax: 2 * bytesMax) else { return [] }
        return line.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false).prefix(2).map {
            Array($0.prefix(bytesMax))
        }
    }

    /// Whether it works for the user that this process works for.
    package static func isOwn(_ number: UInt32) -> Bool {
        var raw = stat()
        // Safe: both arguments live through the call.
        return unsafe stat("/proc/\(number)", &raw) == 0 && raw.st_uid == getuid()
    }

    /// The path of the folder that it works in.
    package static func folder(of number: UInt32) -> [UInt8]? { target("/proc/\(number)/cwd") }

    /// The files that it holds open and whose paths end in `suffix`, by device and inode; `filesMax` are looked at.
    package static func openFiles(of number: UInt32, endingIn suffix: String, filesMax: Int) -> [WalkFacts] {
        let folder = "/proc/\(number)/fd"
        guard let names = try? WalkFolder.names(in: folder, namesMax: filesMax).names else { return [] }
        let suffix = Array(suffix.utf8)
        return names.compactMap { name in
            // The path is asked first: to ask what is behind it may wait for a server.
            guard let path = target(folder + "/" + name), path.suffix(suffix.count).elementsEqual(suffix) else {
                return nil
            }
            return WalkFolder.facts(folder + "/" + name).flatMap { $0.kind == .file ? $0 : nil }
        }
    }

    /// What a symbolic link says; nil if it is none, may not be read, or is too long.
    private static func target(_ path: String) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        // Safe: the buffer's length goes with it, and the kernel writes no more than that.
        let count = unsafe buffer.withUnsafeMutableBytes { bytes -> Int in
            guard let base = bytes.baseAddress else { return -1 }
            return unsafe readlink(path, base.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        guard count > 0, count < buffer.count else { return nil }
        buffer.removeLast(buffer.count - count)
        return buffer
    }
}
