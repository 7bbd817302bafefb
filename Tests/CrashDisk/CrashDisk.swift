import CrashVFS
package import TallyIO
import TallyStorage

/// A disk in memory for SQLite that can lose its power (Tests/CrashVFS/include/CrashVFS.h says what it promises), and
/// for what is done to database files besides.
///
/// Open databases below `root`. To end a process: `kill` or `losePower`, let go of what had files open, `start`. Whoever
/// still has a file open from before gets errors for ever.
///
/// Why every `unsafe` call holds: Swift passes a string as a zero-ended copy and an array as its elements, both for the
/// length of the call, and the C side keeps no pointer to either.
package final class CrashDisk: DatabaseDisk {
    package let name: String

    /// The folder that holds the disk's files.
    package var root: String { "/crash/\(name)" }

    package struct Behaviour: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        /// A torn sector leaves what stands beside the written range alone, as SQLite believes of every disk.
        package static let powersafe = Behaviour(rawValue: UInt32(CRASH_DISK_POWERSAFE))
        /// A sync says that it succeeded and keeps nothing.
        package static let lying = Behaviour(rawValue: UInt32(CRASH_DISK_LYING))
    }

    package enum WriteFault: Sendable { case full, error }

    /// A running, empty disk. Precondition: `name` is that of no other living disk, and has no slash.
    package init(name: String, seed: UInt64, _ behaviour: Behaviour = .powersafe) {
        self.name = name
        precondition(crash_vfs_install(), "SQLite refuses the crash VFS")
        precondition(unsafe crash_disk_make(name, seed, behaviour.rawValue), "a disk has this name already")
    }

    deinit { _ = unsafe crash_disk_drop(name) }

    /// SQLite's own random numbers and clock for the whole process: for a run that must come out byte for byte.
    package static func fix(seed: UInt64, unixMs: Int64) { crash_vfs_fix(seed, unixMs) }

    // MARK: Ends and beginnings

    /// The process ends; the page cache stays.
    package func kill() { _ = unsafe crash_disk_kill(name) }

    /// The power goes: what was not synced is lost, torn or reordered.
    package func losePower() { _ = unsafe crash_disk_lose_power(name) }

    /// The next process begins. Faults that were ordered are off.
    package func start() { _ = unsafe crash_disk_start(name) }

    // MARK: Faults

    /// After so many more calls that change or sync something every call fails: a kill or a power loss is near.
    package func stop(afterCalls calls: Int) { _ = unsafe crash_disk_stop_after(name, UInt64(calls)) }

    package func failWrites(_ fault: WriteFault, after skipped: Int, times: Int = .max) {
        let error = fault == .full ? CRASH_ERROR_FULL : CRASH_ERROR_IO
        _ = unsafe crash_disk_fail_writes(name, UInt64(skipped), UInt64(times), CInt(error))
    }

    /// What such a sync should have kept stays readable until the power goes, and no later sync keeps it.
    package func failSyncs(after skipped: Int, times: Int = 1) {
        _ = unsafe crash_disk_fail_syncs(name, UInt64(skipped), UInt64(times))
    }

    /// No fault that was ordered comes any more.
    package func heal() { _ = unsafe crash_disk_heal(name) }

    package struct Counts: Hashable, Sendable {
        package var writes = 0
        package var bytesWritten = 0
        package var syncs = 0
        package var folderSyncs = 0
        package var nameChanges = 0
    }

    package var counts: Counts {
        var counts = crash_counts()
        _ = unsafe crash_disk_counts(name, &counts)
        return Counts(
            writes: Int(counts.writes), bytesWritten: Int(counts.bytes_written), syncs: Int(counts.syncs),
            folderSyncs: Int(counts.folder_syncs), nameChanges: Int(counts.name_changes))
    }

    // MARK: Files as a whole, by their names below `root`

    package var files: [String] {
        var names: [String] = []
        var text = [CChar](repeating: 0, count: 512)
        while true {
            let count = unsafe crash_disk_name(name, Int64(names.count), &text, Int64(text.count))
            guard count >= 0 else { return names.sorted() }
            names.append(String(decoding: text.prefix(Int(count)).map(UInt8.init(bitPattern:)), as: UTF8.self))
        }
    }

    /// Nil where there is no such file.
    package func bytes(_ file: String) -> [UInt8]? {
        let size = unsafe crash_disk_size(name, file)
        guard size >= 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(size))
        let count = unsafe crash_disk_read(name, file, &bytes, size)
        return Array(bytes.prefix(Int(max(0, count))))
    }

    /// Puts a whole file there, durable.
    package func put(_ file: String, _ bytes: [UInt8]) {
        _ = unsafe crash_disk_write(name, file, bytes, Int64(bytes.count))
    }

    /// Inverts a bit, in the cache and on the medium.
    @discardableResult
    package func flip(_ file: String, byte: Int, bit: Int) -> Bool {
        unsafe crash_disk_flip(name, file, Int64(byte), CInt(bit))
    }

    // MARK: DatabaseDisk

    package func exists(_ path: String) throws(SystemError) -> Bool {
        var isThere = false
        try CrashDisk.check(unsafe crash_path_exists(path, &isThere), "stat", path)
        return isThere
    }

    package func create(_ path: String) throws(SystemError) {
        try CrashDisk.check(unsafe crash_path_create(path), "open", path)
    }

    package func remove(_ path: String) throws(SystemError) {
        try CrashDisk.check(unsafe crash_path_remove(path), "unlink", path)
    }

    package func size(_ path: String) throws(SystemError) -> Int {
        var size: Int64 = 0
        try CrashDisk.check(unsafe crash_path_size(path, &size), "stat", path)
        return Int(size)
    }

    package func rewrite(_ path: String) throws(SystemError) {
        try CrashDisk.check(unsafe crash_path_rewrite(path), "rewrite", path)
    }

    package func syncFolder(of path: String) throws(SystemError) {
        try CrashDisk.check(unsafe crash_path_sync_folder(path), "sync", path)
    }

    private static func check(_ number: CInt, _ call: String, _ path: String) throws(SystemError) {
        guard number == 0 else { throw SystemError(call, path, number: number) }
    }
}
