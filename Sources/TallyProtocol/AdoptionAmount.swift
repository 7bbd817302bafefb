import TallyModel

/// The numbers of an event that say whether it is the same call as another: what a request can only add to.
struct AdoptionAmount: Hashable, Sendable {
    var input: UInt64 = 0
    var cacheRead: UInt64 = 0
    /// Of all lifetimes: which one it is may be learnt later.
    var cacheWrite: UInt64 = 0
    var output: UInt64 = 0
    var reported: UInt64 = 0

    static let zero = AdoptionAmount()

    /// The control total.
    var tokens: UInt64 { input + cacheRead + cacheWrite + output }

    /// Nil where some number is the smaller one.
    func minus(_ other: Self) -> Self? {
        guard input >= other.input, cacheRead >= other.cacheRead, cacheWrite >= other.cacheWrite,
            output >= other.output, reported >= other.reported
        else { return nil }
        return Self(
            input: input - other.input, cacheRead: cacheRead - other.cacheRead,
            cacheWrite: cacheWrite - other.cacheWrite, output: output - other.output,
            reported: reported - other.reported)
    }

    /// A few events of at most 3 · 10⁹ and 10¹³ each: it always fits.
    func plus(_ other: Self) -> Self {
        Self(
            input: input + other.input, cacheRead: cacheRead + other.cacheRead,
            cacheWrite: cacheWrite + other.cacheWrite, output: output + other.output,
            reported: reported + other.reported)
    }

    /// Whether one can have grown to the other. The prompt of a request is known before its answer begins; calls that
    /// share an instant nearly always differ in it.
    func isGrown(from other: Self, kind: EventKind) -> Bool {
        if kind == .usage {
            guard input == other.input, cacheRead == other.cacheRead, cacheWrite == other.cacheWrite else {
                return false
            }
        }
        return minus(other) != nil || other.minus(self) != nil
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
        reported = event.reportedCostNanoUSD ?? 0
    }
}

extension RunningTotals {
    init(_ amount: AdoptionAmount) {
        self.init(tokens: UInt128(amount.tokens), reportedNanoUSD: UInt128(amount.reported))
    }
}

extension AdoptionReport {
    mutating func note(_ amount: AdoptionAmount, isMissing: Bool) {
        let added = RunningTotals(amount)
        if isMissing {
            missing = missing.adding(added) ?? missing
        } else {
            surplus = surplus.adding(added) ?? surplus
        }
    }
}
