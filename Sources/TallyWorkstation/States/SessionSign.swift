package import TallyModel

/// What the latest telling line of a transcript says of its session: a few bytes, written over by each such line.
///
/// Made of metadata alone: a line's type, why an answer stopped, which error stood in for one.
package struct SessionSign: Hashable, Sendable {
    /// The raw values of the first five are stored with the file (`DeltaParts.swift`).
    package enum Kind: UInt8, CaseIterable, Sendable {
        /// Nothing has been told.
        case none = 0
        /// A person's words, after which a turn begins, unless they were a command to the agent itself.
        case prompt
        /// A turn is under way: a tool's call or its result, an answer that goes on.
        case turn
        /// The turn is over, whether it was finished, broken off or failed.
        case turnEnd
        /// The provider refused, because a limit is reached, and the agent gave up.
        case limited
        /// The agent waits for a permission. No transcript says so; Claude Code's registry does.
        case asks

        static let storedMax: UInt8 = 4
    }

    package var kind: Kind
    /// Of the line, milliseconds since 1970.
    package var timeMs: Int64
    /// The session that the line names; nil where the file's own is meant.
    package var session: SessionID?

    package init(_ kind: Kind, timeMs: Int64, session: SessionID? = nil) {
        self.kind = kind
        self.timeMs = timeMs
        self.session = session
    }

    package static let none = SessionSign(.none, timeMs: 0)
}

extension ParserState {
    /// Takes a sign of the line that was read last. A subagent's work is part of its session's own turn and tells
    /// nothing; neither does what happens in an ignored folder. `timeMs`: of the line, where that is not the file's latest.
    mutating func note(_ kind: SessionSign.Kind, session: SessionID? = nil, timeMs: Int64? = nil) {
        guard !isSubagent, isIgnored != true else { return }
        // Behind an error about a limit it says only that the turn which met the limit is over.
        if kind == .turnEnd, sign.kind == .limited { return }
        sign = SessionSign(kind, timeMs: timeMs ?? self.timeMs, session: session == self.session ? nil : session)
    }
}

/// A sign with what is known of its session: what the machine of states takes (`SessionStates`).
package struct FileSign: Hashable, Sendable {
    package let session: SessionID
    package let agent: Agent
    package let kind: SessionSign.Kind
    package let timeMs: Int64
    /// The transcript, which some agents hold open while they live.
    package let file: FileID?
    /// A hash of the folder that the session began in; 0 if no line told it.
    package let folder: UInt64

    package init(
        session: SessionID, agent: Agent, kind: SessionSign.Kind, timeMs: Int64, file: FileID? = nil,
        folder: UInt64 = 0
    ) {
        self.session = session
        self.agent = agent
        self.kind = kind
        self.timeMs = timeMs
        self.file = file
        self.folder = folder
    }

    /// Nil if the file has told nothing, or is of no agent.
    package init?(_ state: FileState, file: FileID) {
        let sign = state.parser.sign
        guard sign.kind != .none, let agent = state.source.agent else { return nil }
        self.init(
            session: sign.session ?? state.parser.session, agent: agent, kind: sign.kind, timeMs: sign.timeMs,
            file: file, folder: state.parser.folder)
    }
}
