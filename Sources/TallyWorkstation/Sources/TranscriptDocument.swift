package import TallyIO

/// A transcript that is one JSON value and is written whole at every turn: read whole, or not at all.
///
/// One bound is for all that is held of a transcript at once: a document above `bytesMax` is not read, as a line above it
/// is not. A file that changes while it is read is left for the next search, since its halves belong to two writings; one
/// that was cut off half-written is taken as it stands, and read again when it has changed.
package struct TranscriptDocument: Sendable {
    package static let bytesMax = TranscriptTail.lineBytesMax

    package enum Content: Sendable {
        case whole([UInt8])
        case tooLong
        /// Empty, or another file by the end of the reading than at its beginning.
        case unsettled
    }

    package let identity: FileID
    package let content: Content
    /// It is being written: what it says by now was not read.
    package let isChanging: Bool
    /// What the file was when it was read.
    package let checkpoint: FileCheckpoint

    /// Reads an open file. `path` is for errors alone.
    package init(
        _ file: any TranscriptFile, path: String, bytesMax: Int = TranscriptDocument.bytesMax
    ) throws(SystemError) {
        let facts = try file.facts()
        guard facts.kind == .file else { throw SystemError("open", path, number: SystemError.notAFile) }
        identity = FileID(device: facts.device, inode: facts.inode)
        checkpoint = FileCheckpoint(document: facts)
        guard facts.bytes <= UInt64(bytesMax) else {
            content = .tooLong
            isChanging = false
            return
        }
        var bytes = [UInt8](repeating: 0, count: Int(facts.bytes))
        var filled = 0
        while filled < bytes.count {
            let count = try file.read(into: &bytes, at: filled, room: bytes.count - filled, offset: UInt64(filled))
            if count == 0 { break }
            filled += count
        }
        let after = FileCheckpoint(document: try file.facts())
        isChanging = after != checkpoint
        let isSettled = filled > 0 && filled == bytes.count && !isChanging
        content = isSettled ? .whole(bytes) : .unsettled
    }
}

extension FileCheckpoint {
    /// How a document was when it was read: its size, and in the place of a hash when it was changed.
    package init(document facts: WalkFacts) { self.init(documentBytes: facts.bytes, changedMs: facts.changedMs) }

    package init(documentBytes: UInt64, changedMs: Int64) {
        self.init()
        offset = documentBytes
        tailHash = UInt64(bitPattern: changedMs)
    }
}
