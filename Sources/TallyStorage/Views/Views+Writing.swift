import GRDB
import TallyModel
import TallySQLite

/// How a delta becomes rows. Every statement is compiled once per connection.
extension Views {
    static func write(_ delta: ViewsDelta, _ interner: inout Interner, _ database: Database) throws {
        try interner.learn(delta.sessions.lazy.map(\.session), database)
        try CellRows(delta.cells, &interner, database).write(database)
        try write(delta.sessions, &interner, database)
        for gap in delta.gaps { try write(gap, database) }
        for cursor in delta.streams { try write(cursor, database) }
        let position = delta.through
        try database.run(
            "INSERT OR REPLACE INTO meta (id, lineage, segment, ordinal, checksum, seal) VALUES (1, ?, ?, ?, ?, ?)",
            [
                position.lineage.data, Int64(position.segment), position.ordinal.pattern, position.checksum.pattern,
                position.seal.pattern,
            ])
    }

    /// Where and what a session is, its latest event says; a state, the latest state event, and of two at one instant the
    /// one of the higher number, as in `SessionDelta`.
    private static let upsertSession = """
        INSERT INTO sessions
            (id, workstation, agent, project, first_ms, last_ms, started_ms, ended_ms, state, state_ms)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET
            workstation = iif(excluded.last_ms >= last_ms, excluded.workstation, workstation),
            agent = iif(excluded.last_ms >= last_ms, excluded.agent, agent),
            project = iif(excluded.last_ms >= last_ms, excluded.project, project),
            first_ms = min(first_ms, excluded.first_ms),
            last_ms = max(last_ms, excluded.last_ms),
            started_ms = min(coalesce(started_ms, excluded.started_ms), coalesce(excluded.started_ms, started_ms)),
            ended_ms = max(coalesce(ended_ms, excluded.ended_ms), coalesce(excluded.ended_ms, ended_ms)),
            state = CASE WHEN excluded.state_ms > coalesce(state_ms, 0) THEN excluded.state
                WHEN excluded.state_ms = state_ms THEN max(state, excluded.state) ELSE state END,
            state_ms = max(coalesce(state_ms, excluded.state_ms), coalesce(excluded.state_ms, state_ms))
        """

    private static func write(_ spans: [SessionSpan], _ interner: inout Interner, _ database: Database) throws {
        // No event lies so early (`Limits`), and no number of a state is negative.
        let null = Int64.min
        var rows: [Int64] = []
        rows.reserveCapacity(spans.count * 10)
        for span in spans {
            let session = try interner.session(span.session, database)
            rows += [session, span.workstation.value.pattern, Int64(span.agent.rawValue)]
            rows += [try interner.project(span.project, database), span.firstMs, span.lastMs]
            rows += [span.startedMs ?? null, span.endedMs ?? null]
            rows += [span.state.map { Int64($0.rawValue) } ?? null, span.stateMs ?? null]
        }
        try database.run(upsertSession, rows: rows, width: 10, null: null, nullFrom: 6)
    }

    private static func write(_ gap: GapRow, _ database: Database) throws {
        try database.run(
            """
            INSERT OR REPLACE INTO gaps
                (stream, first, last, workstation, reason, events, reported_nano, received_ms)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                gap.stream.value.data, try checked(gap.first.value), try checked(gap.last.value),
                gap.workstation.value.pattern, gap.reason, try checked(gap.events),
                try checked(gap.reportedNanoUSD), gap.receivedMs,
            ])
    }

    private static func write(_ cursor: StreamRow, _ database: Database) throws {
        try database.run(
            """
            INSERT OR REPLACE INTO streams
                (number, stream, workstation, generation, committed, chain, tokens, reported_nano, is_closed)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                Int64(cursor.number), cursor.stream.value.data, cursor.workstation.value.pattern,
                Int64(cursor.generation.value),
                try checked(cursor.committed.value), cursor.chain.value.pattern, try checked(cursor.totals.tokens),
                try checked(cursor.totals.reportedNanoUSD), cursor.isClosed,
            ])
    }
}
