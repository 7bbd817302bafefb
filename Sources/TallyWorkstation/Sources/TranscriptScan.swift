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
    static var headChunkBytes: Int { 16 << 10 }

    package private(set) var problems = ScanProblems()
    /// Documents that this pass could not read because they were being written: what they held is not settled.
    package private(set) var changing: Set<FileID> = []
    /// Bytes of the files that this pass reads, and how many of them it has read.
    package private(set) var bytesToRead: UInt64 = 0
    package private(set) var bytesRead: UInt64 = 0

    /// The folders that the last search visited.
    package private(set) var folders: [String] = []

    private let hash: Hash
    let disk: Folders
    let ignored: IgnoredFolders
    private let finder: TranscriptFinder<Folders>
    private var claude: ClaudeParser<Hash>
    var codex: CodexParser<Hash>
    var gemini: GeminiParser<Hash>
    /// What this pass found, until all of it is read.
    private var found = FoundList()
    /// Numbers of `found`: what is to be read, and of which the first lines are; both are taken from the end.
    private var queue: [UInt32] = []
    private var heads: [UInt32] = []
    private var order = RolloutOrder()
    private var gone: [FileID] = []
    /// Signs are kept for whoever watches sessions; nobody does where this is nil.
    private var signsSinceMs: Int64?
    private var signs: [FileSign] = []
    /// What the last tail read into; empty where there was none, or where a line had made it large.
    private var buffer: [UInt8] = []

    /// What happens in `ignored` folders, and what lies there, is passed over.
    package init(
        hash: Hash, homes: SourceHomes, folders: Folders, ignored: IgnoredFolders = .none
    ) where Folders: ProjectFiles {
        self.hash = hash
        self.ignored = ignored
        disk = folders
        let filter = FolderFilter(ignored, files: folders)
        finder = TranscriptFinder(homes: homes, folders: folders, filter: filter)
        let projects = ProjectResolver(hash: hash, files: folders)
        claude = ClaudeParser(hash: hash, projects: projects, filter: filter)
        codex = CodexParser(hash: hash, projects: projects, filter: filter)
        gemini = GeminiParser(hash: hash, files: folders, filter: filter)
    }

    /// Searches, and queues the files that have something new.
    package mutating func begin(_ counter: Counter) {
        let found = finder.find()
        folders = found.folders
        changing = []
        problems = ScanProblems()
        problems.unreadableFolders = found.unreadableFolders
        problems.duplicateFiles = found.duplicates
        problems.beyondBounds = found.beyondBounds
        problems.paths = found.unreadablePaths
        bytesToRead = 0
        bytesRead = 0
        queue = []
        heads = []
        var lost = Set(counter.files.keys)
        for number in found.files.indices.reversed() {
            let file = found.files[number]
            lost.remove(file.identity)
            let known = counter.files.checkpoint(of: file.identity)
            guard let bytes = unread(file, known) else { continue }
            bytesToRead += bytes
            queue.append(UInt32(number))
            if file.source == .codex, known == nil { heads.append(UInt32(number)) }
        }
        // Only a search that saw everything can say that a file is gone.
        gone = found.unreadableFolders == 0 && found.beyondBounds == 0 ? lost.sorted() : []
        self.found = queue.isEmpty ? FoundList() : found.files
        order = RolloutOrder()
    }

    /// Reads on until the counter is full, a slice is done, or all is read. All that it calls for a line is compiled for
    /// the types of the program: through their tables a line costs three times as much.
    @specialized(where Hash == WorkstationHash, Folders == DiskFolders)
    package mutating func advance(_ counter: inout Counter, nowMs: Int64) -> Progress {
        while let file = gone.last {
            if counter.isFull { return .full }
            gone.removeLast()
            counter.forget(file)
        }
        // All links first: a copied row is known by the family of its session.
        while let number = heads.last {
            if counter.isFull { return .full }
            heads.removeLast()
            readHead(found[Int(number)], &counter)
            if heads.isEmpty { queue = order.sorted(queue.reversed(), of: found).reversed() }
        }
        var budget = Self.sliceBytes
        while let number = queue.last {
            if counter.isFull { return .full }
            let file = found[Int(number)]
            do throws(SystemError) {
                guard try read(file, &counter, &budget, nowMs) else { return counter.isFull ? .full : .more }
            } catch {
                note(file)
            }
            queue.removeLast()
        }
        found = FoundList()
        return .done
    }

    // MARK: Signs

    /// From here on keeps what files tell of sessions since then, for `takeSigns`; at first what they had told before.
    package mutating func watchSigns(sinceMs: Int64, recalling counter: Counter) {
        signsSinceMs = sinceMs
        counter.files.forEach { file, state in noteSign(state, file) }
    }

    /// The signs of files that were read, one each, and from when on to keep them.
    package mutating func takeSigns(sinceMs: Int64) -> [FileSign] {
        guard signsSinceMs != nil else { return [] }
        signsSinceMs = sinceMs
        defer { signs.removeAll(keepingCapacity: true) }
        return signs
    }

    private mutating func noteSign(_ state: FileState, _ file: FileID) {
        guard let since = signsSinceMs, state.parser.sign.timeMs >= since, signs.count < Limits.stateSignsMax,
            let sign = FileSign(state, file: file)
        else { return }
        signs.append(sign)
    }

    // MARK: Helpers

    /// How many bytes of a file are to be read; nil if it is as it was left.
    private func unread(_ file: FoundFile, _ known: FileCheckpoint?) -> UInt64? {
        if file.isDocument {
            // Every turn writes it anew, and it can be as long as before.
            return known == FileCheckpoint(documentBytes: file.bytes, changedMs: file.changedMs) ? nil : file.bytes
        }
        let offset = known?.offset ?? 0
        guard file.bytes != offset else { return nil }
        return file.bytes > offset ? file.bytes - offset : file.bytes
    }

    /// Reads on in a file; false if there is more of it than this call may read.
    private mutating func read(
        _ file: FoundFile, _ counter: inout Counter, _ budget: inout UInt64, _ nowMs: Int64
    ) throws(SystemError) -> Bool {
        if file.isDocument { return try readDocument(file, &counter, &budget, nowMs) }
        var tail = try TranscriptTail(try disk.open(file.path), path: file.path, lent: lendBuffer()) {
            counter.files.checkpoint(of: $0)
        }
        var state = counter.checkOut(tail.identity, source: file.source, session: session(of: file.path))
        if tail.isRewritten {
            state.restart()
            counter.noteRewritten(file.source)
        }
        if file.source == .claude, file.path.contains("/subagents/") { state.parser.isSubagent = true }
        noteProject(file, &state.parser)
        notePlace(file, upTo: tail.checkpoint.offset, &state.parser)
        let from = tail.checkpoint.offset
        var isMore = true
        var isWhole = true
        var failure: SystemError?
        while isMore && !counter.isFull && tail.checkpoint.offset - from < budget {
            do throws(SystemError) {
                isMore = try tail.advance { line in
                    isWhole = take(line, file.source, &state, &counter, nowMs)
                    return isWhole && !counter.isFull
                }
                if !isWhole { tail.putBack() }
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
        noteSign(state, tail.identity)
        counter.checkIn(tail.identity, state)
        buffer = tail.takeBuffer()
        if let failure { throw failure }
        return !isMore
    }

    /// Lets go of the buffer: while two held it, the first to write would copy it.
    private mutating func lendBuffer() -> [UInt8] {
        var lent: [UInt8] = []
        swap(&lent, &buffer)
        return lent
    }

    /// Takes a line; false if the counter was full before its end, so that it must be taken again.
    private mutating func take(
        _ line: Span<UInt8>?, _ source: SourceKind, _ state: inout FileState, _ counter: inout Counter, _ nowMs: Int64
    ) -> Bool {
        guard let line else {
            counter.take(.skipped(.tooLong), &state, nowMs: nowMs)
            return true
        }
        if source == .gemini { return takeRecord(line, &state, &counter, nowMs) }
        let result =
            source == .codex ? codex.parse(line, &state.parser) : claude.parse(line, &state.parser)
        counter.take(result, &state, nowMs: nowMs)
        if source == .claude {
            // Taken again after a drain, what was counted of them is known by its keys.
            for step in claude.steps {
                if counter.isFull { return false }
                counter.takeStep(step, from: source)
            }
        }
        return true
    }

    /// Takes a record of Gemini's, which can hold many messages. Taken again after a drain, what was counted of it is
    /// known by its keys, so each time it gets further.
    private mutating func takeRecord(
        _ bytes: Span<UInt8>, _ state: inout FileState, _ counter: inout Counter, _ nowMs: Int64
    ) -> Bool {
        var record = gemini.begin(bytes, &state.parser)
        while let result = gemini.next(&record, bytes, &state.parser) {
            counter.take(result, &state, nowMs: nowMs)
            if counter.isFull { return record.isOver }
        }
        return true
    }

    /// Reads a document whole; false if the counter was full before its end.
    private mutating func readDocument(
        _ file: FoundFile, _ counter: inout Counter, _ budget: inout UInt64, _ nowMs: Int64
    ) throws(SystemError) -> Bool {
        let document = try TranscriptDocument(try disk.open(file.path), path: file.path)
        var state = counter.checkOut(document.identity, source: file.source, session: session(of: file.path))
        noteProject(file, &state.parser)
        notePlace(file, upTo: 0, &state.parser)
        var isWhole = true
        switch document.content {
        case .whole(let bytes):
            isWhole = takeRecord(bytes.span, &state, &counter, nowMs)
            budget -= min(UInt64(bytes.count), budget)
            if isWhole { bytesRead += UInt64(bytes.count) }
        case .tooLong: counter.take(.skipped(.tooLong), &state, nowMs: nowMs)
        case .unsettled:
            if document.isChanging { changing.insert(document.identity) }
            return true
        }
        if isWhole { state.checkpoint = document.checkpoint }
        noteSign(state, document.identity)
        counter.checkIn(document.identity, state)
        return isWhole
    }

    /// A chat does not say which folder it is about; what lies beside it may.
    private mutating func noteProject(_ file: FoundFile, _ state: inout ParserState) {
        guard file.source == .gemini else { return }
        if state.project == nil { state.project = gemini.project(ofChat: file.path) }
        if state.folder == 0 { state.folder = gemini.startFolder(ofChat: file.path) }
    }

    /// Reads the first lines of a rollout for its session and its ancestor alone.
    private mutating func readHead(_ file: FoundFile, _ counter: inout Counter) {
        var state = ParserState(session: session(of: file.path))
        Self.walk(file, on: disk, upTo: Self.headBytesMax, linesMax: Self.headLinesMax) { line in
            if case .fact(.lineage(let session, let ancestor)) = codex.parse(line, &state) {
                counter.link(session, to: ancestor)
            }
        }
        order.note(file.identity, session: state.session, ancestor: state.ancestor)
    }

    /// Shows the whole lines at the front of a file, about `bytes` of them. One that cannot be read gives none: the reading
    /// of the file itself meets the same and counts it.
    static func walk(
        _ file: FoundFile, on disk: Folders, upTo bytes: UInt64, linesMax: Int, line take: (Span<UInt8>) -> Void
    ) {
        do throws(SystemError) {
            var tail = try TranscriptTail(
                try disk.open(file.path), path: file.path, chunkBytes: headChunkBytes
            ) { _ in nil }
            var lines = 0
            var isMore = true
            while isMore && lines < linesMax && tail.checkpoint.offset < bytes {
                isMore = try tail.advance { line in
                    lines += 1
                    if let line { take(line) }
                    return lines < linesMax
                }
            }
        } catch {}
    }

    /// The session that the name of a file stands for: the UUID at its end, or a hash of its stem.
    func session(of path: String) -> SessionID {
        let name = path.utf8.reversed().prefix { $0 != UInt8(ascii: "/") }.reversed()
        let stem = Array(name.dropLast((path.hasSuffix(".json") ? ".json" : ".jsonl").utf8.count))
        return hash.uuidSession(Array(stem.suffix(36)).span) ?? hash.sessionID(stem.span)
    }

    private mutating func note(_ file: FoundFile) {
        problems.unreadableFiles += 1
        if problems.paths.count < 8 { problems.paths.append(file.path) }
    }
}
