package import TallyModel

/// Turns facts into events, each request exactly once: the pure machine behind every source.
///
/// It opens no file and reads no clock. What it has decided is in its events and its delta, and the two are
/// written in one record: replaying all deltas gives the same machine (`apply`). A caller that could not write
/// what it drained must build the counter anew from the log.
///
/// Requests (Claude): lines of one message id are merged field by field to the maximum and held until final; a
/// copy in another session, a sidechain or a later scan finds its row in the table; growth becomes a correction.
/// Messages that are written anew (Gemini): the same, but while one is held its last word counts, and a message that is
/// counted already does not end the hold, since each writing tells the whole conversation from its start.
/// Rows (Codex): a row is a copy while all rows of its file before it were, and a related session has the same
/// pair of last and total usage. Whichever file is read first counts the shared part, provided that links are
/// told before rows and that a file's new rows precede those of its new forks (`RolloutOrder`). A missing
/// parent's part is counted once, in the first of its descendants: nothing else tells of that spend.
/// Calls (telemetry): see `Counter+Calls.swift`.
///
/// Invariants: `events.count <= eventsMax`; a row is in the table if and only if its first event was made; a
/// file has at most one held request; everything in `changed…` differs from what the last delta said.
package struct Counter: Sendable {
    /// One line gives at most two events: the held one's and its own.
    static let eventsPerLineMax = 2
    static let filesPerDeltaMax = 512
    static let linksPerDeltaMax = 1_024

    package let eventsMax: Int
    package internal(set) var files = FileTable()
    package internal(set) var tallies = [SourceTally](repeating: SourceTally(), count: SourceKind.slots)
    var table = RequestTable()
    var lineage = Lineage()
    var events: [Event] = []
    var changedRows: Set<Int> = []
    var changedFiles: Set<FileID> = []
    var newLinks: [Link] = []
    var heldFiles: Set<FileID> = []
    var areTalliesChanged = false
    /// What transcripts told of these sessions' projects, for calls that name none. Not kept over a restart.
    var projects: [SessionID: ProjectID] = [:]
    /// Sessions that transcripts showed at work in an ignored folder, for calls that name none. Not kept either.
    var ignoredSessions: Set<SessionID> = []

    struct Link: Hashable, Sendable {
        let session: UInt64
        let ancestor: UInt64
    }

    /// `eventsMax` bounds what one drain gives; at most `Limits.batchEventsMax`.
    package init(eventsMax: Int = Limits.batchEventsMax) {
        precondition((Self.eventsPerLineMax...Limits.batchEventsMax).contains(eventsMax), "a batch holds that many")
        self.eventsMax = eventsMax
    }

    /// The caller must drain before it gives more.
    package var isFull: Bool {
        events.count > eventsMax - Self.eventsPerLineMax || changedFiles.count >= Self.filesPerDeltaMax
            || newLinks.count >= Self.linksPerDeltaMax || changedRows.count >= Limits.batchEventsMax
    }

    /// There is something to write.
    package var hasChanges: Bool {
        !events.isEmpty || !changedFiles.isEmpty || !newLinks.isEmpty || areTalliesChanged
    }

    package var heldCount: Int { heldFiles.count }
    package var heldKeys: Set<RequestKey> { Set(heldFiles.compactMap { files[$0]?.held?.key }) }

    package func tally(of source: SourceKind) -> SourceTally { tallies[Int(source.rawValue)] }

    // MARK: Files

    /// The state of a file to read on with, new if it was never seen.
    package func checkOut(_ file: FileID, source: SourceKind, session: SessionID) -> FileState {
        if let state = files[file], state.source == source { return state }
        return FileState(source: source, session: session)
    }

    /// Gives a file's state back; it is part of the next delta. Must precede the drain of the file's events.
    package mutating func checkIn(_ file: FileID, _ state: FileState) {
        files[file] = state
        changedFiles.insert(file)
        if state.held == nil { heldFiles.remove(file) } else { heldFiles.insert(file) }
    }

    /// Notes that a file was rewritten and is read again.
    package mutating func noteRewritten(_ source: SourceKind) {
        areTalliesChanged = true
        tallies[Int(source.rawValue)].filesRewritten &+= 1
    }

    /// Sends the held request of a file that is gone and forgets the file; the next delta says so.
    package mutating func forget(_ file: FileID) {
        precondition(!isFull, "drain first")
        guard let state = files[file] else { return }
        files[file] = nil
        if let held = state.held { send(held, from: state.source) }
        heldFiles.remove(file)
        changedFiles.insert(file)
    }

    // MARK: Facts

    /// Takes what became of one line of a file. Precondition: not full.
    package mutating func take(_ result: LineResult, _ file: inout FileState, nowMs: Int64) {
        precondition(!isFull, "drain first")
        note(result, of: file.source)
        guard case .fact(let fact) = result else { return }
        switch fact {
        case .request(let request): takeRequest(request, &file, nowMs: nowMs)
        case .row(let row): takeRow(row, &file)
        case .lineage(let session, let ancestor): link(session, to: ancestor)
        case .ignored(let session): passOver(session, file.source)
        case .ignoredRow(let row): passOverRow(row, file.source)
        case .sent: preconditionFailure("a file holds no sent events")
        }
    }

    /// Takes a line of standard input.
    package mutating func take(_ result: LineResult) {
        precondition(!isFull, "drain first")
        note(result, of: .ndjson)
        guard case .fact(.sent(let event, let id)) = result else { return }
        if let id {
            if table.find(id, { _ in true }) != nil { return skip(.duplicate, .ndjson) }
            append(RequestTable.Row(message: id, request: 0, isSidechain: false, sent: RequestCounts()))
        }
        emit(event, from: .ndjson)
    }

    /// Takes a state of a session. Precondition: not full.
    mutating func take(_ change: SessionStates.Change) {
        precondition(!isFull, "drain first")
        guard let source = SourceKind.allCases.first(where: { $0.agent == change.agent }) else { return }
        areTalliesChanged = true
        emit(change.event, from: source)
    }

    /// Two sessions belong to one family. Told for every file before the rows of any (see the type's comment).
    package mutating func link(_ session: UInt64, to ancestor: UInt64) {
        if lineage.join(session, ancestor) { newLinks.append(Link(session: session, ancestor: ancestor)) }
    }

    /// Sends held requests that have been quiet since `nowMs - quietMs`; stops when full. All of them with nil. But
    /// none of `changing`: files that could not be read because they were being written, with what may be another
    /// last word.
    package mutating func settle(nowMs: Int64, quietMs: Int64?, changing: Set<FileID> = []) {
        for file in heldFiles.sorted() {
            guard !isFull else { return }
            guard var state = files[file], let held = state.held, !changing.contains(file) else { continue }
            if quietMs != nil, state.heldAtMs == 0 {
                // Held before a restart: nothing tells for how long, so the quiet begins now.
                files[file]?.heldAtMs = nowMs
                continue
            }
            // Held in what is the future now: the clock went back, and nothing tells how long it has been quiet.
            if let quietMs, state.heldAtMs > nowMs - quietMs, state.heldAtMs <= nowMs { continue }
            state.held = nil
            send(held, from: state.source)
            checkIn(file, state)
        }
    }

    // MARK: Helpers

    mutating func note(_ result: LineResult, of source: SourceKind) {
        areTalliesChanged = true
        tallies[Int(source.rawValue)].lines &+= 1
        if case .skipped(let reason) = result { skip(reason, source) }
    }

    mutating func skip(_ reason: SkipReason, _ source: SourceKind) {
        tallies[Int(source.rawValue)].skip(reason)
    }

    mutating func append(_ row: RequestTable.Row) {
        changedRows.insert(table.append(row))
    }

    mutating func emit(_ event: Event, from source: SourceKind) {
        events.append(event)
        switch event.kind {
        case .usage: tallies[Int(source.rawValue)].usageEvents &+= 1
        case .correction: tallies[Int(source.rawValue)].corrections &+= 1
        case .sessionStart, .state, .sessionEnd: tallies[Int(source.rawValue)].otherEvents &+= 1
        }
    }
}
