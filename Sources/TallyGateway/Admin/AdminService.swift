import Foundation
import Synchronization
import TallyHash
import TallyIO
import TallyModel
import TallyStorage
import TallyUsage

/// Answers operators' commands on an open data folder: the same code whether the asking process is this one or comes
/// through the folder's socket.
package struct AdminService: Sendable {
    let store: Store

    package init(store: Store) { self.store = store }

    private var catalog: Catalog { store.services.folder.catalog }
    private var prices: PriceCommands { PriceCommands(store: store) }

    package func answer(_ call: AdminCall) -> AdminReply {
        do {
            return try perform(call)
        } catch let error as AdminError {
            return .failed(error.description)
        } catch let error as StorageError {
            return .failed(error.description)
        } catch {
            return .failed("\(error)")
        }
    }

    private func perform(_ call: AdminCall) throws -> AdminReply {
        if call.format == .csv, case .usage = call.request {
        } else if call.format == .csv {
            throw AdminError.csvOnlyForUsage
        }
        switch call.request {
        case .tenantCreate(let name, let plan, let days):
            return try store.changing.withLock { _ in try createTenant(name, plan, days, call.format) }
        case .tenantList:
            return .done(AdminTables.tenants(try catalog.tenants().map(facts), format: call.format))
        case .tenantShow(let name):
            return .done(
                AdminTables.tenant(try facts(try catalog.tenant(named: tenantName(name))), format: call.format))
        case .enroll(let tenant, let workstation):
            return try store.changing.withLock { _ in try enroll(tenant, workstation, call.format) }
        case .workstationList(let tenant): return try workstations(tenant, call.format)
        case .workstationRevoke(let tenant, let workstation):
            return try store.changing.withLock { _ in try revoke(tenant, workstation, call.format) }
        case .usage(let arguments):
            let report = try store.usage.report(arguments)
            switch call.format {
            case .json: return .done(report.json + "\n")
            case .csv: return .done(report.csv)
            case .text: return .done(report.table)
            }
        case .sessions(let arguments):
            let sessions = SessionsService(
                services: store.services, board: store.board, views: store.views)
            return .done(try sessions.report(arguments, nowMs: WallClock.nowMs()).text(format: call.format))
        case .verify(let tenant): return try verify(tenant, call.format)
        case .tenantDelete(let name):
            return try store.changing.withLock { _ in try deleteTenant(name, call.format) }
        case .rebuild(let tenant): return try rebuild(tenant, call.format)
        case .audit(let tenant, let limit):
            return try AuditReport(store: store).reply(tenant: tenant, limit: limit, format: call.format)
        case .pricesList: return try prices.list(call.format)
        case .pricesShow(let model, let at): return try prices.show(model, at: at, call.format)
        case .pricesCheck(let book): return try prices.check(book, call.format)
        case .pricesUse(let book): return try store.changing.withLock { _ in try prices.use(book, call.format) }
        case .reprice(let arguments): return try prices.reprice(arguments, call.format)
        }
    }

    // MARK: Tenants

    private func createTenant(
        _ name: String, _ planText: String, _ days: Int?, _ format: OutputFormat
    ) throws -> AdminReply {
        guard let plan = Plan(name: planText) else { throw AdminError.plan(planText) }
        let tenant = try catalog.createTenant(
            try tenantName(name), plan: plan, retentionDays: days,
            draws: TenantDraws(random: Random.bytes(TenantDraws.bytesCount)), by: store.stamp())
        store.directory.add(tenant)
        try store.open(tenant)
        if case .quarantined(let reason)? = store.board[tenant.id] {
            throw AdminError.quarantined(tenant: tenant.name, reason: reason)
        }
        if case .waiting(let reason)? = store.board[tenant.id] {
            throw AdminError.waiting(tenant: tenant.name, reason: reason)
        }
        guard format == .text else { return .done(AdminTables.tenant(try facts(tenant), format: format)) }
        return .done("created tenant \(tenant.name) (\(plan.name), keeps events \(tenant.retention.days) days)\n")
    }

    private func tenantName(_ text: String) throws -> TenantName {
        guard let name = TenantName(text) else { throw AdminError.tenantName }
        return name
    }

    private func facts(_ tenant: Tenant) throws -> AdminTables.TenantFacts {
        let live = try catalog.workstations(of: tenant.id).filter(\.isLive).count
        var records: UInt64?
        var problem: String?
        switch store.board[tenant.id] {
        case .open(let durable)?: records = durable.ordinal
        case .waiting(let reason)?: problem = "waiting: \(reason)"
        case .quarantined(let reason)?: problem = "quarantined: \(reason)"
        case nil: break
        }
        return AdminTables.TenantFacts(
            name: tenant.name.text, plan: tenant.plan.name, retentionDays: tenant.retention.days,
            state: tenant.state.name, createdMs: tenant.createdMs, workstations: live, ledgerRecords: records,
            problem: problem)
    }

    private func deleteTenant(_ name: String, _ format: OutputFormat) throws -> AdminReply {
        let tenant = try catalog.tenant(named: try tenantName(name))
        try TenantDeletion(store: store).delete(tenant, by: store.stamp())
        guard format == .text else { return .done(AdminTables.json(["tenant": name, "state": "deleted"])) }
        return .done("deleted tenant \(name) and all that it held; backups made before keep their copies\n")
    }

    /// Views are only derived: made anew, they say what the ledger says.
    private func rebuild(_ tenant: String?, _ format: OutputFormat) throws -> AdminReply {
        struct Rebuilt: Encodable {
            let tenant: String
            let records: UInt64
        }
        var tenants = try catalog.tenants().filter { $0.state == .active }
        if let tenant { tenants = [try catalog.tenant(named: try tenantName(tenant))] }
        var rebuilt: [Rebuilt] = []
        for tenant in tenants {
            let records = try rebuild(tenant)
            try catalog.audit(
                AuditRow(
                    stamp: store.stamp(), tenant: tenant.id, action: .viewsRebuilt, first: Int64(clamping: records)))
            rebuilt.append(Rebuilt(tenant: tenant.name.text, records: records))
        }
        guard format == .text else { return .done(AdminTables.json(["rebuilt": rebuilt])) }
        return .done(rebuilt.map { "\($0.tenant): views made anew from \($0.records) ledger records\n" }.joined())
    }

    private func rebuild(_ tenant: Tenant) throws -> UInt64 {
        switch store.board[tenant.id] {
        case .open?:
            guard let outcome = store.views.sync({ $0.rebuild(tenant.id) }) else {
                throw AdminError.notOpen(tenant: tenant.name)
            }
            if let failure = outcome.failure { throw AdminError.notRebuilt(tenant: tenant.name, reason: failure) }
            return outcome.records
        case .waiting(let reason)?: throw AdminError.waiting(tenant: tenant.name, reason: reason)
        case .quarantined(let reason)?: throw AdminError.quarantined(tenant: tenant.name, reason: reason)
        case nil: throw AdminError.notOpen(tenant: tenant.name)
        }
    }

    // MARK: Workstations

    /// One line and nothing else: it is meant to be handed on. The token is shown this once.
    private func enroll(_ tenant: String, _ workstation: String, _ format: OutputFormat) throws -> AdminReply {
        let name = try tenantName(tenant)
        guard let label = WorkstationLabel(workstation) else { throw AdminError.workstationLabel }
        // First all that can be wrong: a token must not be made for a line that cannot be printed.
        guard let address = try catalog.setting(.publicAddress) ?? catalog.setting(.listenAddress) else {
            throw AdminError.noAddress
        }
        let token = Token(random: Random.bytes(32))
        guard let input = Token.hashInput(presented: token.text) else { preconditionFailure("a token has its shape") }
        let hash = TokenHash(sha256: SHA256.hash(input))
        let enrolled = try catalog.enroll(tenant: name, label: label, tokenHash: hash, by: store.stamp())
        try store.directory.add(enrolled, token: hash, in: catalog)
        var line = "tally connect \(address) --token \(token.text)"
        if let authority = store.authorityFile { line += " --ca \(authority.shellQuoted)" }
        guard format == .text else {
            return .done(
                AdminTables.json([
                    "address": address, "token": token.text, "ca": store.authorityFile ?? "", "line": line,
                ]))
        }
        return .done(line + "\n")
    }

    private func workstations(_ tenant: String, _ format: OutputFormat) throws -> AdminReply {
        let tenant = try catalog.tenant(named: try tenantName(tenant))
        let rows = try catalog.workstations(of: tenant.id).map { workstation in
            AdminTables.WorkstationFacts(
                workstation: workstation.label.text, state: workstation.isLive ? "enrolled" : "revoked",
                createdMs: workstation.createdMs, revokedMs: workstation.revokedMs, lastSeenMs: workstation.lastSeenMs)
        }
        return .done(AdminTables.workstations(rows, format: format))
    }

    private func revoke(_ tenant: String, _ workstation: String, _ format: OutputFormat) throws -> AdminReply {
        guard let label = WorkstationLabel(workstation) else { throw AdminError.workstationLabel }
        let name = try tenantName(tenant)
        let revoked: Workstation
        do { revoked = try catalog.revoke(tenant: name, label: label, by: store.stamp()) } catch {
            // A commit that failed may have been kept: what the catalog says now is what holds.
            try? store.directory.refresh(from: catalog)
            throw error
        }
        try store.directory.revoke(revoked, in: catalog)
        store.ledgers.submit(ShardDelivery(shard: nil, commands: [.revoke(revoked.id)]))
        guard format == .text else { return .done(AdminTables.json(["workstation": label.text, "state": "revoked"])) }
        return .done("revoked workstation '\(label)'; what it sent stays\n")
    }

    // MARK: Verify

    private func verify(_ tenant: String?, _ format: OutputFormat) throws -> AdminReply {
        var tenants = try catalog.tenants()
        if let tenant {
            let name = try tenantName(tenant)
            tenants = [try catalog.tenant(named: name)]
        }
        let verifier = Verifier(store: store)
        let findings = tenants.map { verifier.verify($0) }
        let isClean = findings.allSatisfy { $0.problems.isEmpty }
        let output =
            format == .text
            ? findings.map(\.text).joined() : AdminTables.json(["tenants": findings])
        guard isClean else {
            return .failed("the ledger or its views do not hold what they should: see above", output: output)
        }
        return .done(output)
    }
}

extension String {
    /// As one word of a shell's command line.
    var shellQuoted: String {
        let plain = allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/._-+:@%,=".contains($0)) }
        return plain && !isEmpty ? self : "'" + replacingOccurrences(of: "'", with: "'\\''") + "'"
    }
}
