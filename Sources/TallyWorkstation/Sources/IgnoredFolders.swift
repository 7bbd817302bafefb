import TallyHash

/// Folders whose work a person does not want counted, as they are compared with the folders that agents name.
///
/// A folder has up to three forms: as it was given, as links led when it was given, and as they lead now. Paths are
/// compared as bytes, part by part: `/a/b` covers `/a/b/c` and not `/a/bc`. Gemini CLI names a folder by the SHA-256 of
/// its path alone, so of it the folder itself can be recognised and nothing below it.
package struct IgnoredFolders: Hashable, Sendable {
    package static let none = IgnoredFolders([])

    /// Without a slash at the end; `/` itself is empty.
    private let forms: [[UInt8]]
    /// SHA-256 of each form, as hexadecimal digits.
    private let digests: Set<[UInt8]>

    /// All forms of all folders.
    package init(_ paths: [String]) {
        var forms: Set<[UInt8]> = []
        for path in paths { if let form = Self.normal(Array(path.utf8)) { forms.insert(form) } }
        self.forms = forms.sorted { $0.lexicographicallyPrecedes($1) }
        digests = Set(
            forms.map { form in Array(SHA256.hash(form.isEmpty ? [UInt8(ascii: "/")] : form).hexText.utf8) })
    }

    package var isEmpty: Bool { forms.isEmpty }

    /// Whether `path` is one of the folders or below one; false for what is no absolute path.
    func cover(_ path: [UInt8]) -> Bool {
        guard !forms.isEmpty, let path = Self.normal(path) else { return false }
        return forms.contains { form in
            path.starts(with: form) && (path.count == form.count || path[form.count] == UInt8(ascii: "/"))
        }
    }

    /// Whether this is Gemini CLI's name for one of the folders.
    func hold(digest: [UInt8]) -> Bool { digests.contains(digest) }

    /// The path without `.`, `..` and needless slashes, resolved as text; nil where it is not absolute.
    static func normal(_ path: [UInt8]) -> [UInt8]? {
        let slash = UInt8(ascii: "/")
        guard path.first == slash else { return nil }
        var parts: [ArraySlice<UInt8>] = []
        for part in path.split(separator: slash) {
            if part.elementsEqual(".".utf8) { continue }
            if part.elementsEqual("..".utf8) { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts.reduce(into: []) { normal, part in
            normal.append(slash)
            normal += part
        }
    }
}

/// Answers whether a folder that an agent names is ignored: as it is named, and as its links lead on this machine.
///
/// Each answer costs a question to the disk for each level that is gone, so answers are kept for `foldersMax` folders.
/// Costs nothing where no folder is ignored.
struct FolderFilter: Sendable {
    private static var foldersMax: Int { 1_024 }
    private static var pathBytesMax: Int { 4_096 }
    private static var levelsMax: Int { 64 }

    let ignored: IgnoredFolders
    private let files: any ProjectFiles
    private var memory = TextMemory<Bool>()
    private var known: [[UInt8]: Bool] = [:]

    init(_ ignored: IgnoredFolders, files: any ProjectFiles) {
        self.ignored = ignored
        self.files = files
    }

    var isIdle: Bool { ignored.isEmpty }

    /// Nil where nothing is ignored, and for a text that is no path.
    mutating func covers(_ text: JSONText, _ line: Span<UInt8>) -> Bool? {
        if ignored.isEmpty { return nil }
        // Taken out for the call, since the closure may not touch what the memory's call holds.
        var known: [[UInt8]: Bool] = [:]
        swap(&known, &self.known)
        defer { swap(&known, &self.known) }
        let filter = self
        return memory.value(of: text, line, bytesMax: Self.pathBytesMax) { path in
            var copy: [UInt8] = []
            for index in path.indices { copy.append(path[index]) }
            if let answer = known[copy] { return answer }
            if known.count >= Self.foldersMax { known.removeAll() }
            let answer = filter.covers(copy)
            known[copy] = answer
            return answer
        }
    }

    /// Of a path that is no part of a line.
    func covers(_ path: [UInt8]) -> Bool {
        if ignored.isEmpty { return false }
        if ignored.cover(path) { return true }
        // A path with a zero byte would name another file to the kernel.
        guard let normal = IgnoredFolders.normal(path), !normal.contains(0) else { return false }
        // The nearest folder that is still there tells where the links lead; what was below it has none any more.
        var folder = normal
        for _ in 0..<Self.levelsMax {
            if let real = files.resolved(folder.isEmpty ? "/" : String(decoding: folder, as: UTF8.self)) {
                return ignored.cover(Array(real.utf8) + normal[folder.count...])
            }
            guard let slash = folder.lastIndex(of: UInt8(ascii: "/")) else { return false }
            folder.removeSubrange(slash...)
        }
        return false
    }
}
