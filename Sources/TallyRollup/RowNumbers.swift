import TallyModel
import TallyPricing

/// The numbers of one row, as they are added up.
struct RowNumbers {
    let use: TokenUse
    let reasoning: UInt32
    let toolCalls: UInt32
    let reportedNanoUSD: UInt64
    let isUsage: Bool

    /// `reported` and `context` are encoded: value + 1, 0 for none.
    @inline(__always)
    init(
        _ words: Span<UInt32>, _ row: Int, _ capacity: Int, reported: UInt64, isUsage: Bool, context: UInt32
    ) {
        let input = words[row]
        let read = words[capacity + row]
        let write5m = words[2 * capacity + row]
        let write1h = words[3 * capacity + row]
        let unknown = words[4 * capacity + row]
        let whole = UInt64(input) &+ UInt64(read) &+ UInt64(write5m) &+ UInt64(write1h) &+ UInt64(unknown)
        use = TokenUse(
            prompt: isUsage ? whole : UInt64(max(context, 1) &- 1), input: input, cacheRead: read,
            cacheWrite5m: write5m, cacheWrite1h: write1h, cacheWriteUnknown: unknown,
            output: words[5 * capacity + row], webSearches: words[7 * capacity + row])
        reasoning = words[6 * capacity + row]
        toolCalls = words[8 * capacity + row]
        reportedNanoUSD = max(reported, 1) &- 1
        self.isUsage = isUsage
    }
}
