import TallyGenerator
import TestDisk

@testable import TallyWorkstation

/// What befalls the files of a home.
extension HomeRun {
    /// So many, and one more, are over before what is held has been quiet for long enough to be sent.
    private static let glancesMax = 5

    /// A rollout begins when those that were begun before it are whole.
    func mayGrow(_ index: Int) -> Bool {
        guard !files[index].isWhole else { return false }
        return files[index].source != .codex || files[..<index].allSatisfy { $0.source != .codex || $0.isWhole }
    }

    mutating func befall(_ index: Int) throws {
        // Nothing that is over when its word is not yet the last: such a scan would send what it holds.
        if files[index].source == .gemini { try bench.run(for: .seconds(1)) { !$0.core.isScanning } }
        guard files[index].hasBegun else { return try grow(index) }
        switch random.below(100) {
        case 0..<58: try grow(index)
        case 58..<68: truncate(index)
        case 68..<78: rewrite(index)
        case 78..<87: rotate(index)
        case 87..<91: copy(index)
        default: link(index)
        }
    }

    private mutating func grow(_ index: Int) throws {
        if let growth = files[index].grow(&random) { change(growth) }
        if files[index].isTentative { try decide(index) }
        if files[index].isWhole { addLinks(to: files[index].path) }
    }

    /// A word that the agent takes back at once was read, or may have been: it is held, over kills and lost power,
    /// for two quiet seconds. So until the last word is there only short looks befall it, and then it is read and
    /// synced.
    private mutating func decide(_ index: Int) throws {
        for _ in 0..<random.below(HomeRun.glancesMax) { try glance() }
        while files[index].isTentative, let growth = files[index].grow(&random) {
            bench.folders.flush()
            bench.folders.carryOut(growth)
        }
        counts.takenBack += 1
        if random.chance(30) { try glance() }
        bench.core.folderChanged(bench.now)
        bench.perform()
        try bench.run(for: .seconds(1)) { !$0.core.isScanning }
    }

    private mutating func truncate(_ index: Int) {
        guard let truncation = files[index].truncate(&random) else { return }
        change(truncation)
        counts.truncations += 1
    }

    private mutating func rewrite(_ index: Int) {
        let (path, content) = (files[index].path, files[index].content)
        change(random.chance(50) ? .rewrite(path, content) : .replace(path, content))
        counts.rewrites += 1
    }

    /// The file goes on under its name as another, and what it was has a new name. A rollout tells its session in its
    /// first lines alone, and a chat is one file, so that nothing rotates them.
    private mutating func rotate(_ index: Int) {
        let file = files[index]
        guard file.source == .claude, file.endsLine else { return }
        names += 1
        change(.rename(file.path, "\(file.path.dropLast(".jsonl".count))-\(names).jsonl"))
        files[index].rotate()
        counts.rotations += 1
    }

    /// What is there of it now, as another file. Under the same name: without a head, a rollout's name is its session.
    private mutating func copy(_ index: Int) {
        bench.folders.flush()
        bench.folders.carryOut(.append(another(files[index].path, "copy"), files[index].content))
        counts.copies += 1
    }

    private mutating func link(_ index: Int) {
        bench.folders.flush()
        bench.folders.link(files[index].path, as: another(files[index].path, "link"))
        counts.links += 1
    }

    /// A place for a file of the same name, in a folder of its own.
    private mutating func another(_ path: String, _ kind: String) -> String {
        names += 1
        var parts = path.split(separator: "/")
        parts.insert("\(kind)\(names)", at: parts.count - 1)
        return "/" + parts.joined(separator: "/")
    }

    private mutating func addLinks(to target: String) {
        for link in links where link.target == target {
            bench.folders.flush()
            bench.folders.link(target, as: link.path)
            counts.links += 1
        }
    }

    /// Now, or while something is read.
    private mutating func change(_ change: MemoryFolders.Change) {
        guard random.chance(30) else {
            bench.folders.flush()
            return bench.folders.carryOut(change)
        }
        bench.folders.carryOut(change, afterReads: random.below(12))
        counts.changesWhileRead += 1
    }
}
