import CrashDisk
import TallyGateway
import TallyLog
import TallyModel
import TallyStorage
import TallyUsage
import TestDisk

/// The views of a gateway: behind the ledgers, in real SQLite on a disk that loses its power, or, in most worlds, only as
/// the position that they would have reached, for SQLite takes more time than all the rest.
extension World {
    /// The views' disk and desks, as a process opens them; what they prove durable goes to the ledgers.
    func openViews() {
        guard let disk = gateway.viewsDisk else { return }
        disk.start()
        for tenant in gateway.tenants where tenant.row.state == .active {
            do throws(StorageError) {
                let desk = try ViewsDesk(
                    folder: viewsFolder(tenant, disk), on: disk, books: environment.books, entropy: viewsEntropy)
                tenant.views = desk
                tenant.viewsThrough = desk.evidence(for: tenant.disk)
            } catch {
                violate(.i8, "the views of tenant \(tenant.row.id.value) cannot be opened: \(error)")
            }
        }
    }

    /// Nobody has the files open any more; `losingPower` as the ledgers' disks do.
    func closeViews(losingPower: Bool) {
        guard let disk = gateway.viewsDisk else { return }
        if losingPower { disk.losePower() } else { disk.kill() }
        for tenant in gateway.tenants { tenant.views = nil }
    }

    func viewsFolder(_ tenant: SimTenant, _ disk: CrashDisk) -> String { "\(disk.root)/\(tenant.row.folder)" }

    /// Some ledger has more that is durable.
    func planViews() {
        guard !gateway.areViewsPlanned else { return }
        gateway.areViewsPlanned = true
        plan(.views(life: gateway.life), after: 1 + random.next() % plan.viewsDelayNs)
    }

    func moveViews() {
        gateway.areViewsPlanned = false
        for tenant in gateway.tenants {
            guard case .open(let durable)? = gateway.board[tenant.row.id] else { continue }
            guard let desk = tenant.views else {
                tenant.viewsThrough = max(tenant.viewsThrough, durable.ordinal)
                continue
            }
            // Mostly they wait for the harvest.
            if checks.chance(10) { moved(tenant, desk.catchUp(through: durable, on: tenant.disk), durable) }
        }
        guard plan.hasViews, gateway.harvest.begin(shards: 0..<World.shards) else { return }
        for shard in 0..<World.shards {
            plan(.sums(shard: shard, life: gateway.life), after: 1 + random.next() % plan.roundDelayNs)
        }
    }

    /// Everything that was summed is taken and committed: what was held comes next.
    func endHarvest(_ core: LedgerCore) {
        let (sums, held) = gateway.harvest.end()
        let stretches = core.harvest(sums)
        coverage.stretches += stretches.count
        coverage.wholeStretches += stretches.count { $0.content != nil }
        plan(.stretches(stretches, life: gateway.life), after: 1 + random.next() % plan.viewsDelayNs)
        guard !held.isEmpty else { return }
        gateway.mailbox.insert(contentsOf: held, at: 0)
        planRound()
    }

    /// One that does not reach the views, or reaches them late, twice or without its sums, costs a reading.
    func takeStretch(_ stretch: LedgerStretch) {
        guard let tenant = gateway.tenant(stretch.tenant), let desk = tenant.views,
            case .open(let durable)? = gateway.board[stretch.tenant]
        else { return }
        var stretch = stretch
        let draw = checks.below(100)
        if draw < 5 { return planViews() }
        if draw < 10 { stretch.content = nil }
        if draw < 15 { moved(tenant, desk.catchUp(through: durable, on: tenant.disk), durable) }
        moved(tenant, desk.take(stretch, on: tenant.disk), durable)
        if draw > 95, tenant.views != nil { moved(tenant, desk.take(stretch, on: tenant.disk), durable) }
    }

    private func moved(_ tenant: SimTenant, _ outcome: ViewsDesk.Outcome, _ durable: LedgerPosition) {
        coverage.viewTransactions += outcome.transactions
        note(70, outcome.through, "the views of tenant \(tenant.row.id.value) hold \(outcome.through) records")
        if outcome.through > durable.ordinal {
            violate(.i8, "views hold \(outcome.through) records, the ledger has \(durable.ordinal) durable")
        }
        if let cause = outcome.rebuilt {
            coverage.viewRebuilds += 1
            note(71, 0, "the views of tenant \(tenant.row.id.value) are built anew: \(cause.words)")
            // After a failed write the file is thrown away; views of another ledger come of a folder put back.
            if cause != .damaged, !tenant.isTampered, !tenant.wasPutBack {
                violate(.i8, "the views of tenant \(tenant.row.id.value) were thrown away: \(cause.words)")
            }
        }
        if outcome.failure != nil { planViews() }
    }

    /// I8: what a reader of the views sees is what the ledger adds up to.
    func checkStoredViews(_ tenant: SimTenant, _ cells: [RollupKey: RollupCounts], through: LedgerPosition) {
        guard let disk = gateway.viewsDisk, let desk = tenant.views else { return }
        let outcome = desk.catchUp(through: through, on: tenant.disk)
        if let failure = outcome.failure { return violate(.i8, "views without faults do not move: \(failure)") }
        var stored: [RollupKey: RollupCounts] = [:]
        var position: LedgerPosition?
        var doAgree = false
        var reported: UsageReport?
        do {
            let reader = try ViewsReader(folder: viewsFolder(tenant, disk), on: disk)
            try reader.read { snapshot in
                position = snapshot.position
                doAgree = try snapshot.tablesAgree()
                try snapshot.forEachCell { key, counts in stored[key, default: RollupCounts()] += counts }
                // Answered by the hours, which know no workstations.
                reported = try snapshot.report(
                    UsageQuery(by: [.day, .model]), tenant: tenant.row.name, workstations: [:])
            }
        } catch {
            return violate(.i8, "the views cannot be read: \(error)")
        }
        if position != through { violate(.i8, "the views do not stand where the ledger does") }
        if !doAgree { violate(.i8, "the tables of the views disagree") }
        if let reported, !isSum(reported, of: cells) {
            violate(.i8, "tenant \(tenant.row.id.value): a report by day and model is not the ledger's")
        }
        let differing =
            cells.keys.filter { stored[$0] != cells[$0] }.count + stored.keys.filter { cells[$0] == nil }.count
        if differing > 0 {
            violate(.i8, "tenant \(tenant.row.id.value): \(differing) cells of the views are not the ledger's")
        }
    }
    /// Whether each row of a report by model is the sum of its cells, in tokens and money.
    private func isSum(_ report: UsageReport, of cells: [RollupKey: RollupCounts]) -> Bool {
        var sums: [String: RollupCounts] = [:]
        for (key, counts) in cells where !counts.isEmpty { sums[key.model.text, default: RollupCounts()] += counts }
        var found: [String: UsageSums] = [:]
        for row in report.rows {
            guard let model = row.keys.last ?? nil else { return false }
            do { try found[model, default: UsageSums()].add(row.sums) } catch { return false }
        }
        return found == sums.mapValues { UsageSums($0) }
    }
}
