import ArgumentParser
import Foundation
import TallyModel
import TallyStorage
import TallyUsage

extension Parts {
    /// Reports over views that stand for a hundred million events.
    struct Query: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Times reports over 90 days, through the code that tallygate usage uses.",
            discussion: """
                Each run opens the views, answers the query in one read transaction and writes the report as JSON. The \
                first row is the report that the headline is of: by day and model, in UTC.
                """)

        @Option(help: "How many events the views stand for: up to a billion.")
        var events = 100_000_000

        @Option(help: "Runs of each report.")
        var runs = 50

        @OptionGroup var options: Options

        private static let reports: [(by: [UsageDimension], zone: String)] = [
            ([.day, .model], "UTC"), ([.day, .model], "Europe/Berlin"), ([.day, .model], "Asia/Kolkata"),
            ([.hour, .model], "UTC"), ([.model], "UTC"), ([.day, .project], "UTC"),
        ]

        func validate() throws {
            guard (10_000...1_000_000_000).contains(events) else {
                throw ValidationError("--events is 10000 to 1000000000")
            }
            guard (1...10_000).contains(runs) else { throw ValidationError("--runs is 1 to 10000") }
        }

        func run() throws {
            let folder = try Folder()
            let load = try ViewsLoad(seed: options.seed, events: events, in: folder.path)
            guard let tenant = TenantName("bench") else { throw Mismatch("a tenant's name") }
            let start = ViewsLoad.firstDay * 86_400_000
            var rows: [Sheet] = []
            var headline = Timed()
            for (number, report) in Self.reports.enumerated() {
                var query = UsageQuery(by: report.by, timeZone: try UsageQuery.timeZone(named: report.zone))
                query.sinceMs = start
                query.untilMs = start + Int64(ViewsLoad.days) * 86_400_000
                let timed = try time(query, tenant, folder.path, slow: number == Self.reports.count - 1)
                try check(timed.report, against: load, byDay: report.by == [.day, .model] && report.zone == "UTC")
                if number == 0 { headline = timed }
                rows.append(row(report, timed))
            }
            var sheet = Sheet()
            sheet.add("events", load.events)
            sheet.add("cells", load.cells)
            sheet.add("sessions", load.sessions)
            sheet.add("days", ViewsLoad.days)
            sheet.add("views_mb", Double(Folder.bytes(below: folder.path)) / 1e6)
            sheet.add("runs", runs)
            sheet.add("cpu_ms_p50", headline.cpuMs(50))
            sheet.add("cpu_ms_p99", headline.cpuMs(99))
            sheet.add("wall_ms_p50", headline.wallMs(50))
            sheet.add("wall_ms_p99", headline.wallMs(99))
            sheet.add("reports", rows)
            sheet.add("check", true)
            sheet.show(asJSON: options.json)
        }

        private struct Timed {
            var report: UsageReport?
            var spans: [Span] = []

            func cpuMs(_ percent: Int) -> Double { Timed.part(spans.map(\.cpuNs), percent) }
            func wallMs(_ percent: Int) -> Double { Timed.part(spans.map(\.wallNs), percent) }

            /// The smallest value that so many percent do not exceed.
            private static func part(_ values: [Int64], _ percent: Int) -> Double {
                guard !values.isEmpty else { return 0 }
                return Double(values.sorted()[max(0, (values.count * percent + 99) / 100 - 1)]) / 1e6
            }
        }

        /// `slow` reports read every cell; a tenth of the runs tells enough of them.
        private func time(_ query: UsageQuery, _ tenant: TenantName, _ folder: String, slow: Bool) throws -> Timed {
            var timed = Timed()
            for _ in 0..<(slow ? max(1, runs / 10) : runs) {
                let (span, report) = try Span.timing {
                    let reader = try ViewsReader(folder: folder)
                    let report = try reader.read { try $0.report(query, tenant: tenant, workstations: [:]) }
                    guard report.json.utf8.count > 2 else { throw Mismatch("a report says something") }
                    return report
                }
                timed.spans.append(span)
                timed.report = report
            }
            return timed
        }

        private func row(_ report: (by: [UsageDimension], zone: String), _ timed: Timed) -> Sheet {
            var row = Sheet()
            row.add("report", report.by.map(\.rawValue).joined(separator: ",") + " " + report.zone)
            row.add("rows", timed.report?.rows.count ?? 0)
            row.add("cpu_ms_p50", timed.cpuMs(50))
            row.add("cpu_ms_p99", timed.cpuMs(99))
            row.add("wall_ms_p50", timed.wallMs(50))
            row.add("wall_ms_p99", timed.wallMs(99))
            return row
        }

        /// The report's rows, and the sum of all, are those of the cells that went in.
        private func check(_ report: UsageReport?, against load: ViewsLoad, byDay: Bool) throws {
            guard let report else { throw Mismatch("there is no report") }
            var sum = RollupCounts()
            for counts in load.truth.values { sum += counts }
            guard Parts.isSame(report.totals, sum) else { throw Mismatch("a report's totals are not the cells'") }
            guard byDay else { return }
            var found: [String: UsageSums] = [:]
            for row in report.rows { found[row.keys.map { $0 ?? "" }.joined(separator: " ")] = row.sums }
            guard found.count == load.truth.count else { throw Mismatch("the report has other days or models") }
            for (group, counts) in load.truth {
                let day = Date(timeIntervalSince1970: Double(group.day) * 86_400)
                let key = day.formatted(.iso8601.year().month().day()) + " " + group.model
                guard let sums = found[key], Parts.isSame(sums, counts) else {
                    throw Mismatch("the row \(key) is not the sum of its cells")
                }
            }
        }
    }

    static func isSame(_ sums: UsageSums, _ counts: RollupCounts) -> Bool {
        sums.events == Int128(counts.events) && sums.inputTokens == Int128(counts.inputTokens)
            && sums.cacheReadTokens == Int128(counts.cacheReadTokens)
            && sums.cacheWrite5mTokens == Int128(counts.cacheWrite5mTokens)
            && sums.cacheWrite1hTokens == Int128(counts.cacheWrite1hTokens)
            && sums.cacheWriteUnknownTokens == Int128(counts.cacheWriteUnknownTokens)
            && sums.outputTokens == Int128(counts.outputTokens)
            && sums.reasoningTokens == Int128(counts.reasoningTokens)
            && sums.webSearches == Int128(counts.webSearches) && sums.toolCalls == Int128(counts.toolCalls)
            && sums.unpricedEvents == Int128(counts.unpricedEvents) && sums.cost == counts.cost
            && sums.reportedNanoUSD == Int128(counts.reportedCostNanoUSD)
            && sums.firstMs == counts.firstMs && sums.lastMs == counts.lastMs
    }
}
