package import TallyModel

/// A file of a generated home.
package struct GeneratedFile: Sendable {
    package enum Content: Sendable {
        case bytes([UInt8])
        /// A symbolic link; the target is relative to the link's folder.
        case link(String)
    }

    /// Relative to the home, with `/` between its parts: `claude/projects/…` or `codex/sessions/…`.
    package let path: String
    package let content: Content

    package init(path: String, content: Content) {
        self.path = path
        self.content = content
    }
}

/// Transcripts of both agents and what they truly hold.
package struct GeneratedHome: Sendable {
    package let seed: UInt64
    /// In order of path.
    package let files: [GeneratedFile]
    package let truth: Truth
    /// Every call once, as the true event; in no particular order.
    package let events: [Event]
    /// A text of each file that may appear nowhere outside it.
    package let canaries: [String]

    package var bytes: Int {
        files.reduce(0) { sum, file in
            if case .bytes(let bytes) = file.content { sum + bytes.count } else { sum }
        }
    }
}

/// What to generate.
package struct GeneratorOptions: Sendable {
    /// Calls of both agents together; exactly so many are generated.
    package var calls = 6_000
    package var days = 30
    /// Milliseconds since 1970; every event is earlier.
    package var endMs: Int64

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
        precondition(options.endMs / UTCText.dayMs > Int64(options.days) + 1, "the days lie after 1970")
        self.seed = seed
        self.options = options
    }

    package func home() -> GeneratedHome {
        var random = SeededRandom(seed: seed)
        let calendar = WorkCalendar(endMs: options.endMs, days: options.days)
        let codexCalls = options.calls * 3 / 10
        var claude = ClaudeHome(random: random.split(), calendar: calendar, sessionCallsMax: options.sessionCallsMax)
        claude.fill(calls: options.calls - codexCalls)
        var codex = CodexHome(random: random.split(), calendar: calendar, sessionCallsMax: options.sessionCallsMax)
        codex.fill(calls: codexCalls)
        let events = claude.events + codex.events
        var truth = Truth()
        for event in events { truth.add(event) }
        return GeneratedHome(
            seed: seed, files: (claude.files + codex.files).sorted { $0.path < $1.path }, truth: truth, events: events,
            canaries: claude.canaries + codex.canaries)
    }
}
