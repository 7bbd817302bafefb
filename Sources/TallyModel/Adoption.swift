/// What a spool knows of its stream's birth, and what of it may have been counted before.
package struct AdoptionTerms: Hashable, Sendable {
    /// Sources are still being read that were there before the stream was.
    package var isAdopting: Bool
    /// When the stream was opened, by the workstation's clock.
    package var bornMs: Int64
    /// The stream that this one goes on from, and the last event of it that both sides are known to share. Its events
    /// up to there are this spool's own past, which it does not read again.
    package var prior: StreamID?
    package var priorThrough: Sequence64

    package init(isAdopting: Bool, bornMs: Int64, prior: StreamID? = nil, priorThrough: Sequence64 = .zero) {
        self.isAdopting = isAdopting
        self.bornMs = bornMs
        self.prior = prior
        self.priorThrough = prior == nil ? .zero : priorThrough
    }

    /// A stream whose whole life is known: nothing of it is in question.
    package static let none = AdoptionTerms(isAdopting: false, bornMs: 0)

    /// Whether another stream may have counted the event: nobody else reads what is newer than the stream.
    package func asks(_ event: Event) -> Bool { isAdopting || event.timeMs <= bornMs }
}

/// What adoption left out, and where what is left out differs from what was counted. All of it is shown to a person.
package struct AdoptionReport: Hashable, Sendable {
    /// Left out, because another stream of the tenant has counted them.
    package var events: UInt64 = 0
    package var totals = RunningTotals.zero
    /// Sessions and models in which the numbers left out are not those counted.
    package var differing: UInt64 = 0
    /// Left out here and counted nowhere.
    package var missing = RunningTotals.zero
    /// Counted, but more than the sources tell now.
    package var surplus = RunningTotals.zero

    package init() {}

    package mutating func add(_ other: AdoptionReport) {
        events += other.events
        differing += other.differing
        // Sums of at most 2⁵⁶ events of 10¹³ each: they always fit.
        totals = totals.adding(other.totals) ?? totals
        missing = missing.adding(other.missing) ?? missing
        surplus = surplus.adding(other.surplus) ?? surplus
    }

    /// What was added to `earlier`, a report of the same spool.
    package func since(_ earlier: AdoptionReport) -> AdoptionReport {
        var rest = AdoptionReport()
        rest.events = events - earlier.events
        rest.differing = differing - earlier.differing
        rest.totals = AdoptionReport.difference(totals, earlier.totals)
        rest.missing = AdoptionReport.difference(missing, earlier.missing)
        rest.surplus = AdoptionReport.difference(surplus, earlier.surplus)
        return rest
    }

    private static func difference(_ now: RunningTotals, _ then: RunningTotals) -> RunningTotals {
        RunningTotals(tokens: now.tokens - then.tokens, reportedNanoUSD: now.reportedNanoUSD - then.reportedNanoUSD)
    }
}
