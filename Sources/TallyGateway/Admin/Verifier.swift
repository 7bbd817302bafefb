import Foundation
import TallyIO
import TallyLog
import TallyModel
import TallyRollup
import TallyStorage
import TallyUsage
import TallyWire

/// Recomputes everything that a tenant's ledger says and compares: checksums, canonical bodies, contiguity, chain,
/// totals; then the views against a fold of the same records. Reads only, beside a working gateway.
struct Verifier: Sendable {
    let store: Store

    struct Finding: Encodable {
        let tenant: String
        var records: UInt64 = 0
        var events: UInt64 = 0
        var streams: Int = 0
        var cells: Int = 0
        var problems: [String] = []

        var text: String {
            let head = "\(tenant): \(records) records, \(events) events, \(streams) streams, \(cells) cells: "
            guard !problems.isEmpty else { return head + "clean\n" }
            return head + "\(problems.count) problems\n" + problems.map { "  \($0)\n" }.joined()
        }
    }

    func verify(_ tenant: Tenant) -> Finding {
        var finding = Finding(tenant: tenant.name.text)
        switch store.board[tenant.id] {
        case .open(let durable)?:
            do { try verify(tenant, through: durable, &finding) } catch { finding.problems.append("\(error)") }
        case .waiting(let reason)?: finding.problems.append("waiting to be opened: \(reason)")
        case .quarantined(let reason)?: finding.problems.append("quarantined: \(reason)")
        case nil: finding.problems.append("not open; see the gateway's log")
        }
        return finding
    }

    private func verify(_ tenant: Tenant, through durable: LedgerPosition, _ finding: inout Finding) throws {
        let folder = try store.services.folder.tenantDirectory(tenant)
        let ledger = try folder.openDirectory(TenantLedger.folderName)
        try replay(ledger, through: durable, &finding)
        let reader = try ViewsReader(folder: folder.path)
        try reader.read { snapshot in
            guard let applied = snapshot.position else { return }
            guard applied.lineage == durable.lineage else {
                finding.problems.append("the views belong to another ledger")
                return
            }
            let (expected, gaps) = try fold(ledger, through: applied)
            var found: [RollupKey: RollupCounts] = [:]
            try snapshot.forEachCell { key, counts in found[key] = counts }
            finding.cells = found.count
            let wrong = expected.filter { found[$0.key] != $0.value }.count + found.keys.count { expected[$0] == nil }
            if wrong > 0 { finding.problems.append("\(wrong) cells of the views differ from the ledger") }
            if try snapshot.gapTotals() != gaps {
                finding.problems.append("the gaps of the views differ from the ledger")
            }
            if try !snapshot.tablesAgree() { finding.problems.append("the views' tables do not agree") }
        }
    }

    /// Checks every record against those before it.
    private func replay(
        _ ledger: any LogDisk, through durable: LedgerPosition, _ finding: inout Finding
    ) throws {
        var state = LedgerState()
        var replay = try LedgerReplay(disk: ledger, from: nil, through: durable.ordinal)
        while let record = try replay.next() {
            finding.records += 1
            let isBatch = record.draft.kind == .batch
            if isBatch {
                finding.events += UInt64(replay.batch.count)
                let chain = Chain.advance(record.draft.chainBefore, over: replay.batch)
                if chain != record.draft.chainAfter, let ordinal = replay.header?.ordinal {
                    finding.problems.append("the rows of record \(ordinal) do not give its chain value")
                }
            }
            try state.apply(record.draft, body: record.body, batchTotals: isBatch ? replay.batchTotals : nil)
        }
        finding.streams = state.streams.count
    }

    private func fold(
        _ ledger: any LogDisk, through applied: LedgerPosition
    ) throws -> (cells: [RollupKey: RollupCounts], gaps: GapTotals) {
        var sums: [RollupKey: RollupCounts] = [:]
        var gaps = GapTotals()
        var fold = try LedgerFold(
            disk: ledger, from: nil, through: applied, books: store.services.folder.books)
        while let result = try fold.next() {
            for (key, counts) in result.cells { sums[key, default: RollupCounts()] += counts }
            for gap in result.gaps {
                gaps.events += Int128(gap.events)
                gaps.reportedNanoUSD += Int128(gap.reportedNanoUSD)
            }
        }
        return (sums, gaps)
    }
}
