/// A transcript on the disk. Its path stays on this machine.
package struct FoundFile: Hashable, Sendable {
    package let path: String
    package let source: SourceKind
    package let identity: FileID
    package let bytes: UInt64
    package let changedMs: Int64

    /// One JSON value, written whole each time: Gemini's older `.json`. All other files are lines.
    package var isDocument: Bool { source == .gemini && path.hasSuffix(".json") }
}

/// The files that a search found: 40 bytes and its path for each, all paths in one buffer. As strings they would take three
/// times as much, in pieces that lie between what a first scan remembers for ever.
///
/// The finder's bounds keep a path below 16 names behind a root, and all of them below 4 GB.
package struct FoundList: RandomAccessCollection, Sendable {
    private struct Entry: Sendable {
        let identity: FileID
        let bytes: UInt64
        let changedMs: Int64
        let pathStart: UInt32
        let pathBytes: UInt16
        let source: SourceKind

        /// Its path's in `paths`.
        var place: Range<Int> { Int(pathStart)..<Int(pathStart) + Int(pathBytes) }
    }

    private var entries: [Entry] = []
    private var paths: [UInt8] = []

    package init() {}

    package var startIndex: Int { 0 }
    package var endIndex: Int { entries.count }

    package subscript(number: Int) -> FoundFile {
        let entry = entries[number]
        return FoundFile(
            path: String(decoding: paths[entry.place], as: UTF8.self), source: entry.source, identity: entry.identity,
            bytes: entry.bytes, changedMs: entry.changedMs)
    }

    func identity(_ number: Int) -> FileID { entries[number].identity }

    mutating func append(_ file: FoundFile) {
        let start = paths.count
        paths.append(contentsOf: file.path.utf8)
        entries.append(
            Entry(
                identity: file.identity, bytes: file.bytes, changedMs: file.changedMs, pathStart: UInt32(start),
                pathBytes: UInt16(paths.count - start), source: file.source))
    }

    /// Oldest change first, then by path: an original before its copies wherever that can be told.
    mutating func sort() {
        let paths = paths
        entries.sort { left, right in
            left.changedMs != right.changedMs
                ? left.changedMs < right.changedMs
                : paths[left.place].lexicographicallyPrecedes(paths[right.place])
        }
    }
}
