import TallyIO
import TallyModel

/// How a `tally run` goes on reading what is added: a change in a folder wakes a scan, and a slow search finds
/// what no change told of.
extension Engine {
    /// Goes on reading what is added, until `stop`.
    package func follow() {
        guard watch == nil, let reference else { return }
        let bounds = FolderWatch.Bounds(
            gathering: Limits.followInterval, period: Limits.followInterval, foldersMax: Limits.watchedFoldersMax)
        watch = FolderWatch(.preferred, bounds) { reference.async { $0.folderChanged() } }
        scanNow(settlingAll: false)
    }

    private func folderChanged() {
        guard watch != nil, failure == nil else { return }
        scanNow(settlingAll: false)
    }

    /// Watches what the search has just visited. Before the files are read, so that what is added meanwhile is told.
    func watchFolders() {
        guard let trouble = watch?.watch(scan.folders, roots: homes.roots) else { return }
        notice?("the system does not watch folders for us (\(trouble)); searching every second instead")
    }

    /// At the end of a scan: the next one if nothing changes. Soon if a request is held: quiet makes it final.
    func armSearch() {
        guard watch != nil else { return }
        if let followTimer { loop.cancel(followTimer) }
        let isHolding = spool.counter.heldCount > 0
        let quiet = Duration.milliseconds(Limits.requestQuietMs + 50)
        followTimer = loop.after(isHolding ? quiet : Limits.searchInterval) { [weak self] in
            guard let self, self.failure == nil else { return }
            self.followTimer = nil
            self.scanNow(settlingAll: false)
        }
    }
}
