import TallyModel

/// The numbers of one row, as they are added up.
struct RowNumbers {
    let input: UInt32
    let cacheRead: UInt32
    let cacheWrite5m: UInt32
    let cacheWrite1h: UInt32
    let cacheWriteUnknown: UInt32
    let output: UInt32
    let reasoning: UInt32
    let webSearches: UInt32
    let toolCalls: UInt32
    let reportedNanoUSD: UInt64
    let isUsage: Bool
    let isSubscription: Bool

    /// `reported` is encoded: value + 1, 0 for none.
    @inline(__always)
    init(
        _ words: Span<UInt32>, _ row: Int, _ capacity: Int, reported: UInt64, isUsage: Bool, isSubscription: Bool
    ) {
        input = words[row]
        cacheRead = words[capacity + row]
        cacheWrite5m = words[2 * capacity + row]
        cacheWrite1h = words[3 * capacity + row]
        cacheWriteUnknown = words[4 * capacity + row]
        output = words[5 * capacity + row]
        reasoning = words[6 * capacity + row]
        webSearches = words[7 * capacity + row]
        toolCalls = words[8 * capacity + row]
        reportedNanoUSD = max(reported, 1) &- 1
        self.isUsage = isUsage
        self.isSubscription = isSubscription
    }
}
