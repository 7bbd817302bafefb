import TallyIO

/// Whether a run may have its connections.
enum OpenFiles {
    /// Beside the connections: standard streams, the poller, files.
    private static let others = 32

    /// Raises the soft limit to the hard one on the way.
    static func check(connections: Int) throws(LoadError) {
        let allowed = ResourceLimits.openFiles
        guard UInt64(connections + others) <= allowed else {
            throw .descriptors(wanted: connections, allowed: allowed)
        }
    }
}
