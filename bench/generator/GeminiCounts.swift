import TallyModel

/// The numbers of one answer of Gemini: `cached` stands within `input`, `thoughts` and `tool` beside everything.
struct GeminiCounts: Hashable, Sendable {
    /// How the agent tells them.
    enum Form: Sendable {
        case plain
        /// No total.
        case untold
        /// The thoughts are in the output too, which the total shows.
        case thoughtsWithin
    }

    var input = 0
    var cached = 0
    var output = 0
    var thoughts = 0
    var tool = 0
    var form: Form = .plain

    func text() -> String {
        let told = form == .thoughtsWithin ? output + thoughts : output
        let total = input + output + thoughts + tool
        return "{\"input\":\(input),\"output\":\(told),\"cached\":\(cached),\"thoughts\":\(thoughts),\"tool\":\(tool)"
            + (form == .untold ? "}" : ",\"total\":\(total)}")
    }

    /// What was truly used.
    func event(timeMs: Int64, session: Bytes16, model: String?) -> Event {
        var event = Event(
            timeMs: timeMs, session: SessionID(session) ?? GeneratedNames.anySession, agent: .geminiCLI,
            model: model.map { GeneratedNames.label($0) } ?? .unlisted)
        event.inputTokens = UInt32(input + tool - cached)
        event.cacheReadTokens = UInt32(cached)
        event.outputTokens = UInt32(output + thoughts)
        event.reasoningTokens = UInt32(thoughts)
        return event
    }
}
