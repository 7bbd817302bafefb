/// What to generate.
package struct GeneratorOptions: Sendable {
    /// Calls of all agents together; exactly so many are generated.
    package var calls = 6_000
    package var days = 30
    /// Milliseconds since 1970; every event is earlier.
    package var endMs: Int64
    /// The traps that no agent sets of itself, too: models that are no name, foreign bytes before a call, and now and
    /// then a line that is too long to be read. Without them the same seed gives the same bytes as ever.
    package var hasAllTraps = false
    /// How many times longer texts are than the generator's own, which are short so that small homes hold many calls:
    /// with 8, lines are as long as real ones. What is counted stays of the same kind.
    package var textScale = 1

    /// How many of a hundred calls are of Gemini CLI; thirty are of Codex, the rest of Claude Code.
    package var geminiPercent = 10

    package init(endMs: Int64) { self.endMs = endMs }

    /// The longest session: small homes have short ones, so that they too have several.
    var sessionCallsMax: Int { min(max(calls / 12, 5), 200) }
}

/// Makes homes: the same seed and options give the same bytes.
package struct Generator: Sendable {
    private let seed: UInt64
    private let options: GeneratorOptions

    /// Precondition: at least one call and one day, and the days lie after 1970.
    package init(seed: UInt64, options: GeneratorOptions) {
        precondition(options.calls >= 1 && options.days >= 1, "a home has a call and a day")
        precondition(options.textScale >= 1, "texts are not made shorter")
        precondition((0...70).contains(options.geminiPercent), "thirty of a hundred calls are of Codex")
        precondition(options.endMs / UTCText.dayMs > Int64(options.days) + 1, "the days lie after 1970")
        self.seed = seed
        self.options = options
    }

    package func home() -> GeneratedHome {
        var random = SeededRandom(seed: seed)
        let calendar = WorkCalendar(endMs: options.endMs, days: options.days)
        let codexCalls = options.calls * 3 / 10
        let geminiCalls = options.calls * options.geminiPercent / 100
        var claude = ClaudeHome(
            random: random.split(), calendar: calendar, sessionCallsMax: options.sessionCallsMax,
            hasAllTraps: options.hasAllTraps, textScale: options.textScale)
        claude.fill(calls: options.calls - codexCalls - geminiCalls)
        var codex = CodexHome(
            random: random.split(), calendar: calendar, sessionCallsMax: options.sessionCallsMax,
            hasAllTraps: options.hasAllTraps, textScale: options.textScale)
        codex.fill(calls: codexCalls)
        var gemini = GeminiHome(
            random: random.split(), calendar: calendar, sessionCallsMax: options.sessionCallsMax,
            hasAllTraps: options.hasAllTraps)
        gemini.fill(calls: geminiCalls)
        let calls = claude.calls + codex.calls + gemini.calls
        var truth = Truth()
        for call in calls { truth.add(call.event) }
        let files = claude.files + codex.files + gemini.files
        return GeneratedHome(
            seed: seed, files: files.sorted { $0.path < $1.path }, births: files.map(\.path), truth: truth,
            calls: calls, canaries: claude.canaries + codex.canaries + gemini.canaries)
    }
}
