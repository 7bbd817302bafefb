/// A file of a generated home.
package struct GeneratedFile: Sendable {
    package enum Content: Sendable {
        case bytes([UInt8])
        /// A symbolic link; the target is relative to the link's folder.
        case link(String)
    }

    /// How the agent writes it, for those who read it meanwhile.
    package enum Growth: Sendable {
        /// At its end. While it ends within one of these, its last word on a message is not the agent's: numbers of
        /// it may be larger than the true ones.
        case lines(tentative: [Range<Int>])
        /// Whole at every turn.
        case document(GeneratedDocument)
    }

    /// Relative to the home, with `/` between its parts: `claude/projects/…`, `codex/sessions/…` or
    /// `gemini/.gemini/tmp/…`.
    package let path: String
    package let content: Content
    package let growth: Growth

    package init(path: String, content: Content, growth: Growth = .lines(tentative: [])) {
        self.path = path
        self.content = content
        self.growth = growth
    }
}

/// A document that was written once for every word on every message of it.
package struct GeneratedDocument: Sendable {
    /// A word on the message that stands at a place of the list.
    struct Write: Sendable {
        let place: Int
        let text: String
        /// Another word on the same message follows at once, and may be of smaller numbers.
        var isTentative = false
    }

    let head: String
    let writes: [Write]

    package var versions: Int { writes.count }

    /// The whole document after so many writes, of `versions`.
    package func bytes(after count: Int) -> [UInt8] {
        var messages: [String] = []
        for write in writes.prefix(count) {
            if write.place == messages.count { messages.append(write.text) } else { messages[write.place] = write.text }
        }
        let list = messages.map { "    \($0)" }.joined(separator: ",\n")
        return Array("{\n  \(head),\n  \"messages\": [\n\(list)\n  ]\n}".utf8)
    }

    /// After so many writes, its last word is not the agent's.
    package func isTentative(after count: Int) -> Bool { count > 0 && writes[count - 1].isTentative }
}
