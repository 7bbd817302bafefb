import TallyModel

/// What a line of Claude Code tells of its session, by these keys alone:
///
/// | line | sign |
/// |---|---|
/// | `user` | a prompt; with `toolUseResult` a turn; with `interruptedMessageId` the turn's end |
/// | `user` with `isMeta` or `isCompactSummary` | none: the agent wrote it itself |
/// | `assistant`, `stop_reason` null, `tool_use` or `pause_turn` | a turn |
/// | `assistant`, any other `stop_reason` | the turn's end |
/// | `assistant`, `isApiErrorMessage` | the turn's end; limited if `error` is `rate_limit` or `apiErrorStatus` 429 |
/// | `system`, `subtype` `turn_duration` | the turn's end |
/// | `system`, `subtype` `api_error` | a turn: the agent tries again |
extension ClaudeLine {
    var sign: SessionSign.Kind? {
        if isSidechain == true { return nil }
        switch type {
        case .user:
            if isOwn { return nil }
            if isInterrupted { return .turnEnd }
            return hasToolResult ? .turn : .prompt
        case .assistant:
            if isError { return isLimited ? .limited : .turnEnd }
            return stop == nil || goesOn ? .turn : .turnEnd
        case .system:
            switch subtype {
            case .turn_duration: return .turnEnd
            case .api_error: return .turn
            case nil: return nil
            }
        case nil: return nil
        }
    }
}

enum ClaudeType: String, CaseIterable { case user, assistant, system }
enum ClaudeSubtype: String, CaseIterable { case turn_duration, api_error }
