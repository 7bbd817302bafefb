package import TallyIO
import TallyLog
package import TallyModel

/// Takes a tenant's folder away for good, in steps of which each may be the last before a crash:
///
///  1. renamed to `gone-` and a random number, durably: nobody who looks for the tenant finds it any more;
///  2. its files unlinked, then the folders, from the leaves up, then durably gone.
///
/// Whoever starts next sweeps what bears such a name. Precondition of both verbs: no log and no database in the folder
/// is open; what a reader has still open lives until it is closed, and is in no folder any more.
package enum TenantRemoval {
    static let gonePrefix = "gone-"
    /// A tenant's folder has one level below it; a deeper one is not ours.
    private static let depthMax = 4

    /// A folder that is not there has been removed before.
    package static func remove(
        _ folder: String, from tenants: any FolderTree, entropy: Entropy
    ) throws(SystemError) {
        let gone = gonePrefix + entropy.bytes16().hexText
        do throws(SystemError) {
            try tenants.renameFile(folder, to: gone)
        } catch {
            guard error.isNotFound else { throw error }
            return try sweep(tenants)
        }
        try tenants.syncFolder()
        try sweep(tenants)
    }

    /// Removes what an earlier removal left.
    package static func sweep(_ tenants: any FolderTree) throws(SystemError) {
        var isChanged = false
        for name in try tenants.listFiles() where name.hasPrefix(gonePrefix) {
            try empty(try tenants.subfolder(name), depth: 1)
            try tenants.removeFolder(name)
            isChanged = true
        }
        if isChanged { try tenants.syncFolder() }
    }

    private static func empty(_ folder: any FolderTree, depth: Int) throws(SystemError) {
        for name in try folder.listFiles() {
            if depth < depthMax, try folder.isFolder(name) {
                try empty(try folder.subfolder(name), depth: depth + 1)
                try folder.removeFolder(name)
            } else {
                try folder.unlinkFile(name)
            }
        }
    }
}
