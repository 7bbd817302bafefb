package import TallyModel

/// The numbers of an event that say whether it is the same call as another: what a request can only add to.
struct AdoptionAmount: Hashable, Sendable {
    var input: UInt64 = 0
    var cacheRead: UInt64 = 0
    /// Of all lifetimes: which one it is may be learnt later.
    var cacheWrite: UInt64 = 0
    var output: UInt64 = 0
    var webSearches: UInt64 = 0
    var reported: UInt64 = 0

    static let zero = AdoptionAmount()

    /// The control total.
    var tokens: UInt64 { input + cacheRead + cacheWrite + output }

    /// Nil where some number is the smaller one.
    func minus(_ other: Self) -> Self? {
        guard input >= other.input, cacheRead >= other.cacheRead, cacheWrite >= other.cacheWrite,
            output >= other.output, webSearches >= other.webSearches, reported >= other.reported
        else { return nil }
        return beyond(other)
    }

    /// By how much each number is the larger one.
    func beyond(_ other: Self) -> Self {
        Self(
            input: input - min(input, other.input), cacheRead: cacheRead - min(cacheRead, other.cacheRead),
            cacheWrite: cacheWrite - min(cacheWrite, other.cacheWrite), output: output - min(output, other.output),
            webSearches: webSearches - min(webSearches, other.webSearches),
            reported: reported - min(reported, other.reported))
    }

    /// A window of events of at most 3 · 10⁹ and 10¹³ each: it always fits.
    static func += (sum: inout Self, other: Self) {
        sum.input += other.input
        sum.cacheRead += other.cacheRead
        sum.cacheWrite += other.cacheWrite
        sum.output += other.output
        sum.webSearches += other.webSearches
        sum.reported += other.reported
    }

    /// Whether one can have grown to the other.
    func isGrown(from other: Self) -> Bool { minus(other) != nil || other.minus(self) != nil }
}

/// An amount, and how it divides: all that is needed to say what of it is not counted yet.
struct AdoptionNumbers: Hashable, Sendable {
    var amount = AdoptionAmount.zero
    var write5m: UInt64 = 0
    var write1h: UInt64 = 0
    var reasoning: UInt64 = 0

    static func += (sum: inout Self, other: Self) {
        sum.amount += other.amount
        sum.write5m += other.write5m
        sum.write1h += other.write1h
        sum.reasoning += other.reasoning
    }

    /// What is to be added to `counted` to reach `self`. Nil where some number was counted beyond it. The parts stay
    /// within what they are parts of: a cache write that was counted as of unknown lifetime stays so.
    func growth(over counted: Self) -> Self? {
        guard let amount = amount.minus(counted.amount) else { return nil }
        var growth = Self(amount: amount)
        growth.write5m = min(write5m - min(write5m, counted.write5m), amount.cacheWrite)
        growth.write1h = min(write1h - min(write1h, counted.write1h), amount.cacheWrite - growth.write5m)
        growth.reasoning = min(reasoning - min(reasoning, counted.reasoning), amount.output)
        return growth
    }
}

/// What becomes of an event of which a part was counted: a correction by the rest.
package struct AdoptionChange: Hashable, Sendable {
    package var sequence: Sequence64
    var timeMs: Int64
    /// Where the part was counted.
    var session: SessionID
    /// The whole prompt of the request.
    var prompt: UInt32
    var growth: AdoptionNumbers

    /// `event`, the one of this sequence, as it is to be sent.
    package func applied(to event: Event) -> Event {
        func tokens(_ count: UInt64) -> UInt32 { UInt32(min(count, UInt64(Limits.tokensMax))) }
        let amount = growth.amount
        var rest = event
        rest.kind = .correction
        rest.timeMs = timeMs
        rest.session = session
        rest.contextTokens = prompt
        rest.outcome = .unknown
        rest.durationMs = nil
        rest.toolCalls = 0
        rest.inputTokens = tokens(amount.input)
        rest.cacheReadTokens = tokens(amount.cacheRead)
        rest.cacheWrite5mTokens = tokens(growth.write5m)
        rest.cacheWrite1hTokens = tokens(growth.write1h)
        rest.cacheWriteUnknownTokens = tokens(amount.cacheWrite - growth.write5m - growth.write1h)
        rest.outputTokens = tokens(amount.output)
        rest.reasoningTokens = min(tokens(growth.reasoning), rest.outputTokens)
        rest.webSearches = UInt16(clamping: amount.webSearches)
        rest.reportedCostNanoUSD = amount.reported == 0 ? nil : min(amount.reported, Limits.reportedCostNanoUSDMax)
        return rest
    }
}

extension AdoptionAmount {
    init(_ event: Event) {
        input = UInt64(event.inputTokens)
        cacheRead = UInt64(event.cacheReadTokens)
        cacheWrite =
            UInt64(event.cacheWrite5mTokens) + UInt64(event.cacheWrite1hTokens)
            + UInt64(event.cacheWriteUnknownTokens)
        output = UInt64(event.outputTokens)
        webSearches = UInt64(event.webSearches)
        reported = event.reportedCostNanoUSD ?? 0
    }
}

extension AdoptionNumbers {
    init(_ event: Event) {
        amount = AdoptionAmount(event)
        write5m = UInt64(event.cacheWrite5mTokens)
        write1h = UInt64(event.cacheWrite1hTokens)
        reasoning = UInt64(event.reasoningTokens)
    }
}

extension RunningTotals {
    init(_ amount: AdoptionAmount) {
        self.init(tokens: UInt128(amount.tokens), reportedNanoUSD: UInt128(amount.reported))
    }
}
