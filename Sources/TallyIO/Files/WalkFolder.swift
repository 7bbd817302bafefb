#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// What a path leads to, links followed: enough to know a file again and to order files by age.
package struct WalkFacts: Hashable, Sendable {
    package enum Kind: UInt8, Sendable { case folder, file, other }

    package let kind: Kind
    package let device: UInt64
    package let inode: UInt64
    package let bytes: UInt64
    /// Last change of the contents, milliseconds since 1970.
    package let changedMs: Int64

    package init(kind: Kind, device: UInt64, inode: UInt64, bytes: UInt64, changedMs: Int64) {
        self.kind = kind
        self.device = device
        self.inode = inode
        self.bytes = bytes
        self.changedMs = changedMs
    }

    init(_ raw: stat) {
        let format = raw.st_mode & S_IFMT
        kind = format == S_IFDIR ? .folder : format == S_IFREG ? .file : .other
        device = UInt64(truncatingIfNeeded: raw.st_dev)
        inode = UInt64(truncatingIfNeeded: raw.st_ino)
        bytes = UInt64(clamping: raw.st_size)
        #if canImport(Glibc)
        let changed = raw.st_mtim
        #else
        let changed = raw.st_mtimespec
        #endif
        changedMs = Int64(clamping: changed.tv_sec) &* 1_000 &+ Int64(clamping: changed.tv_nsec / 1_000_000)
    }
}

/// Reads folders for the search of transcripts: names in one, and what a path leads to.
package enum WalkFolder {
    /// The names in the folder at `path` without `.` and `..`, in the kernel's order, at most `namesMax`;
    /// `isWhole` is false where there were more. A name that is not UTF-8 is repaired, so opening it fails.
    package static func names(in path: String, namesMax: Int) throws(SystemError) -> (names: [String], isWhole: Bool) {
        // Safe: the path lives through the call, and the stream is closed once, below.
        guard let stream = unsafe opendir(path) else { throw SystemError("opendir", path) }
        defer { unsafe _ = closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            // Safe: the entry is valid until the next call on this stream, and copied before it.
            guard let entry = unsafe readdir(stream) else {
                if errno != 0 { throw SystemError("readdir", path) }
                return (names, true)
            }
            // Safe: `d_name` is a terminated string within the entry.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
                unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            guard names.count < namesMax else { return (names, false) }
            names.append(name)
        }
    }

    /// `path` with all links followed; nil if nothing is there, it may not be seen, or its name is not UTF-8.
    package static func resolved(_ path: String) -> String? {
        // Safe: the path lives through the call; what it gives is a terminated string of ours, freed once, below.
        guard let real = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(real) }
        return unsafe String(validatingCString: real)
    }

    /// What `path` leads to, or nil if nothing is there or it may not be seen.
    package static func facts(_ path: String) -> WalkFacts? {
        var raw = stat()
        // Safe: both arguments live through the call.
        guard unsafe stat(path, &raw) == 0 else { return nil }
        return WalkFacts(raw)
    }
}
