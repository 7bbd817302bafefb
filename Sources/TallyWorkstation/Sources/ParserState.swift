package import TallyModel

/// What a parser must remember of a file from one line to the next; lies in the file's checkpoint, so that
/// reading resumes in the middle of a file as if it had never stopped.
package struct ParserState: Hashable, Sendable {
    /// The latest time seen, for lines that give none.
    package var timeMs: Int64 = 0
    /// The session that the file itself belongs to.
    package var session: SessionID
    /// The file has named its session; later names are copied history.
    package var isNamed = false
    package var isSubagent = false
    /// The file says that it is the main session's.
    package var isMain = false
    /// The session that the file's own was forked from; needed while files are put in order, and not kept.
    package var ancestor: SessionID?
    package var project: ProjectID?
    /// The agent works in an ignored folder; nil where that is not known, or nothing is ignored. Not kept over a
    /// restart: what is ignored may be another by then (`TranscriptScan+Ignoring.swift` finds it out again).
    package var isIgnored: Bool?
    package var model: Label?
    package var tier: Tier = .unknown
    /// The last cumulative counter: input, cached input, output, reasoning.
    package var totals: CodexTotals?
    /// What the file last told of its session. Over a restart its kind alone is kept.
    package var sign = SessionSign.none
    /// A hash of the folder that the session began in, 0 if not told; not kept.
    package var folder: UInt64 = 0

    /// `session` is what the file's own name stands for.
    package init(session: SessionID) { self.session = session }
}

/// Codex's four classes of tokens; `input` includes `cached`, `output` includes `reasoning`.
package struct CodexTotals: Hashable, Sendable {
    package var input: UInt64 = 0
    package var cached: UInt64 = 0
    package var output: UInt64 = 0
    package var reasoning: UInt64 = 0

    package init() {}

    package var isZero: Bool { input == 0 && cached == 0 && output == 0 && reasoning == 0 }

    /// What was added since `earlier`, or nil if a class fell.
    func since(_ earlier: CodexTotals) -> CodexTotals? {
        guard input >= earlier.input, cached >= earlier.cached, output >= earlier.output,
            reasoning >= earlier.reasoning
        else { return nil }
        var added = CodexTotals()
        added.input = input - earlier.input
        added.cached = cached - earlier.cached
        added.output = output - earlier.output
        added.reasoning = reasoning - earlier.reasoning
        return added
    }

    func adding(_ last: CodexTotals) -> CodexTotals {
        var sum = CodexTotals()
        sum.input = input &+ last.input
        sum.cached = cached &+ last.cached
        sum.output = output &+ last.output
        sum.reasoning = reasoning &+ last.reasoning
        return sum
    }

    func counts() -> RequestCounts? {
        let most = UInt64(Limits.tokensMax)
        guard input <= most, output <= most else { return nil }
        var counts = RequestCounts()
        // A cached part above the whole is a source's slip: no more can be cached than was put in.
        counts.cacheRead = UInt32(min(cached, input))
        counts.input = UInt32(input) - counts.cacheRead
        counts.output = UInt32(output)
        counts.reasoning = UInt32(min(reasoning, output))
        return counts
    }
}
