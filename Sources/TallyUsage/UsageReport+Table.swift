import TallyModel

/// A report for people: aligned columns, a total, and what the numbers leave out.
extension UsageReport {
    package var table: String {
        guard !rows.isEmpty else { return "No usage in this period.\n" + gapsLine }
        let columns = shownColumns
        var lines: [[String]] = [by.map { UsageReport.title($0) } + columns.map(\.title)]
        for row in rows { lines.append(row.keys.map { $0 ?? "(none)" } + columns.map { $0.text(row.sums) }) }
        let total = ["Total"] + Array(repeating: "", count: by.count - 1) + columns.map { $0.text(totals) }
        lines.append(total)

        let widths = total.indices.map { column in lines.map { UsageReport.width($0[column]) }.max() ?? 0 }
        var rendered = lines.map { UsageReport.line($0, widths, keys: by.count) }
        let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")
        rendered.insert(rule, at: 1)
        rendered.insert(rule, at: rendered.count - 1)
        return rendered.joined(separator: "\n") + "\n" + unpricedLine + moneyLine + gapsLine
    }

    // MARK: Columns

    private struct Column {
        let title: String
        let text: (UsageSums) -> String

        static func count(_ title: String, _ value: @escaping (UsageSums) -> Int128) -> Column {
            Column(title: title) { UsageReport.grouped(value($0)) }
        }
    }

    /// The columns that every report has, and those that are zero throughout in most.
    private var shownColumns: [Column] {
        var columns: [Column] = [
            .count("Events", \.events), .count("Input", \.inputTokens), .count("Cache read", \.cacheReadTokens),
            .count("Cache write", \.cacheWriteTokens), .count("Output", \.outputTokens),
        ]
        if totals.reasoningTokens != 0 { columns.append(.count("Reasoning", \.reasoningTokens)) }
        if totals.webSearches != 0 { columns.append(.count("Searches", \.webSearches)) }
        let costDecimals = UsageReport.decimals(totals.costNanoUSD)
        columns.append(
            Column(title: "API-equivalent") { sums in
                sums.cost == .zero && sums.unpricedEvents != 0
                    ? "not priced" : UsageReport.dollars(sums.costNanoUSD, decimals: costDecimals)
            })
        if totals.subscriptionCost != .zero {
            columns.append(
                Column(title: "By subscription") {
                    UsageReport.dollars($0.subscriptionNanoUSD, decimals: costDecimals)
                })
        }
        if totals.unpricedEvents != 0 { columns.append(.count("Not priced", \.unpricedEvents)) }
        if totals.reportedNanoUSD != 0 {
            let decimals = UsageReport.decimals(totals.reportedNanoUSD)
            columns.append(
                Column(title: "Reported") { UsageReport.dollars($0.reportedNanoUSD, decimals: decimals) })
        }
        return columns
    }

    private static func title(_ dimension: UsageDimension) -> String {
        dimension.rawValue.prefix(1).uppercased() + dimension.rawValue.dropFirst()
    }

    private static func line(_ cells: [String], _ widths: [Int], keys: Int) -> String {
        var line = ""
        for (index, cell) in cells.enumerated() {
            let blank = String(repeating: " ", count: widths[index] - width(cell))
            if index > 0 { line += "  " }
            line += index < keys ? cell + blank : blank + cell
        }
        while line.last == " " { line.removeLast() }
        return line
    }

    private static func width(_ text: String) -> Int { text.count }

    // MARK: Sentences below

    private var unpricedLine: String {
        guard totals.unpricedEvents != 0 else { return "" }
        return
            "\(UsageReport.events(totals.unpricedEvents)) not priced: the price book has no rate for their model, speed, tier or region. "
            + "The API-equivalent leaves \(totals.unpricedEvents == 1 ? "it" : "them") out.\n"
    }

    /// Where several kinds of money stand side by side: what each is, so that nobody adds them up.
    private var moneyLine: String {
        var kinds: [String] = []
        if totals.subscriptionCost != .zero {
            kinds.append("by subscription is the part of it that a subscription covers, where sources say so")
        }
        if totals.reportedNanoUSD != 0 { kinds.append("reported is what the agents themselves said") }
        guard !kinds.isEmpty else { return "" }
        return
            "API-equivalent is what the price book says; \(kinds.joined(separator: "; ")). They are not to be added up.\n"
    }

    private var gapsLine: String {
        guard gaps.events != 0 else { return "" }
        let cost = UsageReport.dollars(gaps.reportedNanoUSD, decimals: UsageReport.decimals(gaps.reportedNanoUSD))
        return "\(UsageReport.events(gaps.events)) never arrived"
            + (gaps.reportedNanoUSD == 0 ? "" : ", reported cost \(cost)") + ".\n"
    }

    private static func events(_ count: Int128) -> String {
        "\(grouped(count)) \(count == 1 ? "event" : "events")"
    }

    // MARK: Numbers

    /// `1,234,567`.
    package static func grouped(_ value: some BinaryInteger) -> String {
        let digits = Array(String(value.magnitude))
        var text = value < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0 && (digits.count - index).isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return text
    }

    /// A column's decimals follow its total: cents from $100, a hundredth of a cent below.
    package static func decimals(_ totalNanoUSD: Int128) -> Int { totalNanoUSD.magnitude >= 100_000_000_000 ? 2 : 4 }

    /// `$1,234.57`, rounded half to even; `<$0.01` for what would read as nothing.
    package static func dollars(_ nanoUSD: Int128, decimals: Int) -> String {
        let scale: Int128 = decimals == 2 ? 100 : 10_000
        let unit = 1_000_000_000 / scale
        let sign = nanoUSD < 0 ? "-" : ""
        let magnitude = Int128(nanoUSD.magnitude)
        var (steps, rest) = magnitude.quotientAndRemainder(dividingBy: unit)
        if rest * 2 > unit || (rest * 2 == unit && steps % 2 != 0) { steps += 1 }
        if steps == 0 && magnitude != 0 { return "\(sign)<$0.\(String(repeating: "0", count: decimals - 1))1" }
        rest = steps % scale
        let digits = String(rest)
        return "\(sign)$\(grouped(steps / scale)).\(String(repeating: "0", count: decimals - digits.count))\(digits)"
    }
}
