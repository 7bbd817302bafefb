import Foundation
import TallyIO
import TallyLog
import TallyModel
import TallyPricing
import TallyStorage
import TallyWire

/// `tallygate audit`: who did what to the data folder or a tenant, and every discard that the tenant's ledger notes.
///
/// Actions come from the catalog; discards from the ledger itself, so that none can be missing here and stand there:
/// gaps (what workstations gave up), purges, husks, and each life of the store. Newest first.
struct AuditReport: Sendable {
    let store: Store

    struct Line: Encodable {
        let timeMs: Int64
        let tenant: String?
        let who: String
        let what: String
        let detail: String
        /// Events that will never be counted; nil where the line is no discard.
        var events: UInt64?
        var tokens: String?
        var reportedNanoUSD: String?

        enum CodingKeys: String, CodingKey {
            case tenant, who, what, detail, events, tokens
            case timeMs = "time_ms"
            case reportedNanoUSD = "reported_cost_nano_usd"
        }
    }

    private var catalog: Catalog { store.services.folder.catalog }

    func reply(tenant text: String?, limit: Int, format: OutputFormat) throws -> AdminReply {
        guard (1...Limits.auditRowsReadMax).contains(limit) else { throw AdminError.auditLimit }
        var lines: [Line] = []
        if let text {
            guard let name = TenantName(text) else { throw AdminError.tenantName }
            let tenant = try catalog.tenant(named: name)
            lines = try actions(of: tenant, limit: limit) + discards(of: tenant, limit: limit)
        } else {
            lines = try actions(of: nil, limit: limit)
        }
        // Of one instant, what was noted later comes first: the sort keeps the order of what is equal.
        lines.sort { $0.timeMs > $1.timeMs }
        lines = Array(lines.prefix(limit))
        guard format == .text else { return .done(AdminTables.json(["audit": lines])) }
        guard !lines.isEmpty else { return .done("nothing has been done yet\n") }
        return .done(
            AdminTables.table(
                head: ["time", "tenant", "who", "what", "detail"],
                rows: lines.map { [AdminTables.time($0.timeMs), $0.tenant ?? "-", $0.who, $0.what, $0.detail] }))
    }

    // MARK: Actions

    private func actions(of tenant: Tenant?, limit: Int) throws -> [Line] {
        var names: [TenantID: String] = [:]
        for tenant in try catalog.tenants() { names[tenant.id] = tenant.name.text }
        let labels = try tenant.map { try catalog.labels(of: $0.id) } ?? [:]
        return try catalog.auditRows(tenant: tenant?.id, limit: limit).map { row in
            Line(
                timeMs: row.stamp.timeMs, tenant: row.tenant.map { names[$0] ?? "#\($0.value), deleted" },
                who: Self.who(row.stamp.actor, labels), what: row.action.name, detail: Self.detail(row, labels))
        }
    }

    private static func who(_ actor: Actor, _ labels: [WorkstationID: WorkstationLabel]) -> String {
        switch actor {
        case .gateway: "gateway"
        case .user(let number): "user \(number)"
        case .workstation(let id): workstation(id, labels)
        }
    }

    private static func workstation(_ id: WorkstationID, _ labels: [WorkstationID: WorkstationLabel]) -> String {
        labels[id].map { "workstation \($0.text)" } ?? "workstation #\(id.value)"
    }

    private static func detail(_ row: AuditRow, _ labels: [WorkstationID: WorkstationLabel]) -> String {
        func named(_ number: Int64) -> String { workstation(WorkstationID(UInt64(bitPattern: number)), labels) }
        return switch row.action {
        case .tenantCreated: "keeps events \(row.second) days"
        case .workstationEnrolled, .workstationRevoked: named(row.first)
        case .settingChanged: Setting(rawValue: UInt8(clamping: row.first))?.name ?? "setting \(row.first)"
        case .contentRejected:
            "\(named(row.second)) sent the reserved column "
                + (ColumnID(rawValue: UInt8(clamping: row.first))?.name ?? "\(row.first)")
        case .viewsRebuilt: "\(row.first) ledger records"
        case .priceBookUsed:
            PriceBookID(UInt64(bitPattern: row.first)).name + (row.second == 0 ? "" : ", the program's own")
        case .gatewayStarted: "\(row.first) tenants, \(row.second) of them quarantined"
        case .gatewayStopped: "\(row.first) events committed"
        case .tenantDeletionBegun, .tenantDeleted, .epochRenewed: ""
        }
    }

    // MARK: Discards

    /// One pass over the ledger's headers; batches are passed over unread. Keeps the newest `limit`.
    private func discards(of tenant: Tenant, limit: Int) throws -> [Line] {
        guard case .open(let durable)? = store.board[tenant.id] else { return [] }
        let ledger = try store.services.folder.tenantDirectory(tenant).openDirectory(TenantLedger.folderName)
        let labels = try catalog.labels(of: tenant.id)
        var owners: [UInt32: WorkstationID] = [:]
        var found: [Line] = []
        var replay = try LedgerReplay(disk: ledger, from: nil, through: durable.ordinal)
        while let record = try replay.next([]) {
            if record.draft.kind == .stream, let stream = try? StreamRecord(decoding: record.body) {
                owners[stream.number] = stream.workstation
            } else if record.draft.kind == .checkpoint, let checkpoint = try? CheckpointRecord(decoding: record.body) {
                for entry in checkpoint.streams { owners[entry.number] = entry.workstation }
            }
            let who = owners[record.draft.stream].map { Self.workstation($0, labels) } ?? "gateway"
            guard let line = Self.discard(record.draft, record.body, tenant: tenant.name.text, who: who) else {
                continue
            }
            found.append(line)
            if found.count >= 2 * limit { found.removeFirst(limit) }
        }
        return found.reversed()
    }

    private static func discard(_ draft: RecordDraft, _ body: [UInt8], tenant: String, who: String) -> Line? {
        switch draft.kind {
        case .gap:
            guard let gap = try? GapRecord(decoding: body) else { return nil }
            let reason = SkipReason(rawValue: gap.reason).map { "\($0)" } ?? "reason \(gap.reason)"
            return Line(
                timeMs: draft.receivedAtMs, tenant: tenant, who: who, what: "gap",
                detail: "\(reason): events \(gap.first.value) to \(gap.last.value) of stream \(draft.stream), "
                    + "\(gap.totals.tokens) tokens, reported cost \(gap.totals.reportedNanoUSD) nano-USD",
                events: gap.events, tokens: "\(gap.totals.tokens)",
                reportedNanoUSD: "\(gap.totals.reportedNanoUSD)")
        case .purge:
            guard let purge = try? PurgeRecord(decoding: body) else { return nil }
            return Line(
                timeMs: draft.receivedAtMs, tenant: tenant, who: "gateway", what: "purge",
                detail: "\(purge.scope): \(purge.events) events", events: purge.events)
        case .epoch:
            guard let epoch = try? EpochRecord(decoding: body) else { return nil }
            return Line(
                timeMs: draft.receivedAtMs, tenant: tenant, who: "gateway", what: "store_epoch",
                detail: epoch.reason == .created ? "the ledger begins" : "a new life of the store begins")
        case .batch, .stream, .checkpoint, .seal, .priceBook, .husk, .sourceDelta, .acknowledged, .deadLetter,
            .adoption:
            return nil
        }
    }
}
