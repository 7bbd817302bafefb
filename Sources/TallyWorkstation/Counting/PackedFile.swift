import TallyModel

/// What is remembered of one file, in 96 bytes; `FileTable` keeps the rest beside it.
struct PackedFile: Sendable {
    private static let skippingBit: UInt8 = 1
    private static let replayingBit: UInt8 = 2
    private static let namedBit: UInt8 = 4
    private static let subagentBit: UInt8 = 8
    private static let mainBit: UInt8 = 16
    private static let totalsBit: UInt8 = 32
    private static let holdingBit: UInt8 = 64
    /// Of `marks`: the kind of the sign, and whether the folder is ignored, where that is known.
    private static let signBits: UInt8 = 7
    private static let placedBit: UInt8 = 8
    private static let ignoredBit: UInt8 = 16

    let id: FileID
    private let offset: UInt64
    private let headHash: UInt64
    private let tailHash: UInt64
    private let timeMs: Int64
    private let signTimeMs: Int64
    private let folder: UInt64
    private let session: SessionID
    /// Numbers of the table's names; 0 is none.
    var project: UInt32
    var model: UInt32
    private let headBytes: UInt16
    private let tailBytes: UInt16
    let source: SourceKind
    private let tier: Tier
    private let flags: UInt8
    private let marks: UInt8

    init(_ id: FileID, _ state: FileState, project: UInt32, model: UInt32) {
        self.id = id
        self.project = project
        self.model = model
        let (checkpoint, parser) = (state.checkpoint, state.parser)
        offset = checkpoint.offset
        headBytes = checkpoint.headBytes
        headHash = checkpoint.headHash
        tailBytes = checkpoint.tailBytes
        tailHash = checkpoint.tailHash
        timeMs = parser.timeMs
        signTimeMs = parser.sign.timeMs
        folder = parser.folder
        session = parser.session
        tier = parser.tier
        source = state.source
        let bits = [
            (checkpoint.isSkipping, Self.skippingBit), (state.isReplaying, Self.replayingBit),
            (parser.isNamed, Self.namedBit), (parser.isSubagent, Self.subagentBit), (parser.isMain, Self.mainBit),
            (parser.totals != nil, Self.totalsBit), (state.held != nil, Self.holdingBit),
        ]
        flags = bits.reduce(0) { $1.0 ? $0 | $1.1 : $0 }
        let place = parser.isIgnored.map { $0 ? Self.placedBit | Self.ignoredBit : Self.placedBit } ?? 0
        marks = parser.sign.kind.rawValue & Self.signBits | place
    }

    var hasTotals: Bool { flags & Self.totalsBit != 0 }
    var isHolding: Bool { flags & Self.holdingBit != 0 }
    var hash: UInt64 { Self.hash(id) }

    /// Numbers of files come one after the other; who looks for them spreads them.
    static func hash(_ id: FileID) -> UInt64 { id.inode ^ id.device &* 0xC2B2_AE3D_27D4_EB4F }

    var checkpoint: FileCheckpoint {
        var checkpoint = FileCheckpoint()
        checkpoint.offset = offset
        checkpoint.isSkipping = flags & Self.skippingBit != 0
        checkpoint.headBytes = headBytes
        checkpoint.headHash = headHash
        checkpoint.tailBytes = tailBytes
        checkpoint.tailHash = tailHash
        return checkpoint
    }

    /// Without its counter and without what it holds.
    func state(project: ProjectID?, model: Label?) -> FileState {
        var state = FileState(source: source, session: session)
        state.checkpoint = checkpoint
        state.isReplaying = flags & Self.replayingBit != 0
        state.parser.timeMs = timeMs
        state.parser.isNamed = flags & Self.namedBit != 0
        state.parser.isSubagent = flags & Self.subagentBit != 0
        state.parser.isMain = flags & Self.mainBit != 0
        state.parser.project = project
        state.parser.model = model
        state.parser.tier = tier
        state.parser.isIgnored = marks & Self.placedBit == 0 ? nil : marks & Self.ignoredBit != 0
        state.parser.sign = SessionSign(
            SessionSign.Kind(rawValue: marks & Self.signBits) ?? .none, timeMs: signTimeMs)
        state.parser.folder = folder
        return state
    }
}
