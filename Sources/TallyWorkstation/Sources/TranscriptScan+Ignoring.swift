/// Where the agent of a transcript works, for the files that are read on in the middle.
///
/// Lines of Claude Code name their folder, each its own. A rollout names it at its start and with each turn, a chat at its
/// start or by the folder that it lies in. Where something is ignored, the place of a file that is read on is looked up
/// once after each start of the program, and then followed.
extension TranscriptScan {
    /// What is already read of a file is `bytes` long.
    mutating func notePlace(_ file: FoundFile, upTo bytes: UInt64, _ state: inout ParserState) {
        guard !ignored.isEmpty else { return }
        switch file.source {
        case .codex where bytes > 0 && state.isIgnored == nil:
            state.isIgnored = place(of: file, upTo: bytes, linesMax: .max) ?? false
        case .gemini:
            let isBelow = gemini.isIgnored(chat: file.path)
            if !isBelow, bytes > 0, state.isIgnored == nil {
                state.isIgnored = place(of: file, upTo: bytes, linesMax: 1)
            }
            if isBelow { state.isIgnored = true }
        default: break
        }
    }

    /// What the lines before `bytes` say of it. The whole of a rollout has to be walked over, since the latest turn may
    /// have begun anywhere; bounded by what was read of it before.
    private mutating func place(of file: FoundFile, upTo bytes: UInt64, linesMax: Int) -> Bool? {
        var state = ParserState(session: session(of: file.path))
        Self.walk(file, on: disk, upTo: bytes, linesMax: linesMax) { line in
            if file.source == .codex {
                _ = codex.parse(line, &state)
            } else {
                _ = gemini.begin(line, &state)
            }
        }
        return state.isIgnored
    }
}
