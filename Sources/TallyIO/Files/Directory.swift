#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A folder held open by its descriptor: everything in it is reached by name from there, so that a folder
/// that was renamed or replaced is never written by mistake. New files are 0600, new folders 0700. A name that is a
/// symbolic link is refused (ELOOP), so that nobody leads a program that owns a folder elsewhere.
///
/// Why every `unsafe` call with a name holds: Swift passes a string as a zero-ended copy that lives for the
/// length of the call, and the kernel keeps no pointer to it.
package final class Directory: Sendable {
    private let descriptor: Descriptor
    /// As it was opened, for messages.
    package let path: String

    private init(taking descriptor: consuming Descriptor, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    package enum Access: Sendable { case read, write }

    package static func open(_ path: String) throws(SystemError) -> Directory {
        Directory(taking: try descriptor(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, subject: path), path: path)
    }

    /// Opens `path`, and makes it and the missing folders above it first. What was made is durable.
    package static func openOrMake(_ path: String) throws(SystemError) -> Directory {
        do throws(SystemError) { return try open(path) } catch { guard error.isNotFound else { throw error } }
        let (parentPath, name) = split(path)
        guard !name.isEmpty else { throw SystemError("open", path, number: ENOENT) }
        let parent = try openOrMake(parentPath)
        return try parent.openOrMakeDirectory(name)
    }

    /// `a/b/` → (`a`, `b`); a name alone lies in `.`.
    private static func split(_ path: String) -> (String, String) {
        let parts = path.split(separator: "/")
        let above = parts.dropLast().joined(separator: "/")
        let parent = path.hasPrefix("/") ? "/" + above : (above.isEmpty ? "." : above)
        return (parent, String(parts.last ?? ""))
    }

    package func openDirectory(_ name: String) throws(SystemError) -> Directory {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
        let opened = try Directory.descriptor(descriptor.raw, name, flags, subject: subject(name))
        return Directory(taking: opened, path: subject(name))
    }

    /// The folder `name`, durably there when this returns: also where it was made before, since whoever made it may have
    /// died before its sync, or been told that it failed.
    package func openOrMakeDirectory(_ name: String) throws(SystemError) -> Directory {
        if unsafe mkdirat(descriptor.raw, name, 0o700) != 0 {
            guard errno == EEXIST else { throw SystemError("mkdir", subject(name)) }
        }
        try sync()
        return try openDirectory(name)
    }

    /// Makes the names of the folder at `path` and of what lies in it durable, for whoever goes on with what an earlier
    /// process left. A folder above that this user may not open is somebody else's to keep.
    package static func settle(_ path: String, _ folder: Directory) throws(SystemError) {
        try folder.sync()
        guard let parent = try? open(split(path).0) else { return }
        try parent.sync()
    }

    /// Makes a new file, 0600; one that exists is an error.
    package func create(_ name: String) throws(SystemError) -> OpenFile {
        try openFile(name, O_RDWR | O_CREAT | O_EXCL)
    }

    package func open(_ name: String, _ access: Access) throws(SystemError) -> OpenFile {
        try openFile(name, access == .read ? O_RDONLY : O_RDWR)
    }

    /// Opens for writing, and makes the file where it is missing.
    package func openOrCreate(_ name: String) throws(SystemError) -> OpenFile {
        try openFile(name, O_RDWR | O_CREAT)
    }

    /// Opens a file of somebody else's choosing for reading, links and all: what a person named on a command line.
    package func openFollowed(_ name: String) throws(SystemError) -> OpenFile {
        try openFile(name, O_RDONLY, follows: true)
    }

    private func openFile(_ name: String, _ flags: CInt, follows: Bool = false) throws(SystemError) -> OpenFile {
        let flags = follows ? flags : flags | O_NOFOLLOW
        let opened = try Directory.descriptor(descriptor.raw, name, flags, subject: subject(name))
        return OpenFile(taking: opened, name: subject(name))
    }

    /// Opens for reading. A symbolic link is refused (ELOOP), and a pipe does not make it wait.
    func openPlain(_ name: String) throws(SystemError) -> OpenFile {
        try openFile(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    }

    /// Opens for writing, and makes the file where it is missing; a symbolic link is refused.
    func openUnfollowed(_ name: String) throws(SystemError) -> Descriptor {
        try Directory.descriptor(descriptor.raw, name, O_RDWR | O_CREAT | O_NOFOLLOW, subject: subject(name))
    }

    /// An interrupted call is tried again: an open can wait for a lease or for a server, and a signal ends that.
    private static func descriptor(
        _ folder: CInt, _ name: String, _ flags: CInt, subject: String
    ) throws(SystemError) -> Descriptor {
        while true {
            // Why this holds: the name is a zero-ended copy that lives for the length of the call.
            let raw = unsafe openat(folder, name, flags | O_CLOEXEC, 0o600)
            if raw >= 0 { return Descriptor(taking: raw) }
            guard errno == EINTR else { throw SystemError("open", subject) }
        }
    }

    package func facts(_ name: String) throws(SystemError) -> OpenFile.Facts {
        var status = stat()
        // Why this holds: the kernel fills the structure that is passed and keeps no pointer.
        let result = unsafe fstatat(descriptor.raw, name, &status, AT_SYMLINK_NOFOLLOW)
        guard result == 0 else { throw SystemError("stat", subject(name)) }
        return OpenFile.Facts(status)
    }

    /// Replaces `newName` in one step. Durable after `sync`.
    package func rename(_ name: String, to newName: String) throws(SystemError) {
        guard unsafe renameat(descriptor.raw, name, descriptor.raw, newName) == 0 else {
            throw SystemError("rename", subject(name))
        }
    }

    package func unlink(_ name: String) throws(SystemError) {
        guard unsafe unlinkat(descriptor.raw, name, 0) == 0 else { throw SystemError("unlink", subject(name)) }
    }

    package func removeDirectory(_ name: String) throws(SystemError) {
        guard unsafe unlinkat(descriptor.raw, name, AT_REMOVEDIR) == 0 else {
            throw SystemError("rmdir", subject(name))
        }
    }

    /// Makes creations, renames and unlinks in this folder durable.
    package func sync() throws(SystemError) {
        guard fsync(descriptor.raw) == 0 else { throw SystemError("sync", path) }
    }

    /// The names in the folder, sorted, without `.` and `..`; more than `limit` are an error.
    package func list(limit: Int = 1 << 20) throws(SystemError) -> [String] {
        // A second open description: the position of a listing belongs to the description.
        let raw = try Directory.descriptor(descriptor.raw, ".", O_RDONLY | O_DIRECTORY, subject: path).release()
        // Why this holds: the stream owns the descriptor from here on and is closed on every way out.
        guard let stream = unsafe fdopendir(raw) else {
            let error = SystemError("list", path)
            _ = close(raw)
            throw error
        }
        defer { _ = unsafe closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            // Why this holds: the entry is read before the next call on the same stream, and its name ends in 0.
            guard let entry = unsafe readdir(stream) else {
                guard errno == 0 else { throw SystemError("list", path) }
                return names.sorted()
            }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
                unsafe String(cString: UnsafeRawPointer(field).assumingMemoryBound(to: CChar.self))
            }
            if name == "." || name == ".." { continue }
            guard names.count < limit else { throw SystemError("list", path, number: E2BIG) }
            names.append(name)
        }
    }

    /// Runs `body` with the descriptor, which stays this object's.
    func withDescriptor<Result>(_ body: (CInt) -> Result) -> Result { body(descriptor.raw) }

    private func subject(_ name: String) -> String { path + "/" + name }
}
