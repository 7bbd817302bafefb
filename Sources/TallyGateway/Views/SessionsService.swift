import TallyIO
import TallyModel
import TallyRollup
import TallyStorage

/// Answers `tallygate sessions`: the views and the ledger's tail behind them, in one read transaction, as
/// `UsageService` does. What it shows follows from the ledger alone, however far the views are.
struct SessionsService: Sendable {
    let services: Services
    let board: TenantBoard
    let views: ViewsKeeper

    /// What was asked for, checked.
    struct Query {
        let tenant: TenantName
        /// Empty for all but the ended.
        let phases: Set<SessionPhase>
        let stuckMs: Int64
        let isStuckOnly: Bool
        let daysMs: Int64
        let limit: Int

        init(_ arguments: SessionsArguments) throws {
            guard let name = TenantName(arguments.tenant) else { throw AdminError.tenantName }
            tenant = name
            var phases: Set<SessionPhase> = []
            for word in arguments.states {
                guard let phase = SessionPhase.shown.first(where: { $0.name == word }) else {
                    throw AdminError.sessionState(word)
                }
                phases.insert(phase)
            }
            self.phases = phases
            guard (1...Limits.sessionsShownMax).contains(arguments.limit),
                (1...Limits.sessionsDaysMax).contains(arguments.days),
                (1...Limits.sessionsDaysMax * 1_440).contains(arguments.stuckMinutes ?? 1)
            else { throw AdminError.sessionsBound }
            limit = arguments.limit
            daysMs = Int64(arguments.days) * 86_400_000
            isStuckOnly = arguments.stuckMinutes != nil
            stuckMs = Int64(arguments.stuckMinutes ?? Limits.sessionStuckMinutes) * 60_000
        }

        func admits(_ status: SessionStatus, nowMs: Int64) -> Bool {
            guard let phase = status.phase, status.lastMs >= nowMs - daysMs else { return false }
            if isStuckOnly, !status.isStuck(nowMs: nowMs, limitMs: stuckMs) { return false }
            return phases.isEmpty ? phase != .ended : phases.contains(phase)
        }
    }

    func report(_ arguments: SessionsArguments, nowMs: Int64) throws -> SessionsReport {
        let query = try Query(arguments)
        let tenant = try services.folder.catalog.tenant(named: query.tenant)
        let durable = try board.durable(tenant)
        views.hurry(tenant.id, to: durable.ordinal)
        let labels = try services.folder.catalog.labels(of: tenant.id)
        let folder = try services.folder.tenantDirectory(tenant)
        let ledger = try folder.openDirectory(TenantLedger.folderName)
        let reader = try ViewsReader(folder: folder.path)
        let statuses = try reader.read { snapshot in
            let known = try snapshot.sessionStatuses(sinceMs: nowMs - query.daysMs, limit: Limits.sessionsReadMax)
            var found = Dictionary(known.map { ($0.session, $0) }) { first, _ in first }
            if (snapshot.position?.ordinal ?? 0) < durable.ordinal {
                var fold = try LedgerFold(
                    disk: ledger, from: snapshot.position, through: durable, books: services.folder.books,
                    streams: try snapshot.streams())
                while let result = try fold.next() { SessionsService.add(result, to: &found) }
            }
            let chosen = found.values.filter { query.admits($0, nowMs: nowMs) }
                .sorted { ($1.lastMs, $0.session) < ($0.lastMs, $1.session) }
                .prefix(query.limit)
            return try chosen.map { status in
                var status = status
                if status.model == nil, let call = try snapshot.latestCall(of: status) {
                    (status.model, status.project) = (call.model, status.project ?? call.project)
                }
                return status
            }
        }
        return SessionsReport(
            tenant: query.tenant, nowMs: nowMs, stuckMs: query.stuckMs, statuses: statuses, labels: labels)
    }

    /// What one stretch of the ledger says of sessions.
    private static func add(_ result: LedgerFold.Result, to found: inout [SessionID: SessionStatus]) {
        for (key, delta) in result.sessions {
            let status = SessionStatus(session: key.session, workstation: key.workstation, delta)
            if found[key.session] == nil { found[key.session] = status } else { found[key.session]?.take(status) }
        }
        var latest: [SessionID: Int64] = [:]
        for (key, counts) in result.cells where counts.lastMs >= latest[key.session] ?? .min {
            latest[key.session] = counts.lastMs
            found[key.session]?.model = key.model
            if let project = key.project { found[key.session]?.project = project }
        }
    }
}
