import Foundation
import TallyIO
import TallyModel
import TallyStorage
import TallyUsage

/// Answers `tallygate usage`: the views, the ledger's tail behind them and the cut edges of the period, added up in one
/// read transaction. It shows everything that was acknowledged before it was asked, however far the views are.
struct UsageService: Sendable {
    let services: Services
    let board: TenantBoard
    let views: ViewsKeeper

    func report(_ arguments: UsageArguments) throws -> UsageReport {
        guard let name = TenantName(arguments.tenant) else { throw AdminError.tenantName }
        let tenant = try services.folder.catalog.tenant(named: name)
        // From here on nothing that is acknowledged later needs to be in the report.
        let durable = try board.durable(tenant)
        views.hurry(tenant.id, to: durable.ordinal)
        let labels = try services.folder.catalog.labels(of: tenant.id)
        let query = try query(arguments, labels)
        let folder = try services.folder.tenantDirectory(tenant)
        let ledger = try folder.openDirectory(TenantLedger.folderName)
        let period = max(0, query.sinceMs ?? 0)..<max(query.untilMs ?? .max, max(0, query.sinceMs ?? 0))
        let plan = query.plan()
        let reader = try ViewsReader(folder: folder.path)
        return try reader.read { snapshot in
            let applied = snapshot.position
            let isBehind = (applied?.ordinal ?? 0) < durable.ordinal
            // From its start the ledger itself tells whose streams there are, further on the views do.
            let streams = isBehind ? try snapshot.streams() : []
            // Cell by cell: held-back views leave many stretches of the ledger, most of which add to the same cells.
            var extra: [RollupKey: RollupCounts] = [:]
            var gaps = GapTotals()
            func add(from: LedgerPosition?, through: LedgerPosition, within: [Range<Int64>], countsGaps: Bool) throws {
                var fold = try LedgerFold(
                    disk: ledger, from: from, through: through, books: services.folder.books,
                    streams: from == nil ? [] : streams,
                    within: within)
                while let result = try fold.next() {
                    for (key, counts) in result.cells { extra[key, default: RollupCounts()] += counts }
                    guard countsGaps else { continue }
                    for gap in result.gaps where query.workstations?.contains(gap.workstation) ?? true {
                        gaps.events += Int128(gap.events)
                        gaps.reportedNanoUSD += Int128(gap.reportedNanoUSD)
                    }
                }
            }
            if isBehind {
                try add(from: applied, through: durable, within: [period], countsGaps: true)
            }
            if let applied, !plan.edges.isEmpty {
                try add(from: nil, through: applied, within: plan.edges, countsGaps: false)
            }
            return try snapshot.report(
                query, tenant: name, workstations: labels, extra: extra.map { ($0.key, $0.value) }, extraGaps: gaps)
        }
    }

    private func query(
        _ arguments: UsageArguments, _ labels: [WorkstationID: WorkstationLabel]
    ) throws -> UsageQuery {
        let dimensions = try UsageDimension.list(arguments.by.joined(separator: ","))
        guard !dimensions.isEmpty else { throw AdminError.noDimension }
        let zone = try arguments.timezone.map { try UsageQuery.timeZone(named: $0) } ?? .gmt
        var query = UsageQuery(by: dimensions, timeZone: zone)
        query.sinceMs = try arguments.since.map { try InstantText.ms($0, zone: zone) }
        query.untilMs = try arguments.until.map { try InstantText.ms($0, zone: zone) }
        if let model = arguments.model {
            guard let label = Label(model) else { throw AdminError.modelLabel }
            query.model = label
        }
        if let workstation = arguments.workstation {
            let found = labels.filter { $0.value.text == workstation }.map(\.key)
            guard !found.isEmpty else { throw AdminError.workstationUnknown(workstation) }
            query.workstations = Set(found)
        }
        return query
    }
}

/// An instant as an operator types it: a day in the report's zone, RFC 3339, or milliseconds since 1970.
enum InstantText {
    static func ms(_ text: String, zone: TimeZone) throws(AdminError) -> Int64 {
        if let number = Int64(text), number >= 0, text.count >= 9 { return number }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        if parts.count == 3, text.count == 10, let year = Int(parts[0]), let month = Int(parts[1]),
            let day = Int(parts[2])
        {
            var calendar = Calendar(identifier: .gregorian)
            calendar.timeZone = zone
            let components = DateComponents(year: year, month: month, day: day)
            guard let date = calendar.date(from: components),
                calendar.dateComponents([.year, .month, .day], from: date) == components
            else { throw .instant(text) }
            return Int64((date.timeIntervalSince1970 * 1_000).rounded())
        }
        let styles: [Date.ISO8601FormatStyle] = [.iso8601, .iso8601.time(includingFractionalSeconds: true)]
        for style in styles {
            if let date = try? Date(text, strategy: style) {
                return Int64((date.timeIntervalSince1970 * 1_000).rounded())
            }
        }
        throw .instant(text)
    }
}
