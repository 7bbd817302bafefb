import TallyIO
import TallyModel

/// The folders that a person does not want counted: the file `ignore` of the home, 0600, which is never sent.
///
///     tally-ignore 1
///     folder PATH      absolute, as it was given
///     leads PATH       where links led then, if elsewhere; belongs to the folder before it
package struct IgnoreList: Hashable, Sendable {
    static let fileName = "ignore"
    private static let firstLine = "tally-ignore 1"

    package struct Folder: Hashable, Sendable {
        package let path: String
        package let leads: String?
    }

    package private(set) var folders: [Folder] = []

    package init() {}

    /// False if it is there already.
    mutating func add(_ path: String, leads: String?) throws(WorkstationError) -> Bool {
        guard Self.isPath(path), leads.map(Self.isPath) ?? true else { throw .ignorePath }
        guard !folders.contains(where: { $0.path == path }) else { return false }
        guard folders.count < Limits.ignoredFoldersMax else { throw .ignoreFull }
        folders.append(Folder(path: path, leads: leads == path ? nil : leads))
        return true
    }

    /// False if it is not there; a folder is known by what was given, and by where it leads.
    mutating func remove(_ path: String, leads: String?) -> Bool {
        let before = folders.count
        folders.removeAll { $0.path == path || ($0.leads ?? $0.path) == leads }
        return folders.count < before
    }

    /// A path that has a line of its own: absolute, without control characters or bytes that were no UTF-8.
    private static func isPath(_ path: String) -> Bool {
        path.hasPrefix("/") && path.utf8.count <= Limits.ignoredPathBytesMax
            && !path.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F || $0.value == 0xFFFD }
    }

    package func encode() -> [UInt8] {
        var text = Self.firstLine + "\n"
        for folder in folders {
            text += "folder \(folder.path)\n"
            if let leads = folder.leads { text += "leads \(leads)\n" }
        }
        return Array(text.utf8)
    }

    /// A list that cannot be understood is refused: reading on without it would count what a person wanted left out.
    package init(decoding bytes: [UInt8]) throws(WorkstationError) {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .ignoreDamaged }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 2, lines[0] == Self.firstLine, lines[lines.count - 1].isEmpty else {
            throw .ignoreDamaged
        }
        for line in lines[1..<(lines.count - 1)] {
            let parts = line.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, Self.isPath(String(parts[1])) else { throw .ignoreDamaged }
            let path = String(parts[1])
            if parts[0] == "folder", folders.count < Limits.ignoredFoldersMax {
                folders.append(Folder(path: path, leads: nil))
            } else if parts[0] == "leads", let last = folders.last, last.leads == nil {
                folders[folders.count - 1] = Folder(path: last.path, leads: path)
            } else {
                throw .ignoreDamaged
            }
        }
    }

    /// For comparing, with where the links lead now.
    package var compared: IgnoredFolders {
        IgnoredFolders(folders.flatMap { [$0.path, $0.leads, WalkFolder.resolved($0.path)].compactMap { $0 } })
    }
}

extension Home {
    package func ignoreList() throws(WorkstationError) -> IgnoreList { try Self.ignoreList(in: folder) }

    /// The list of the home at `path`, which is neither made nor changed; empty if there is no home.
    package static func ignoreList(at path: String) throws(WorkstationError) -> IgnoreList {
        let folder: Directory
        do throws(SystemError) { folder = try Directory.open(path) } catch {
            if error.isNotFound { return IgnoreList() }
            throw .system(error)
        }
        return try ignoreList(in: folder)
    }

    /// What the home at `path` ignores.
    package static func ignoredFolders(at path: String) throws(WorkstationError) -> IgnoredFolders {
        try ignoreList(at: path).compared
    }

    private static func ignoreList(in folder: borrowing Directory) throws(WorkstationError) -> IgnoreList {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try folder.readWhole(IgnoreList.fileName, limit: Limits.ignoreBytesMax)
        } catch {
            if error.isNotFound { return IgnoreList() }
            throw .system(error)
        }
        return try IgnoreList(decoding: bytes)
    }

    /// Changes the list in one durable step.
    package func save(_ list: IgnoreList) throws(WorkstationError) {
        try replace(IgnoreList.fileName, with: list.folders.isEmpty ? nil : list.encode())
    }
}
