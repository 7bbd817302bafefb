package import TallyIO

/// The folder that a log lives in, as the log sees it: a seam, so that a simulation can put a disk there that
/// loses, tears and reorders what was not synced.
///
/// Names are file names inside the folder. Creations, renames and unlinks are durable after `syncFolder`.
package protocol LogDisk: Sendable {
    func listFiles() throws(SystemError) -> [String]
    /// A new, empty file; one that exists is an error.
    func createFile(_ name: String) throws(SystemError) -> any LogFile
    func openFile(_ name: String, _ access: Directory.Access) throws(SystemError) -> any LogFile
    func renameFile(_ name: String, to newName: String) throws(SystemError)
    func unlinkFile(_ name: String) throws(SystemError)
    func syncFolder() throws(SystemError)
}

/// One open file of a log. Writes are durable after `sync`, or after a barrier over the whole file system.
package protocol LogFile: Sendable {
    func size() throws(SystemError) -> Int
    /// Appends up to `count` bytes from `offset` to `buffer`; fewer only at the end of the file.
    func read(at offset: Int, count: Int, into buffer: inout [UInt8]) throws(SystemError)
    func write(_ bytes: Span<UInt8>, at offset: Int) throws(SystemError)
    func writeZeros(at offset: Int, count: Int) throws(SystemError)
    func truncate(to bytes: Int) throws(SystemError)
    func sync() throws(SystemError)
    /// What is appended at `end` from here on need not be kept in memory for readers.
    func bypassCache(from end: Int)
}

extension LogFile {
    package func bypassCache(from end: Int) {}
}

extension OpenFile: LogFile {}

extension Directory: LogDisk {
    package func listFiles() throws(SystemError) -> [String] { try list() }
    package func createFile(_ name: String) throws(SystemError) -> any LogFile { try create(name) }
    package func openFile(_ name: String, _ access: Access) throws(SystemError) -> any LogFile {
        try open(name, access)
    }
    package func renameFile(_ name: String, to newName: String) throws(SystemError) { try rename(name, to: newName) }
    package func unlinkFile(_ name: String) throws(SystemError) { try unlink(name) }
    package func syncFolder() throws(SystemError) { try sync() }
}
