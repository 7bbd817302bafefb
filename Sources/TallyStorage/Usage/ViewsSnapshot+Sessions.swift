import GRDB
package import TallyModel
import TallyRollup

/// What sessions do, out of the views. States and ends are a row of `sessions`, which the ledger's events make in any
/// order and however they are cut; model and project are those of the session's latest cell.
extension ViewsSnapshot {
    /// Sessions of which a state or an end is known and something was heard since `sinceMs`, those heard last first.
    package func sessionStatuses(sinceMs: Int64, limit: Int) throws(StorageError) -> [SessionStatus] {
        try guarded {
            try Row.fetchAll(
                database,
                sql: """
                    SELECT i.value, s.workstation, s.agent, s.first_ms, s.last_ms, s.ended_ms, s.state, s.state_ms
                    FROM sessions s JOIN session_ids i ON i.id = s.id
                    WHERE s.last_ms >= ? AND (s.state_ms IS NOT NULL OR s.ended_ms IS NOT NULL)
                    ORDER BY s.last_ms DESC, i.value LIMIT ?
                    """, arguments: [sinceMs, limit]
            ).map { row in
                guard let session = SessionID(try row.bytes16(0)) else { throw UnreadableValue.type }
                var delta = SessionDelta(
                    firstMs: try row.int(3), lastMs: try row.int(4), agent: try row.vocabulary(2), phase: nil,
                    phaseMs: 0)
                if let ms = try row.intIfAny(7) {
                    delta.phase = SessionPhase(try row.vocabulary(6, as: AgentState.self))
                    delta.phaseMs = ms
                }
                if let ms = try row.intIfAny(5), delta.phase == nil || ms >= delta.phaseMs {
                    (delta.phase, delta.phaseMs) = (.ended, ms)
                }
                return SessionStatus(session: session, workstation: WorkstationID(try row.word(1)), delta)
            }
        }
    }

    /// The model and project of a session's latest call; looked for in the quarter-hours before its latest event, at
    /// most `Limits.sessionQuartersMax` of them.
    package func latestCall(
        of status: SessionStatus
    ) throws(StorageError) -> (model: Label, project: ProjectID?)? {
        try guarded {
            let id = try Int64.fetchOne(
                database, sql: "SELECT id FROM session_ids WHERE value = ?",
                arguments: [status.session.value.data])
            guard let id else { return nil }
            let statement = try database.cachedStatement(
                sql: """
                    SELECT m.value, p.value FROM session_rollup r
                    LEFT JOIN models m ON m.id = r.model LEFT JOIN projects p ON p.id = r.project
                    WHERE r.quarter = ? AND r.session = ? ORDER BY r.last_ms DESC, m.value LIMIT 1
                    """)
            let last = status.lastMs / Limits.quarterMs
            let first = max(status.firstMs / Limits.quarterMs, last - Int64(Limits.sessionQuartersMax) + 1)
            var quarter = last
            while quarter >= first {
                if let row = try Row.fetchOne(statement, arguments: [quarter, id]) {
                    guard let model = Label(try row.text(0)) else { throw UnreadableValue.type }
                    return (model, row.isNull(1) ? nil : ProjectID(try row.bytes16(1)))
                }
                quarter -= 1
            }
            return nil
        }
    }
}
