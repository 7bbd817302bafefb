/// Where agents keep their transcripts on this machine.
///
/// `CLAUDE_CONFIG_DIR` (a list, split at commas), `CODEX_HOME` and `GEMINI_CLI_HOME` replace the defaults; set but empty
/// counts as not set; a leading `~` is the home folder. As Gemini CLI has it, `GEMINI_CLI_HOME` stands for the home
/// folder: the `.gemini` is within it.
package struct SourceHomes: Hashable, Sendable {
    private static let foldersMax = 64

    /// Folders below which every `.jsonl` is a transcript of Claude Code.
    package let claude: [String]
    package let codex: [String]
    /// Folders with a folder for each project, whose `chats` holds transcripts of Gemini CLI.
    package let gemini: [String]
    /// All of them.
    package var roots: [String] { claude + codex + gemini }

    /// The values of `HOME`, `CLAUDE_CONFIG_DIR`, `CODEX_HOME` and `GEMINI_CLI_HOME`, nil where not set.
    package init(home: String?, claudeConfigDir: String?, codexHome: String?, geminiCLIHome: String? = nil) {
        let home = home.flatMap { $0.isEmpty ? nil : $0 }
        var claudeHomes = Self.list(claudeConfigDir, home: home)
        if claudeHomes.isEmpty, let home { claudeHomes = [home + "/.claude", home + "/.config/claude"] }
        var codexHomes = codexHome.map { Self.list($0, home: home, separator: nil) } ?? []
        if codexHomes.isEmpty, let home { codexHomes = [home + "/.codex"] }
        claude = claudeHomes.map { $0 + "/projects" }
        codex = codexHomes.flatMap { [$0 + "/sessions", $0 + "/archived_sessions"] }
        var geminiHomes = Self.list(geminiCLIHome, home: home, separator: nil)
        if geminiHomes.isEmpty, let home { geminiHomes = [home] }
        gemini = geminiHomes.map { $0 + "/.gemini/tmp" }
    }

    private static func list(_ text: String?, home: String?, separator: Character? = ",") -> [String] {
        guard let text else { return [] }
        let parts = separator.map { text.split(separator: $0) } ?? [text[...]]
        return parts.prefix(foldersMax).compactMap { part in
            var path = part
            while let first = path.first, first == " " { path = path.dropFirst() }
            while let last = path.last, last == " " || (last == "/" && path.count > 1) { path = path.dropLast() }
            if path.isEmpty { return nil }
            if path == "~" || path.hasPrefix("~/") { return (home ?? "") + path.dropFirst() }
            return String(path)
        }
    }
}
