import TallyModel

/// The `tokens` of one answer of Gemini.
///
/// `cached` stands within `input`; `thoughts` beside `output`, and are output here; `tool` is the prompt of the tools that
/// the model used, beside `input`, and is input here. So `total` is the sum of all but `cached`. Where it is not, and
/// taking one of the classes the other way explains it, that is the way it is taken; a total that nothing explains is
/// not believed.
struct GeminiTokens: Hashable, Sendable {
    var input: UInt64 = 0
    var output: UInt64 = 0
    var cached: UInt64 = 0
    var thoughts: UInt64 = 0
    var tool: UInt64 = 0
    /// 0 if it was not told.
    var total: UInt64 = 0

    /// Nil if a number is larger than the schema's.
    func counts() -> RequestCounts? {
        let most = UInt64(Limits.tokensMax)
        guard [input, output, cached, thoughts, tool].allSatisfy({ $0 <= most }) else { return nil }
        var prompt = input + tool
        var answer = output + thoughts
        let sum = prompt + answer
        if total != sum, total > 0 {
            if total == sum - thoughts, thoughts <= output {
                answer = output
            } else if total == sum - tool, tool <= input {
                prompt = input
            } else if total == sum + cached {
                prompt += cached
            }
        }
        guard prompt <= most, answer <= most else { return nil }
        var counts = RequestCounts()
        counts.cacheRead = UInt32(min(cached, prompt))
        counts.input = UInt32(prompt) - counts.cacheRead
        counts.output = UInt32(answer)
        counts.reasoning = UInt32(min(thoughts, answer))
        return counts
    }
}
