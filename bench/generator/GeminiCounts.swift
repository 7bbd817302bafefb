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

    /// The same while it streams: the prompt is known, and no number is larger.
    func earlier(_ random: inout SeededRandom) -> GeminiCounts {
        var earlier = self
        earlier.output = random.number(in: 1...max(output, 1))
        earlier.thoughts = random.number(in: 0...thoughts)
        return earlier
    }

    /// Other numbers for the same message, which the agent takes back: some are larger, some smaller.
    func mistaken(_ random: inout SeededRandom) -> GeminiCounts {
        var other = self
        other.input = random.number(in: max(cached, 1)...input + 2_000)
        other.cached = random.number(in: 0...min(cached, other.input))
        other.output = random.number(in: 1...output + 900)
        other.thoughts = random.number(in: 0...thoughts + 300)
        other.tool = random.number(in: 0...tool + 100)
        return other
    }

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
