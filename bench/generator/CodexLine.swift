/// The counters of a rollout as `token_count` shows them: cached stands within input, reasoning within output.
struct CodexCounts: Hashable, Sendable {
    var input = 0
    var cached = 0
    var output = 0
    var reasoning = 0

    static func + (left: CodexCounts, right: CodexCounts) -> CodexCounts {
        CodexCounts(
            input: left.input + right.input, cached: left.cached + right.cached, output: left.output + right.output,
            reasoning: left.reasoning + right.reasoning)
    }

    /// `total_tokens` is not to be trusted, so it may be told apart.
    func text(totalTokens: Int? = nil) -> String {
        "{\"input_tokens\":\(input),\"cached_input_tokens\":\(cached),\"output_tokens\":\(output),"
            + "\"reasoning_output_tokens\":\(reasoning),\"total_tokens\":\(totalTokens ?? input + output)}"
    }
}

/// One line of a rollout without its time: a fork writes the same line again at another one.
struct CodexLine: Sendable {
    var timeMs: Int64
    var body: String
    /// What to write in place of the whole line.
    var raw: [UInt8]?
    /// The counters, model and tier that hold after this line: where a fork takes over.
    var total: CodexCounts
    var model: String
    var tier: String?

    func write(to bytes: inout [UInt8]) {
        if let raw {
            bytes.append(contentsOf: raw)
        } else {
            bytes.append(contentsOf: "{\"timestamp\":\"\(UTCText(timeMs: timeMs).instant)\",\(body)}".utf8)
        }
        bytes.append(UInt8(ascii: "\n"))
    }
}
