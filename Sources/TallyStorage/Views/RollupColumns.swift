import GRDB
import TallyModel
import TallyUsage

/// The sums of a rollup cell as columns: their names, how two rows are added, and the values of a cell.
enum RollupColumns {
    /// Columns that are simply added, in the order of `values`.
    private static let added = [
        "events", "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
        "cache_write_unknown_tokens", "output_tokens", "reasoning_tokens", "web_searches", "tool_calls",
        "unpriced_events", "reported_nano",
    ]
    /// Amounts of two columns each, whole dollars and the femto-dollars above them, in the order of `values`.
    private static let money = ["cost", "subscription"]
    private static let all = added + money.flatMap { ["\($0)_usd", "\($0)_femto"] } + ["first_ms", "last_ms"]

    private static let femtoPerUSD: Int128 = 1_000_000_000_000_000

    static var declarations: String {
        all.map { "\($0) INTEGER NOT NULL" }.joined(separator: ",\n    ")
    }

    /// How many there are.
    static let count = 18

    /// Adds one cell to `table`. Its arguments are the columns `key`, then the sums.
    static func upsert(_ table: String, key: String) -> String {
        let additions = added.map { "\($0) = \($0) + excluded.\($0)" }
        // Two remainders below 10¹⁵ carry at most one dollar.
        let amounts = money.flatMap { name in
            [
                "\(name)_usd = \(name)_usd + excluded.\(name)_usd + (\(name)_femto + excluded.\(name)_femto) / \(femtoPerUSD)",
                "\(name)_femto = (\(name)_femto + excluded.\(name)_femto) % \(femtoPerUSD)",
            ]
        }
        let others =
            amounts + [
                "first_ms = min(first_ms, excluded.first_ms)",
                "last_ms = max(last_ms, excluded.last_ms)",
            ]
        let marks = (key.split(separator: ",").map { _ in "?" } + all.map { _ in "?" }).joined(separator: ", ")
        return """
            INSERT INTO \(table) (\(key), \(all.joined(separator: ", "))) VALUES (\(marks))
            ON CONFLICT DO UPDATE SET \((additions + others).joined(separator: ", "))
            """
    }

    /// Appends a cell's values in the order of the columns.
    static func append(_ counts: RollupCounts, to row: inout [Int64]) throws {
        row.append(counts.events)
        row.append(counts.inputTokens)
        row.append(counts.cacheReadTokens)
        row.append(counts.cacheWrite5mTokens)
        row.append(counts.cacheWrite1hTokens)
        row.append(counts.cacheWriteUnknownTokens)
        row.append(counts.outputTokens)
        row.append(counts.reasoningTokens)
        row.append(counts.webSearches)
        row.append(counts.toolCalls)
        row.append(counts.unpricedEvents)
        row.append(counts.reportedCostNanoUSD)
        for amount in [counts.cost, counts.subscriptionCost] {
            let (usd, femto) = try split(amount)
            row.append(usd)
            row.append(femto)
        }
        row.append(counts.firstMs)
        row.append(counts.lastMs)
    }

    /// Adds the values that begin at `start` of `row` to those that begin at `place` of `sums`, as `upsert` does.
    static func add(_ row: [Int64], at start: Int, to sums: inout [Int64], at place: Int) throws {
        for column in 0..<added.count {
            sums[place + column] = try sum(sums[place + column], row[start + column])
        }
        for amount in money.indices {
            let usd = added.count + 2 * amount
            let femto = usd + 1
            // Both are below 10¹⁵.
            let carried = sums[place + femto] + row[start + femto]
            let hasCarry = carried >= Int64(femtoPerUSD)
            sums[place + usd] = try sum(try sum(sums[place + usd], row[start + usd]), hasCarry ? 1 : 0)
            sums[place + femto] = hasCarry ? carried - Int64(femtoPerUSD) : carried
        }
        let (first, last) = (count - 2, count - 1)
        sums[place + first] = min(sums[place + first], row[start + first])
        sums[place + last] = max(sums[place + last], row[start + last])
    }

    private static func sum(_ left: Int64, _ right: Int64) throws -> Int64 {
        let (sum, isOver) = left.addingReportingOverflow(right)
        guard !isOver else { throw UnreadableValue.overflow }
        return sum
    }

