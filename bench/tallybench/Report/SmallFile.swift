import TallyIO

/// Files that a run reads and writes whole: tokens, plots, accounts.
enum SmallFile {
    static func read(_ path: String, bytesMax: Int) throws(SystemError) -> [UInt8] {
        let (folder, name) = split(path)
        return try Directory.open(folder).readWhole(name, limit: bytesMax, follows: true)
    }

    /// Replaces what stands there, in one step.
    static func write(_ path: String, _ text: String) throws(SystemError) {
        let (folder, name) = split(path)
        try Directory.open(folder).writeDurably(name, Array(text.utf8).span)
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let folder = path[..<slash]
        return (folder.isEmpty ? "/" : String(folder), String(path[path.index(after: slash)...]))
    }
}
