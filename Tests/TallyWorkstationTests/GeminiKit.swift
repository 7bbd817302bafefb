/// Texts of chats as Gemini CLI writes them.
enum Chat {
    static let session = "3bacc8a0-24d6-4415-9b2e-a2635c02e54c"
    static let folderHash = "5eb97eaffa8e54844d59a44d0c1a399d7e11eff9b0dbdc4f65d4ab7faecd90e1"

    /// The names of the numbers of `tokens`, in the order that `answer` takes them in.
    static let names = ["input", "output", "cached", "thoughts", "tool", "total"]

    static func tokens(_ values: [Int]) -> String {
        "{" + zip(names, values).map { "\"\($0)\":\($1)" }.joined(separator: ",") + "}"
    }

    /// A message of the model; `tokens` are input, output, cached, thoughts, tool and total, or null.
    static func answer(
        _ id: String, _ values: [Int]? = [900, 20], model: String? = "gemini-3.1-pro",
        time: String = "2026-04-10T10:00:01.000Z"
    ) -> String {
        let name = model.map { ",\"model\":\"\($0)\"" } ?? ""
        return "{\"id\":\"\(id)\",\"timestamp\":\"\(time)\",\"type\":\"gemini\",\"content\":\"say \\\"tokens\\\":{[\","
            + "\"toolCalls\":[{\"id\":\"x\",\"args\":{\"tokens\":{\"input\":5}}}],"
            + "\"tokens\":\(values.map(tokens) ?? "null")\(name)}"
    }

    static func question(_ id: String) -> String {
        "{\"id\":\"\(id)\",\"timestamp\":\"2026-04-10T10:00:00.000Z\",\"type\":\"user\",\"content\":[{\"text\":\"why\"}]}"
    }

    static func head(kind: String? = "main", session: String = session) -> String {
        "{\"sessionId\":\"\(session)\",\"projectHash\":\"\(folderHash)\"" + (kind.map { ",\"kind\":\"\($0)\"" } ?? "")
            + "}"
    }

    /// A whole `.json`.
    static func document(_ messages: [String], kind: String? = nil, session: String = session) -> String {
        head(kind: kind, session: session).dropLast() + ",\n  \"messages\": [\n    "
            + messages.joined(separator: ",\n    ") + "\n  ]\n}"
    }

    static func lines(_ records: [String]) -> String { records.map { $0 + "\n" }.joined() }
}