    /// The values of sums in 128 bits, in the order of the columns; throws where one does not fit its column.
    static func values(_ sums: UsageSums) throws -> [Int64] {
        let cost = try split(sums.cost)
        let subscription = try split(sums.subscriptionCost)
        let counted = try [
            sums.events, sums.inputTokens, sums.cacheReadTokens, sums.cacheWrite5mTokens, sums.cacheWrite1hTokens,
            sums.cacheWriteUnknownTokens, sums.outputTokens, sums.reasoningTokens, sums.webSearches, sums.toolCalls,
            sums.unpricedEvents, sums.reportedNanoUSD,
        ].map { try checked($0) }
        return counted + [
            cost.usd, cost.femto, subscription.usd, subscription.femto, sums.firstMs, sums.lastMs,
        ]
    }

    private static func split(_ money: Money) throws -> (usd: Int64, femto: Int64) {
        // Nearly all: a division of 128 bits takes several times as long.
        if let small = UInt64(exactly: money.femtoUSD) {
            let (usd, femto) = small.quotientAndRemainder(dividingBy: UInt64(femtoPerUSD))
            return (Int64(usd), Int64(femto))
        }
        var (usd, femto) = money.femtoUSD.quotientAndRemainder(dividingBy: femtoPerUSD)
        if femto < 0 {
            usd -= 1
            femto += femtoPerUSD
        }
        return (try checked(usd), Int64(femto))
    }

    /// The columns of a cell as `counts` reads them.
    static let plainExpressions = all

    /// One cell, whose columns begin at `start` of `row`.
    static func counts(_ row: Row, from start: Int) throws -> RollupCounts {
        let values = try (start..<start + all.count).map { try row.int($0) }
        var counts = RollupCounts()
        counts.events = values[0]
        counts.inputTokens = values[1]
        counts.cacheReadTokens = values[2]
        counts.cacheWrite5mTokens = values[3]
        counts.cacheWrite1hTokens = values[4]
        counts.cacheWriteUnknownTokens = values[5]
        counts.outputTokens = values[6]
        counts.reasoningTokens = values[7]
        counts.webSearches = values[8]
        counts.toolCalls = values[9]
        counts.unpricedEvents = values[10]
        counts.reportedCostNanoUSD = values[11]
        counts.cost = Money(femtoUSD: Int128(values[12]) * femtoPerUSD + Int128(values[13]))
        counts.subscriptionCost = Money(femtoUSD: Int128(values[14]) * femtoPerUSD + Int128(values[15]))
        counts.firstMs = values[16]
        counts.lastMs = values[17]
        return counts
    }

    // MARK: Adding up in SQL

    /// What a report selects for each group; `sums` reads it. Money is cut into halves whose sums cannot
    /// overflow for any number of rows below 2³¹. Tokens need no cutting: a tenant's total is capped far
    /// below 2⁶³ (`Limits.tenantTotalMax`), and `SUM` throws rather than wraps.
    static let sumExpressions: [String] =
        added.dropLast().map { "SUM(\($0))" } + [
            "SUM(reported_nano >> 32)", "SUM(reported_nano & 4294967295)",
        ]
        + money.flatMap {
            [
                "SUM(\($0)_usd >> 32)", "SUM(\($0)_usd & 4294967295)",
                "SUM(\($0)_femto / 1000000)", "SUM(\($0)_femto % 1000000)",
            ]
        } + ["MIN(first_ms)", "MAX(last_ms)"]

    /// The sums of one group, which begin at column `start` of `row`.
    static func sums(_ row: Row, from start: Int) throws -> UsageSums {
        let values = try (start..<start + sumExpressions.count).map { Int128(try row.int($0)) }
        var sums = UsageSums()
        sums.events = values[0]
        sums.inputTokens = values[1]
        sums.cacheReadTokens = values[2]
        sums.cacheWrite5mTokens = values[3]
        sums.cacheWrite1hTokens = values[4]
        sums.cacheWriteUnknownTokens = values[5]
        sums.outputTokens = values[6]
        sums.reasoningTokens = values[7]
        sums.webSearches = values[8]
        sums.toolCalls = values[9]
        sums.unpricedEvents = values[10]
        sums.reportedNanoUSD = values[11] << 32 + values[12]
        sums.cost = try money(values[13..<17])
        sums.subscriptionCost = try money(values[17..<21])
        sums.firstMs = Int64(values[21])
        sums.lastMs = Int64(values[22])
        return sums
    }

    /// An amount from the sums of its four parts.
    private static func money(_ parts: ArraySlice<Int128>) throws -> Money {
        let start = parts.startIndex
        let usd = parts[start] << 32 + parts[start + 1]
        let (whole, isOver) = usd.multipliedReportingOverflow(by: femtoPerUSD)
        let (sum, isOverToo) = whole.addingReportingOverflow(parts[start + 2] * 1_000_000 + parts[start + 3])
        guard !isOver, !isOverToo else { throw UnreadableValue.overflow }
        return Money(femtoUSD: sum)
    }
}
