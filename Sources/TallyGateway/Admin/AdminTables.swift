import Foundation
import TallyModel
import TallyStorage

/// How tenants and workstations are printed: aligned columns for people, stable JSON for programs.
enum AdminTables {
    struct TenantFacts: Encodable {
        let name: String
        let plan: String
        let retentionDays: Int
        let state: String
        let createdMs: Int64
        let workstations: Int
        /// Records of the ledger that are on stable storage; nil while it is not open.
        let ledgerRecords: UInt64?
        let problem: String?

        enum CodingKeys: String, CodingKey {
            case name, plan, state, workstations, problem
            case retentionDays = "retention_days"
            case createdMs = "created_ms"
            case ledgerRecords = "ledger_records"
        }
    }

    struct WorkstationFacts: Encodable {
        let workstation: String
        let state: String
        let createdMs: Int64
        let revokedMs: Int64?
        let lastSeenMs: Int64?

        enum CodingKeys: String, CodingKey {
            case workstation, state
            case createdMs = "created_ms"
            case revokedMs = "revoked_ms"
            case lastSeenMs = "last_seen_ms"
        }
    }

    static func tenants(_ tenants: [TenantFacts], format: OutputFormat) -> String {
        guard format == .text else { return json(["tenants": tenants]) }
        guard !tenants.isEmpty else { return "no tenants yet; make one with 'tallygate tenant create NAME'\n" }
        return table(
            head: ["tenant", "plan", "days", "workstations", "state"],
            rows: tenants.map {
                [$0.name, $0.plan, "\($0.retentionDays)", "\($0.workstations)", $0.problem ?? $0.state]
            })
    }

    static func tenant(_ tenant: TenantFacts, format: OutputFormat) -> String {
        guard format == .text else { return json(tenant) }
        var lines = [
            ("tenant", tenant.name), ("plan", tenant.plan), ("retention", "\(tenant.retentionDays) days"),
            ("created", time(tenant.createdMs)), ("workstations", "\(tenant.workstations)"), ("state", tenant.state),
        ]
        if let records = tenant.ledgerRecords { lines.append(("ledger", "\(records) records")) }
        if let problem = tenant.problem { lines.append(("problem", problem)) }
        return lines.map { $0.0.padding(toLength: 14, withPad: " ", startingAt: 0) + $0.1 + "\n" }.joined()
    }

    static func workstations(_ workstations: [WorkstationFacts], format: OutputFormat) -> String {
        guard format == .text else { return json(["workstations": workstations]) }
        guard !workstations.isEmpty else { return "no workstations yet; enrol one with 'tallygate enroll'\n" }
        return table(
            head: ["workstation", "state", "enrolled", "last seen"],
            rows: workstations.map {
                [$0.workstation, $0.state, time($0.createdMs), $0.lastSeenMs.map(time) ?? "never"]
            })
    }

    static func json(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // These types hold numbers and texts alone, which always encode.
        let data = (try? encoder.encode(value)) ?? Data("{}".utf8)
        return String(decoding: data, as: UTF8.self) + "\n"
    }

    static func time(_ ms: Int64) -> String {
        Date(timeIntervalSince1970: Double(ms) / 1_000).formatted(.iso8601)
    }

    /// Columns as wide as their widest cell, two blanks apart.
    static func table(head: [String], rows: [[String]]) -> String {
        let all = [head] + rows
        let widths = head.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = row.enumerated().map { index, cell in
                index == row.count - 1 ? cell : cell.padding(toLength: widths[index], withPad: " ", startingAt: 0)
            }
            return cells.joined(separator: "  ") + "\n"
        }.joined()
    }
}
