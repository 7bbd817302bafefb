package import TallyIO

/// What search and reading need of the disk where transcripts lie; tests and the simulation give another.
package protocol FolderSource: Sendable {
    func names(in path: String, namesMax: Int) throws(SystemError) -> (names: [String], isWhole: Bool)
    func facts(_ path: String) -> WalkFacts?
    func open(_ path: String) throws(SystemError) -> any TranscriptFile
}

/// A transcript that is open. It may grow, shrink or be replaced meanwhile; the facts are those of what was opened.
package protocol TranscriptFile: Sendable {
    func facts() throws(SystemError) -> WalkFacts
    /// Reads up to `room` bytes at `offset` into `buffer` from index `start` on; returns how many, 0 at the end.
    func read(into buffer: inout [UInt8], at start: Int, room: Int, offset: UInt64) throws(SystemError) -> Int
}

/// A transcript on the real disk; closed with its last reference.
private final class DiskTranscript: TranscriptFile {
    private let file: TailFile

    init(_ path: String) throws(SystemError) { file = try TailFile(path) }

    func facts() throws(SystemError) -> WalkFacts { try file.facts() }

    func read(into buffer: inout [UInt8], at start: Int, room: Int, offset: UInt64) throws(SystemError) -> Int {
        try file.read(into: &buffer, at: start, room: room, offset: offset)
    }
}

/// The disk as it is.
package struct DiskFolders: FolderSource, ProjectFiles {
    private static let headBytesMax = 64 << 10

    package init() {}

    package func names(in path: String, namesMax: Int) throws(SystemError) -> (names: [String], isWhole: Bool) {
        try WalkFolder.names(in: path, namesMax: namesMax)
    }

    package func facts(_ path: String) -> WalkFacts? { WalkFolder.facts(path) }

    package func open(_ path: String) throws(SystemError) -> any TranscriptFile { try DiskTranscript(path) }

    package func kind(_ path: String) -> ProjectEntry {
        guard let facts = WalkFolder.facts(path) else { return .nothing }
        return facts.kind == .folder ? .folder : .file
    }

    package func resolved(_ path: String) -> String? { WalkFolder.resolved(path) }

    package func head(_ path: String) -> [UInt8]? { TailFile.head(of: path, bytesMax: Self.headBytesMax) }
}

/// Everything that one search came upon.
package struct FoundFiles: Sendable {
    /// Oldest change first, then by path.
    package var files = FoundList()
    /// Every folder that was entered, each once: where a new file or line would be.
    package var folders: [String] = []
    /// Folders that exist and could not be read.
    package var unreadableFolders = 0
    /// The same file or folder met again, by a link or a second name.
    package var duplicates = 0
    /// Folders too deep or too full, or more files than `TranscriptFinder.filesMax`.
    package var beyondBounds = 0
    /// The first few folders of `unreadableFolders`, for a message to the person at this machine.
    package var unreadablePaths: [String] = []
}

/// Finds every `.jsonl` below the agents' folders, nested sub-agent folders included, each file once. Of Gemini's
/// folders, `chats` alone is entered, and its `.json` are found too: beside it lie logs and outputs of tools.
///
/// Follows links, but enters a folder and lists a file once by device and inode, so that a loop ends. Keeps its
/// own stack; depth, names in a folder, folders and files are bounded, and what lies beyond is told.
package struct TranscriptFinder<Folders: FolderSource>: Sendable {
    package static var filesMax: Int { 200_000 }
    static var foldersMax: Int { 100_000 }
    static var namesMax: Int { 100_000 }
    static var depthMax: Int { 16 }
    static var pathsToldMax: Int { 8 }
    /// Where `chats` stands below Gemini's folder: `tmp/PROJECT/chats`.
    private static var chatsDepth: Int { 2 }

    private let homes: SourceHomes
    private let folders: Folders
    /// What is not entered and not opened, wherever links to it stand.
    private let filter: FolderFilter?

    package init(homes: SourceHomes, folders: Folders) {
        self.homes = homes
        self.folders = folders
        filter = nil
    }

    init(homes: SourceHomes, folders: Folders, filter: FolderFilter) {
        self.homes = homes
        self.folders = folders
        self.filter = filter.isIdle ? nil : filter
    }

    package func find() -> FoundFiles {
        var found = FoundFiles()
        var seen: Set<FileID> = []
        for root in homes.claude { walk(root, .claude, &found, &seen) }
        for root in homes.codex { walk(root, .codex, &found, &seen) }
        for root in homes.gemini { walk(root, .gemini, &found, &seen) }
        found.files.sort()
        return found
    }

    private func walk(_ root: String, _ source: SourceKind, _ found: inout FoundFiles, _ seen: inout Set<FileID>) {
        var stack = [(path: root, depth: 0)]
        while let (path, depth) = stack.popLast() {
            if source == .gemini, depth == Self.chatsDepth, !path.hasSuffix("/chats") { continue }
            if let filter, filter.covers(Array(path.utf8)) { continue }
            guard let facts = folders.facts(path) else { continue }
            let identity = FileID(device: facts.device, inode: facts.inode)
            switch facts.kind {
            case .other: continue
            case .file:
                guard isTranscript(path, source, depth) else { continue }
                guard seen.insert(identity).inserted else {
                    found.duplicates += 1
                    continue
                }
                guard found.files.count < Self.filesMax else {
                    found.beyondBounds += 1
                    continue
                }
                found.files.append(
                    FoundFile(
                        path: path, source: source, identity: identity, bytes: facts.bytes, changedMs: facts.changedMs))
            case .folder:
                guard depth < Self.depthMax, seen.count < Self.filesMax + Self.foldersMax else {
                    found.beyondBounds += 1
                    continue
                }
                guard seen.insert(identity).inserted else {
                    found.duplicates += 1
                    continue
                }
                found.folders.append(path)
                enter(path, depth, &stack, &found)
            }
        }
    }

    private func enter(
        _ path: String, _ depth: Int, _ stack: inout [(path: String, depth: Int)], _ found: inout FoundFiles
    ) {
        do throws(SystemError) {
            let (names, isWhole) = try folders.names(in: path, namesMax: Self.namesMax)
            if !isWhole { found.beyondBounds += 1 }
            for name in names.sorted(by: >) { stack.append((path + "/" + name, depth + 1)) }
        } catch {
            found.unreadableFolders += 1
            if found.unreadablePaths.count < Self.pathsToldMax { found.unreadablePaths.append(path) }
        }
    }

    private func isTranscript(_ path: String, _ source: SourceKind, _ depth: Int) -> Bool {
        guard source == .gemini else { return depth > 0 && path.hasSuffix(".jsonl") }
        return depth > Self.chatsDepth && (path.hasSuffix(".jsonl") || path.hasSuffix(".json"))
    }
}
