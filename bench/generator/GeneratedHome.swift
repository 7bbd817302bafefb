package import TallyModel

/// A file of a generated home.
package struct GeneratedFile: Sendable {
    package enum Content: Sendable {
        case bytes([UInt8])
        /// A symbolic link; the target is relative to the link's folder.
        case link(String)
    }

    /// Relative to the home, with `/` between its parts: `claude/projects/…`, `codex/sessions/…` or `gemini/.gemini/tmp/…`.
    package let path: String
    package let content: Content

    package init(path: String, content: Content) {
        self.path = path
        self.content = content
    }
}

/// Transcripts of all agents and what they truly hold.
package struct GeneratedHome: Sendable {
    package let seed: UInt64
    /// In order of path.
    package let files: [GeneratedFile]
    /// The files' paths in the order in which agents made them: an original before its copies.
    package let births: [String]
    package let truth: Truth
    /// Every call once, as the true event; in no particular order.
    package let events: [Event]
    /// A text of each transcript that may appear nowhere outside it and its copies.
    package let canaries: [String]

    package var bytes: Int {
        files.reduce(0) { sum, file in
            if case .bytes(let bytes) = file.content { sum + bytes.count } else { sum }
        }
    }
}
