/// Finds the lifetime of a cache write that its source does not give, by the cost that it reports.
///
/// Claude Code's telemetry has one number for cache writes and the money that the agent reckoned. Where the money is to
/// the last reported digit what one lifetime costs, and not what the other costs, the write had that one. What several
/// explain or none, and all mixtures of both, stays unknown. A pure function of event and rates: a ledger that is read
/// again, and a book that prices anew, come to the same.
enum CacheLifetime {
    /// The price of a call whose other parts cost `base` femto-USD; `tokens` is the write of unknown lifetime, `at5m` and
    /// `at1h` the rates in femto-USD. `reportedNanoUSD` is nil where nothing is told. Nil where there is no rate.
    @inline(__always)
    static func price(
        _ base: Int128, tokens: UInt32, at5m: Int64?, at1h: Int64?, reportedNanoUSD: UInt64?
    ) -> (femtoUSD: Int128, isAssumed: Bool)? {
        let short = at5m.map { base + Int128($0) * Int128(tokens) }
        if let reportedNanoUSD {
            let long = at1h.map { base + Int128($0) * Int128(tokens) }
            let isShort = short.map { explains($0, reportedNanoUSD) } ?? false
            let isLong = long.map { explains($0, reportedNanoUSD) } ?? false
            if isShort != isLong, let told = isShort ? short : long { return (told, false) }
        }
        return short.map { ($0, true) }
    }

    /// Whether `femtoUSD` is what was reported, as far as the report has digits: whole micro-USD are taken for rounded to
    /// micro-USD (`cost_usd_micros`), all else for rounded to nano-USD, which is finer than any list's price of a token.
    static func explains(_ femtoUSD: Int128, _ reportedNanoUSD: UInt64) -> Bool {
        let digit: Int128 = reportedNanoUSD % 1_000 == 0 ? 1_000_000_000 : 1_000_000
        return (femtoUSD - Int128(reportedNanoUSD) * 1_000_000).magnitude * 2 <= digit.magnitude
    }
}
