import TallyModel

/// What log events tell of a session beside its calls. They never tell that a turn is over, so they count only for
/// sessions whose transcripts are read (`SessionStates.takeTelemetry`).
///
/// | event | sign |
/// |---|---|
/// | `claude_code.user_prompt`, `codex.user_prompt`, `gemini_cli.user_prompt` | a prompt |
/// | `claude_code.tool_result`, `codex.tool_result`, `gemini_cli.tool_call` | a turn |
/// | `claude_code.api_error` with status 429, which is written when the agent has given up | limited |
///
/// The other agents tell of each try: one that is refused is followed by one that is not, of which they tell nothing
/// else.
extension OTLPCallReader {
    func sign(_ record: OTLPRecord, _ bytes: Span<UInt8>) -> FileSign? {
        guard let (agent, kind) = meaning(record, bytes), let timeMs = timeMs(record, bytes),
            let id = text(record[agent == .codex ? .conversation : .session], bytes), !id.isEmpty
        else { return nil }
        return FileSign(session: hash.sessionID(id.span), agent: agent, kind: kind, timeMs: timeMs)
    }

    private func meaning(_ record: OTLPRecord, _ bytes: Span<UInt8>) -> (Agent, SessionSign.Kind)? {
        switch record.event {
        case .claudePrompt: (.claudeCode, .prompt)
        case .codexPrompt: (.codex, .prompt)
        case .geminiPrompt: (.geminiCLI, .prompt)
        case .claudeTool: (.claudeCode, .turn)
        case .codexTool: (.codex, .turn)
        case .geminiTool: (.geminiCLI, .turn)
        case .claudeError: isLimit(record[.status], bytes) ? (.claudeCode, .limited) : nil
        case .claude, .codex, .gemini, nil: nil
        }
    }

    private func isLimit(_ status: OTLPValue?, _ bytes: Span<UInt8>) -> Bool {
        status.flatMap { OTLPNumber.whole($0, bytes) } == 429
    }
}
