/// What a stream has carried up to some sequence: the sums that both sides keep and compare.
package struct RunningTotals: Hashable, Sendable {
    /// Columns 12 to 17 (`Event.controlTokens`).
    package var tokens: UInt128
    /// Column 22.
    package var reportedNanoUSD: UInt128

    package static let zero = RunningTotals(tokens: 0, reportedNanoUSD: 0)

    package init(tokens: UInt128, reportedNanoUSD: UInt128) {
        self.tokens = tokens
        self.reportedNanoUSD = reportedNanoUSD
    }

    /// The sum, or nil where it does not fit: a peer's numbers never trap.
    package func adding(_ other: RunningTotals) -> RunningTotals? {
        let (tokens, tokensOver) = self.tokens.addingReportingOverflow(other.tokens)
        let (reported, reportedOver) = reportedNanoUSD.addingReportingOverflow(other.reportedNanoUSD)
        return tokensOver || reportedOver ? nil : RunningTotals(tokens: tokens, reportedNanoUSD: reported)
    }
}
