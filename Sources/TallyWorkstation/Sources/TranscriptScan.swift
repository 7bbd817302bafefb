import TallyIO
import TallyModel

/// What a search and its reading met with that was no line: the disk's problems, counted.
package struct ScanProblems: Hashable, Sendable {
    package var unreadableFolders = 0
    package var unreadableFiles = 0
    package var duplicateFiles = 0
    package var beyondBounds = 0
    /// The first few paths that could not be read, for the person at this machine.
    package var paths: [String] = []
}

/// One pass over all transcripts: find, tail, parse, count. The conductor, without a decision of its own.
///
/// Drive it so, until it says `done`:
///
///     scan.begin(counter)                        // searches the folders
///     repeat {
///         progress = scan.advance(&counter, nowMs: now)
///         if counter.isFull { write(counter.drain()) }
///     } while progress != .done
///     write(counter.drain())
///
/// Every return leaves all file states in the counter, so a drain after it is whole. Calling `begin` again
/// reads what has been added since; files that did not grow are not opened.
package struct TranscriptScan<Hash: KeyedHash, Folders: FolderSource>: Sendable {
    package enum Progress: Sendable {
        /// The counter must be drained before the next call.
        case full
        /// A slice of work is done and there is more.
        case more
        case done
    }

    /// What one call reads at most before it returns, so that its caller can do other things.
    private static var sliceBytes: UInt64 { 16 << 20 }
    /// A rollout's first lines name its session and its ancestor; they can hold long instructions.
    private static var headLinesMax: Int { 4 }
    private static var headBytesMax: UInt64 { 4 << 20 }

    package private(set) var problems = ScanProblems()
    /// Bytes of the files that this pass reads, and how many of them it has read.
    package private(set) var bytesToRead: UInt64 = 0
    package private(set) var bytesRead: UInt64 = 0

    /// The folders that the last search visited.
    package private(set) var folders: [String] = []

    private let hash: Hash
    private let disk: Folders
    private let finder: TranscriptFinder<Folders>
    private var claude: ClaudeParser<Hash>
    private var codex: CodexParser<Hash>
    private var queue: [FoundFile] = []
    private var heads: [FoundFile] = []
    private var order = RolloutOrder()
    private var gone: [FileID] = []

    package init(hash: Hash, homes: SourceHomes, folders: Folders) where Folders: ProjectFiles {
        self.hash = hash
        disk = folders
        finder = TranscriptFinder(homes: homes, folders: folders)
        claude = ClaudeParser(hash: hash, projects: ProjectResolver(hash: hash, files: folders))
        codex = CodexParser(hash: hash, projects: ProjectResolver(hash: hash, files: folders))
    }

    /// Searches, and queues the files that have something new.
    package mutating func begin(_ counter: Counter) {
        let found = finder.find()
        folders = found.folders
        problems = ScanProblems()
        problems.unreadableFolders = found.unreadableFolders
        problems.duplicateFiles = found.duplicates
        problems.beyondBounds = found.beyondBounds
        problems.paths = found.unreadablePaths
        bytesToRead = 0
        bytesRead = 0
        var fresh: [FoundFile] = []
        var lost = Set(counter.files.keys)
        for file in found.files {
            lost.remove(file.identity)
            let offset = counter.files[file.identity]?.checkpoint.offset ?? 0
            guard file.bytes != offset else { continue }
            bytesToRead += file.bytes > offset ? file.bytes - offset : file.bytes
            fresh.append(file)
        }
        // Only a search that saw everything can say that a file is gone.
        gone = found.unreadableFolders == 0 && found.beyondBounds == 0 ? lost.sorted() : []
        // Taken from the end.
        queue = fresh.reversed()
        order = RolloutOrder()
        heads = queue.filter { $0.source == .codex && counter.files[$0.identity] == nil }
    }

    /// Reads on until the counter is full, a slice is done, or all is read.
    package mutating func advance(_ counter: inout Counter, nowMs: Int64) -> Progress {
        while let file = gone.last {
            if counter.isFull { return .full }
            gone.removeLast()
            counter.forget(file)
        }
        // All links first: a copied row is known by the family of its session.
        while let file = heads.last {
            if counter.isFull { return .full }
            heads.removeLast()
            readHead(file, &counter)
            if heads.isEmpty { queue = order.sorted(queue.reversed()).reversed() }
        }
        var budget = Self.sliceBytes
        while let file = queue.last {
            if counter.isFull { return .full }
            do throws(SystemError) {
                guard try read(file, &counter, &budget, nowMs) else { return counter.isFull ? .full : .more }
            } catch {
                note(file)
            }
            queue.removeLast()
        }
        return .done
    }

    // MARK: Helpers

    /// Reads on in a file; false if there is more of it than this call may read.
    private mutating func read(
        _ file: FoundFile, _ counter: inout Counter, _ budget: inout UInt64, _ nowMs: Int64
    ) throws(SystemError) -> Bool {
        var tail = try TranscriptTail(try disk.open(file.path), path: file.path) { counter.files[$0]?.checkpoint }
        var state = counter.checkOut(tail.identity, source: file.source, session: session(of: file.path))
        if tail.isRewritten {
            state.restart()
            counter.noteRewritten(file.source)
        }
        if file.source == .claude, file.path.contains("/subagents/") { state.parser.isSubagent = true }
        let from = tail.checkpoint.offset
        var isMore = true
        var failure: SystemError?
        while isMore && !counter.isFull && tail.checkpoint.offset - from < budget {
            do throws(SystemError) {
                isMore = try tail.advance { line in
                    take(line, file.source, &state, &counter, nowMs)
                    return !counter.isFull
                }
            } catch {
                failure = error
                isMore = false
            }
        }
        let read = tail.checkpoint.offset - from
        bytesRead += read
        budget -= min(read, budget)
        // What was taken is remembered even if the disk fails now.
        state.checkpoint = tail.sealedCheckpoint()
        counter.checkIn(tail.identity, state)
        if let failure { throw failure }
        return !isMore
    }

    private mutating func take(
        _ line: Span<UInt8>?, _ source: SourceKind, _ state: inout FileState, _ counter: inout Counter, _ nowMs: Int64
    ) {
        guard let line else { return counter.take(.skipped(.tooLong), &state, nowMs: nowMs) }
        let result =
            source == .codex ? codex.parse(line, &state.parser) : claude.parse(line, &state.parser)
        counter.take(result, &state, nowMs: nowMs)
    }

    /// Reads the first lines of a rollout for its session and its ancestor alone.
    private mutating func readHead(_ file: FoundFile, _ counter: inout Counter) {
        var state = ParserState(session: session(of: file.path))
        do throws(SystemError) {
            var tail = try TranscriptTail(try disk.open(file.path), path: file.path) { _ in nil }
            var lines = 0
            var isMore = true
            while isMore && lines < Self.headLinesMax && tail.checkpoint.offset < Self.headBytesMax {
                isMore = try tail.advance { line in
                    lines += 1
                    if let line, case .fact(.lineage(let session, let ancestor)) = codex.parse(line, &state) {
                        counter.link(session, to: ancestor)
                    }
                    return lines < Self.headLinesMax
                }
            }
        } catch {
            // The reading of the whole file meets the same and counts it.
        }
        order.note(file.identity, session: state.session, ancestor: state.ancestor)
    }

    /// The session that the name of a file stands for: the UUID at its end, or a hash of its stem.
    private func session(of path: String) -> SessionID {
        let name = path.utf8.reversed().prefix { $0 != UInt8(ascii: "/") }.reversed()
        let stem = Array(name.dropLast(".jsonl".utf8.count))
        return hash.uuidSession(Array(stem.suffix(36)).span) ?? hash.sessionID(stem.span)
    }

    private mutating func note(_ file: FoundFile) {
        problems.unreadableFiles += 1
        if problems.paths.count < 8 { problems.paths.append(file.path) }
    }
}
