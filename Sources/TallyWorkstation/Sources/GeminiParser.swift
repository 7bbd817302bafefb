package import TallyModel

/// Reads the chats of Gemini CLI, from a line of a `.jsonl` or from a whole `.json`. The last place that sees their
/// content.
///
/// A line is the head of the file (`sessionId, projectHash, kind`), a message, a `$set` with members of the head or the
/// whole list of messages, or a `$rewindTo`, which takes back no spend. A document is the head with its list. So both are
/// records: an object that may be a message, may hold a list of them, or both. Of a message the parser pulls `id, type,
/// timestamp, model, tokens`; it counts if its type is `gemini` and it has tokens.
///
/// Drive it so, for one record:
///
///     var record = parser.begin(bytes, &state)
///     while let result = parser.next(&record, bytes, &state) { … }
///
/// Of a record that breaks off, the messages before the break count, and the break is told behind them.
package struct GeminiParser<Hash: KeyedHash>: Sendable {
    private enum Key: String, CaseIterable {
        case sessionId, projectHash, kind, messages, id, type, timestamp, model, tokens, toolCalls
        case set = "$set"
    }
    fileprivate enum MessageType: String, CaseIterable { case user, gemini }
    private enum TokenKey: String, CaseIterable { case input, output, cached, thoughts, tool, total }

    private static var idBytesMax: Int { 1_024 }

    private let hash: Hash
    private let files: any ProjectFiles
    private let keys = NameTable<Key>(\.rawValue)
    private let tokenKeys = NameTable<TokenKey>(\.rawValue)
    private let types = NameTable<MessageType>(\.rawValue)
    private let open = UInt8(ascii: "{")
    private let list = UInt8(ascii: "[")
    private var models = TextMemory<ModelName>()
    private var messages = TextMemory<UInt64>()
    private var projects: ProjectResolver<Hash>
    private let filter: FolderFilter

    package init(hash: Hash, files: any ProjectFiles) {
        self.init(hash: hash, files: files, filter: FolderFilter(.none, files: files))
    }

    init(hash: Hash, files: any ProjectFiles, filter: FolderFilter) {
        self.hash = hash
        self.files = files
        self.filter = filter
        projects = ProjectResolver(hash: hash, files: files)
    }

    /// What an object holds, as ranges of its bytes; that of a `$set` is read into its record's.
    fileprivate struct Part {
        var session: JSONText?
        var folderHash: JSONText?
        var kind: JSONText?
        var id: JSONText?
        var timestamp: JSONText?
        var model: JSONText?
        var type: MessageType?
        var hasToolCalls = false
        var tokens: GeminiTokens?
        /// Where the list of messages begins.
        var list: Int?
    }

    /// A record that is being read.
    package struct Record {
        fileprivate var message: Part?
        fileprivate var list: JSONCursor?
        fileprivate var isInList = false
        fileprivate var problem: SkipReason?
        fileprivate var hasTold = false

        /// Nothing but the end of the record is still to be told.
        package var isOver: Bool { message == nil && list == nil && problem == nil && hasTold }
    }

    /// The project of the folder that a chat lies under, where newer versions note it for themselves: its repository,
    /// as for the other agents. Nil where they do not.
    package mutating func project(ofChat path: String) -> ProjectID? {
        guard let root = root(ofChat: path) else { return nil }
        return projects.project(of: JSONText(start: 0, end: root.count, hasEscapes: false), root.span)
    }

    /// The folder that the sessions of a chat's place begin in, as a word to compare; 0 where it is not noted.
    func startFolder(ofChat path: String) -> UInt64 { root(ofChat: path).map { hash.word(.folder, $0.span) } ?? 0 }

    /// Whether the folder that a chat lies under, or what is noted there, stands for an ignored folder.
    func isIgnored(chat path: String) -> Bool {
        guard !filter.isIdle, let folder = folder(ofChat: path) else { return false }
        let name = folder.utf8.reversed().prefix { $0 != UInt8(ascii: "/") }.reversed()
        return filter.ignored.hold(digest: Array(name)) || root(ofChat: path).map { filter.covers($0) } == true
    }

    private func folder(ofChat path: String) -> String? {
        let parts = path.split(separator: "/")
        guard let chats = parts.lastIndex(of: "chats") else { return nil }
        return (path.hasPrefix("/") ? "/" : "") + parts[..<chats].joined(separator: "/")
    }

    /// What newer versions note of the folder that a chat is about.
    private func root(ofChat path: String) -> [UInt8]? {
        guard let folder = folder(ofChat: path), let note = files.head(folder + "/.project_root") else { return nil }
        let root = Array(note.prefix { $0 >= 0x20 })
        return root.first == UInt8(ascii: "/") ? root : nil
    }

    /// Walks over a record, remembers what its head says of the file, and finds where its messages are.
    package func begin(_ bytes: Span<UInt8>, _ state: inout ParserState) -> Record {
        var record = Record()
        var part = Part()
        do throws(JSONError) {
            var cursor = JSONCursor()
            try read(&part, &cursor, bytes, isRecord: true)
            try cursor.finish(bytes)
            if part.type == .gemini, part.tokens != nil { record.message = part }
        } catch {
            record.problem = SkipReason(error)
        }
        settle(part, bytes, &state)
        note(part, bytes, &state)
        record.list = part.list.map { JSONCursor(at: $0) }
        return record
    }

    /// What the record says next; nil behind its end. A record without a message says `nothing` once.
    package mutating func next(
        _ record: inout Record, _ bytes: Span<UInt8>, _ state: inout ParserState
    ) -> LineResult? {
        defer { record.hasTold = true }
        if let message = record.message {
            record.message = nil
            return result(message, bytes, &state)
        }
        if let place = nextElement(&record, bytes) { return element(at: place, bytes, &state) }
        if let problem = record.problem {
            record.problem = nil
            return .skipped(problem)
        }
        return record.hasTold ? nil : .nothing
    }

    // MARK: Walking

    /// The place of the list's next value, which is whole; nil behind its end, or where it breaks off.
    private func nextElement(_ record: inout Record, _ bytes: Span<UInt8>) -> Int? {
        guard var cursor = record.list else { return nil }
        record.list = nil
        do throws(JSONError) {
            let isOver = record.isInList ? try !cursor.next(list, bytes) : try cursor.enter(list, bytes)
            if isOver { return nil }
            _ = try cursor.peek(bytes)
            let place = cursor.position
            try cursor.skip(bytes)
            record.list = cursor
            record.isInList = true
            return place
        } catch {
            record.problem = record.problem ?? SkipReason(error)
            return nil
        }
    }

    private mutating func element(
        at place: Int, _ bytes: Span<UInt8>, _ state: inout ParserState
    ) -> LineResult {
        guard bytes[place] == open else { return .nothing }
        var message = Part()
        do throws(JSONError) {
            var cursor = JSONCursor(at: place)
            try read(&message, &cursor, bytes, isRecord: false)
        } catch {
            return .skipped(SkipReason(error))
        }
        note(message, bytes, &state)
        return message.type == .gemini && message.tokens != nil ? result(message, bytes, &state) : .nothing
    }

    /// A message within a list has no list and no `$set` of its own, so the recursion is one deep.
    private func read(
        _ part: inout Part, _ cursor: inout JSONCursor, _ bytes: Span<UInt8>, isRecord: Bool
    ) throws(JSONError) {
        var isOver = try cursor.enter(open, bytes)
        while !isOver {
            switch keys.find(try cursor.key(bytes), bytes) {
            case .sessionId: part.session = try cursor.optionalText(bytes) ?? part.session
            case .projectHash: part.folderHash = try cursor.optionalText(bytes) ?? part.folderHash
            case .kind: part.kind = try cursor.optionalText(bytes) ?? part.kind
            case .id: part.id = try cursor.optionalText(bytes)
            case .type: part.type = try cursor.optionalText(bytes).flatMap { types.find($0, bytes) }
            case .toolCalls:
                var list = cursor
                let isList = try list.peek(bytes) == self.list
                part.hasToolCalls = isList ? try !list.enter(self.list, bytes) : false
                try cursor.skip(bytes)
            case .timestamp: part.timestamp = try cursor.optionalText(bytes)
            case .model: part.model = try cursor.optionalText(bytes)
            case .tokens: part.tokens = try tokens(&cursor, bytes)
            case .messages:
                if try cursor.peek(bytes) == list { part.list = cursor.position }
                try cursor.skip(bytes)
            case .set:
                if isRecord, try cursor.peek(bytes) == open {
                    try read(&part, &cursor, bytes, isRecord: false)
                } else {
                    try cursor.skip(bytes)
                }
            case nil: try cursor.skip(bytes)
            }
            isOver = try !cursor.next(open, bytes)
        }
    }

    /// Nil if the value is no object: the agent writes null until it knows.
    private func tokens(_ cursor: inout JSONCursor, _ bytes: Span<UInt8>) throws(JSONError) -> GeminiTokens? {
        guard try cursor.isObject(bytes) else { return nil }
        var tokens = GeminiTokens()
        var isOver = try cursor.enter(open, bytes)
        while !isOver {
            switch tokenKeys.find(try cursor.key(bytes), bytes) {
            case .input: tokens.input = try count(&cursor, bytes)
            case .output: tokens.output = try count(&cursor, bytes)
            case .cached: tokens.cached = try count(&cursor, bytes)
            case .thoughts: tokens.thoughts = try count(&cursor, bytes)
            case .tool: tokens.tool = try count(&cursor, bytes)
            case .total: tokens.total = try count(&cursor, bytes)
            case nil: try cursor.skip(bytes)
            }
            isOver = try !cursor.next(open, bytes)
        }
        return tokens
    }

    private func count(_ cursor: inout JSONCursor, _ bytes: Span<UInt8>) throws(JSONError) -> UInt64 {
        try cursor.isNull(bytes) ? 0 : try cursor.unsigned(bytes)
    }

    // MARK: Facts

    /// What a message tells of its session. Calls of tools are added to an answer when they have ended, so while the first
    /// of them runs the answer passes for the turn's end.
    private func note(_ part: Part, _ bytes: Span<UInt8>, _ state: inout ParserState) {
        guard let type = part.type else { return }
        let time = part.timestamp.flatMap { TimeText.milliseconds(bytes, $0) }
        state.note(type == .user ? .prompt : part.hasToolCalls ? .turn : .turnEnd, timeMs: time)
    }

    private func settle(_ part: Part, _ bytes: Span<UInt8>, _ state: inout ParserState) {
        if let id = part.session?.copied(bytes, bytesMax: Self.idBytesMax), !id.isEmpty {
            state.session = hash.sessionID(id.span)
            state.isNamed = true
        }
        if !filter.isIdle, let name = part.folderHash?.copied(bytes, bytesMax: Self.idBytesMax),
            filter.ignored.hold(digest: name)
        {
            state.isIgnored = true
        }
        // The agent's own hash of a folder is no secret to whoever knows the folder: it is hashed again.
        if state.project == nil, let folder = part.folderHash?.copied(bytes, bytesMax: Self.idBytesMax), !folder.isEmpty
        {
            state.project = hash.projectID(folder.span)
        }
        if let kind = part.kind {
            state.isSubagent = kind.equals("subagent", bytes)
            state.isMain = kind.equals("main", bytes)
        }
    }

    private mutating func result(
        _ message: Part, _ bytes: Span<UInt8>, _ state: inout ParserState
    ) -> LineResult {
        if let text = message.timestamp, let time = TimeText.milliseconds(bytes, text) { state.timeMs = time }
        guard let counts = message.tokens?.counts() else { return .skipped(.badNumber) }
        guard !counts.isZero else { return .skipped(.empty) }
        if state.isIgnored == true { return .fact(.ignored(session: state.session)) }
        guard state.timeMs >= Limits.timeMsMin else { return .skipped(.noTime) }
        let model =
            message.model.flatMap { text in
                models.value(of: text, bytes, bytesMax: ModelName.bytesMax) { ModelName($0) }
            } ?? .none
        var fact = RequestFact(
            key: key(message, bytes, state), timeMs: state.timeMs, session: state.session, project: state.project,
            agent: .geminiCLI, model: model.label, counts: counts)
        fact.origin = state.isSubagent ? .subagent : state.isMain ? .main : .unknown
        return .fact(.request(fact))
    }

    /// The message's id, in whatever file it stands: a chat that is resumed is copied from its `.json` to a `.jsonl`.
    /// Without one, session and time.
    private mutating func key(_ message: Part, _ bytes: Span<UInt8>, _ state: ParserState) -> RequestKey {
        let hash = hash
        if let text = message.id,
            let word = messages.value(
                of: text, bytes, bytesMax: Self.idBytesMax, make: { hash.word(.geminiMessage, $0) })
        {
            return RequestKey(message: word, request: 0)
        }
        var both = state.session.value.bytes
        for shift in stride(from: 0, to: 64, by: 8) { both.append(UInt8(truncatingIfNeeded: state.timeMs >> shift)) }
        return RequestKey(message: hash.word(.line, both.span), request: 0)
    }
}
