import GRDB
package import TallyModel

/// How a delta becomes rows. Every statement is compiled once per connection.
extension Views {
    private static let upsertRollup = RollupColumns.upsert(
        "rollup", key: ["quarter", "workstation", "agent", "model", "origin", "project"])
    private static let upsertSessionRollup = RollupColumns.upsert(
        "session_rollup", key: ["quarter", "workstation", "agent", "model", "origin", "project"], more: ["session"])

    static func write(_ delta: ViewsDelta, _ interner: inout Interner, _ database: Database) throws {
        try write(cells: delta.cells, &interner, database)
        for span in delta.sessions { try write(span, &interner, database) }
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

    private static func write(
        cells: [(RollupKey, RollupCounts)], _ interner: inout Interner, _ database: Database
    ) throws {
        let rollup = try database.cachedStatement(sql: upsertRollup)
        let sessionRollup = try database.cachedStatement(sql: upsertSessionRollup)
        var hours = HourSums()
        for (key, counts) in cells where !counts.isEmpty {
            let model = try interner.model(key.model, database)
            var arguments = try RollupColumns.arguments(
                key, model: model, project: try interner.project(key.project, database), counts)
            try rollup.execute(arguments: arguments)
            // The same, with one more at the end.
            arguments += [try interner.session(key.session, database)]
            try sessionRollup.execute(arguments: arguments)
            try hours.add(key, model: model, counts)
        }
        try hours.write(database)
    }

    private static func write(_ span: SessionSpan, _ interner: inout Interner, _ database: Database) throws {
        // Where and what the session is, its latest event says; a state, the latest state event.
        try database.run(
            """
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
                state = iif(excluded.state_ms >= coalesce(state_ms, 0), excluded.state, state),
                state_ms = max(coalesce(state_ms, excluded.state_ms), coalesce(excluded.state_ms, state_ms))
            """,
            [
                try interner.session(span.session, database), span.workstation.value.pattern, span.agent.rawValue,
                try interner.project(span.project, database), span.firstMs, span.lastMs, span.startedMs, span.endedMs,
                span.state?.rawValue, span.stateMs,
            ])
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

extension RollupCounts {
    /// Whether the cell counts nothing; its times mean nothing then.
    package var isEmpty: Bool {
        events == 0 && inputTokens == 0 && cacheReadTokens == 0 && cacheWrite5mTokens == 0
            && cacheWrite1hTokens == 0 && cacheWriteUnknownTokens == 0 && outputTokens == 0 && reasoningTokens == 0
            && webSearches == 0 && toolCalls == 0 && cost == .zero && reportedCostNanoUSD == 0 && unpricedEvents == 0
    }
}
