package import TallyModel

/// A file as the kernel knows it, whatever its path: a link to it or a copy of its name is the same file.
package struct FileID: Hashable, Comparable, Sendable {
    package let device: UInt64
    package let inode: UInt64

    package init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }

    package static func < (left: FileID, right: FileID) -> Bool {
        left.device != right.device ? left.device < right.device : left.inode < right.inode
    }
}

/// How far a file has been read, and enough of what stood before to notice that it was rewritten. (Of a document, which
/// is written whole each time: `FileCheckpoint(document:)`.)
package struct FileCheckpoint: Hashable, Sendable {
    /// The next byte to read: behind a line end, or within a line that is being passed over.
    package var offset: UInt64 = 0
    /// The line at `offset` is too long and is passed over up to its end.
    package var isSkipping = false
    /// A hash over the first `headBytes` bytes.
    package var headBytes: UInt16 = 0
    package var headHash: UInt64 = 0
    /// A hash over the `tailBytes` bytes before `offset`.
    package var tailBytes: UInt16 = 0
    package var tailHash: UInt64 = 0

    package init() {}
}

/// Where facts come from. Each has a parser of its own and tallies of its own.
package enum SourceKind: UInt8, CaseIterable, Hashable, Sendable {
    case claude = 0, codex, ndjson, gemini
    /// Telemetry by OTLP; read from no file.
    case otlp

    /// Places in a list by raw value.
    static let slots = allCases.count

    /// The agent whose transcripts these are; nil for what is read from no transcript.
    var agent: Agent? {
        switch self {
        case .claude: .claudeCode
        case .codex: .codex
        case .gemini: .geminiCLI
        case .ndjson, .otlp: nil
        }
    }

    package var name: String {
        switch self {
        case .claude: "claude_code"
        case .codex: "codex"
        case .ndjson: "ndjson"
        case .gemini: "gemini_cli"
        case .otlp: "otlp"
        }
    }

    /// The agent writes a message anew under the same id, and its last word is the true one, even where a number fell.
    var lastWordCounts: Bool { self == .gemini }
}

/// All that is remembered of a file between two lines: it is written with the events that its lines gave.
///
/// A held request lies in here, so the offset may stand behind the lines that it was made of: after a crash the
/// hold is restored, not read again.
package struct FileState: Hashable, Sendable {
    package let source: SourceKind
    package var checkpoint = FileCheckpoint()
    package var parser: ParserState
    /// Every row so far was a copy of a related session's row: the file may still be replaying history.
    package var isReplaying = true
    /// The request whose lines are still coming.
    package internal(set) var held: RequestFact?
    /// When the held request last grew; not kept over a restart, after which its quiet begins anew.
    var heldAtMs: Int64 = 0

    package init(source: SourceKind, session: SessionID) {
        self.source = source
        parser = ParserState(session: session)
    }

    /// The file was rewritten: it is read from the start again, and what was counted of it is known by its keys.
    package mutating func restart() {
        checkpoint = FileCheckpoint()
        parser = ParserState(session: parser.session)
        isReplaying = true
    }
}
