package import TallyIO
package import TallyLog

/// A folder with files and folders below it, as whoever removes a tenant sees it: a seam, so that a simulation can cut
/// the power between any two steps.
package protocol FolderTree: LogDisk {
    func subfolder(_ name: String) throws(SystemError) -> any FolderTree
    /// Removes an empty folder. Durable after `syncFolder`.
    func removeFolder(_ name: String) throws(SystemError)
    func isFolder(_ name: String) throws(SystemError) -> Bool
}

extension Directory: FolderTree {
    package func subfolder(_ name: String) throws(SystemError) -> any FolderTree { try openDirectory(name) }
    package func removeFolder(_ name: String) throws(SystemError) { try removeDirectory(name) }
    package func isFolder(_ name: String) throws(SystemError) -> Bool { try facts(name).kind == .directory }
}
