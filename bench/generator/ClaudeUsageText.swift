import TallyModel

/// The `usage` object of a Claude line, in the shapes that versions of the program have written.
struct ClaudeUsageText: Sendable {
    let traits: ClaudeTraits
    let model: String

    /// The usage of `event` as one line shows it, with the output and thinking known by then.
    func text(_ event: Event, output: Int, thinking: Int) -> String {
        let write = event.cacheWrite5mTokens + event.cacheWrite1hTokens + event.cacheWriteUnknownTokens
        var text = "{\"input_tokens\":\(event.inputTokens),\"cache_creation_input_tokens\":\(write),"
        text += "\"cache_read_input_tokens\":\(event.cacheReadTokens),\"output_tokens\":\(output)"
        if traits.cache != .unsplit {
            text += ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":\(event.cacheWrite5mTokens),"
            text += "\"ephemeral_1h_input_tokens\":\(event.cacheWrite1hTokens)}"
        }
        if event.reasoningTokens > 0 { text += ",\"output_tokens_details\":{\"thinking_tokens\":\(thinking)}" }
        if event.webSearches > 0 {
            text += ",\"server_tool_use\":{\"web_search_requests\":\(event.webSearches),\"web_fetch_requests\":0}"
        }
        if let tier = traits.tier { text += ",\"service_tier\":\"\(tier)\"" }
        if let geo = traits.geo { text += ",\"inference_geo\":\"\(geo)\"" }
        // A speed is the main model's; a helper's call does not state one.
        if let speed = traits.speed, event.speed != .unknown { text += ",\"speed\":\"\(speed)\"" }
        return text + "}"
    }
}
