import TallyModel
import TallyRollup
import TallyStorage

/// What `tallygate sessions` prints.
struct SessionsReport: Sendable {
    let tenant: TenantName
    let nowMs: Int64
    let stuckMs: Int64
    let statuses: [SessionStatus]
    let labels: [WorkstationID: WorkstationLabel]

    private struct Line: Encodable {
        let session: String
        let agent: String
        let workstation: String
        let project: String?
        let model: String?
        let state: String
        let sinceMs: Int64
        let lastMs: Int64
        let stuck: Bool

        enum CodingKeys: String, CodingKey {
            case session, agent, workstation, project, model, state, stuck
            case sinceMs = "since_ms"
            case lastMs = "last_ms"
        }
    }

    private var lines: [Line] {
        statuses.map { status in
            Line(
                session: status.session.value.uuidText, agent: status.agent.name,
                workstation: labels[status.workstation]?.text ?? "?", project: status.project?.value.uuidText,
                model: status.model?.text, state: status.phase?.name ?? "?", sinceMs: status.sinceMs,
                lastMs: status.lastMs, stuck: status.isStuck(nowMs: nowMs, limitMs: stuckMs))
        }
    }

    func text(format: OutputFormat) -> String {
        let lines = lines
        guard format == .text else { return AdminTables.json(["sessions": lines]) }
        guard !lines.isEmpty else { return "no such sessions\n" }
        return AdminTables.table(
            head: ["session", "agent", "workstation", "model", "state", "since", "last event", "", "project"],
            rows: lines.map {
                [
                    $0.session, $0.agent, $0.workstation, $0.model ?? "-", $0.state, AdminTables.time($0.sinceMs),
                    AdminTables.time($0.lastMs), $0.stuck ? "stuck" : "", $0.project ?? "-",
                ]
            })
    }
}
