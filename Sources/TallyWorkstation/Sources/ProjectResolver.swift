package import TallyModel

/// What the search for a repository needs of the disk; tests give another.
package protocol ProjectFiles: Sendable {
    /// What stands at a path: nothing, a folder or a file.
    func kind(_ path: String) -> ProjectEntry
    /// The first bytes of a small file.
    func head(_ path: String) -> [UInt8]?
    /// The path with all links followed; nil where nothing is there.
    func resolved(_ path: String) -> String?
}

extension ProjectFiles {
    /// Where there are no links to folders.
    package func resolved(_ path: String) -> String? { nil }
}

package enum ProjectEntry: Sendable { case nothing, folder, file }

/// Makes a project's id of the folder that an agent worked in.
///
/// The nearest folder upwards that holds `.git` is the repository; if its `origin` remote has a URL, the id is
/// the hash of `host/path`, equal on every machine; else the hash of the root's path. Without a repository it
/// is the hash of the folder itself. Answers are kept for `foldersMax` folders, then forgotten all at once.
package struct ProjectResolver<Hash: KeyedHash>: Sendable {
    private static var foldersMax: Int { 1_024 }
    private static var pathBytesMax: Int { 4_096 }

    private let hash: Hash
    private let search: RepositorySearch
    private var memory = TextMemory<ProjectID>()
    private var known: [[UInt8]: ProjectID] = [:]

    package init(hash: Hash, files: any ProjectFiles) {
        self.hash = hash
        search = RepositorySearch(files: files)
    }

    package mutating func project(of text: JSONText, _ line: Span<UInt8>) -> ProjectID? {
        // Taken out for the call, since the closure may not touch what the memory's call holds.
        var known: [[UInt8]: ProjectID] = [:]
        swap(&known, &self.known)
        defer { swap(&known, &self.known) }
        let (hash, search) = (hash, search)
        return memory.value(of: text, line, bytesMax: Self.pathBytesMax) { path in
            var copy: [UInt8] = []
            for index in path.indices { copy.append(path[index]) }
            if let project = known[copy] { return project }
            let project = hash.projectID(search.name(of: copy).span)
            if known.count >= Self.foldersMax { known.removeAll() }
            known[copy] = project
            return project
        }
    }
}

/// Finds what names the repository around a folder.
private struct RepositorySearch: Sendable {
    static let levelsMax = 64

    let files: any ProjectFiles

    /// The bytes that stand for the project: `host/path` of its remote, or a path.
    func name(of folder: [UInt8]) -> [UInt8] {
        // A path with a zero byte would name another file to the kernel.
        guard folder.first == UInt8(ascii: "/"), !folder.contains(0) else { return folder }
        var path = String(decoding: folder, as: UTF8.self)
        for _ in 0..<Self.levelsMax {
            while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
            let entry = (path == "/" ? "" : path) + "/.git"
            switch files.kind(entry) {
            case .folder: return remote(of: entry) ?? Array(path.utf8)
            case .file: return linked(entry, root: path)
            case .nothing: break
            }
            guard path != "/", let slash = path.lastIndex(of: "/") else { return folder }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
        return folder
    }

    private func remote(of gitFolder: String) -> [UInt8]? {
        files.head(gitFolder + "/config").flatMap { GitRemote.origin(inConfig: $0) }
    }

    /// A worktree or submodule: `.git` is a file that says `gitdir: PATH`; a worktree's folder names in
    /// `commondir` the one that it shares, so that all worktrees are one project.
    private func linked(_ entry: String, root: String) -> [UInt8] {
        guard let line = files.head(entry).flatMap(firstLine), line.hasPrefix("gitdir: ") else {
            return Array(root.utf8)
        }
        var folder = joined(String(line.dropFirst("gitdir: ".count)), to: root)
        var name = root
        if let common = files.head(folder + "/commondir").flatMap(firstLine) {
            folder = joined(common, to: folder)
            name = folder
        }
        return remote(of: folder) ?? Array(name.utf8)
    }

    private func firstLine(_ bytes: [UInt8]) -> String? {
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != 0 }
        return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }

    /// Resolves `..` as text, so that one folder has one name.
    private func joined(_ path: String, to base: String) -> String {
        var parts: [Substring] = path.hasPrefix("/") ? [] : base.split(separator: "/")
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}
