/// The tables of `views.sqlite`: one tenant's numbers, all of which can be made again from its ledger.
///
/// Money is two integers: whole US dollars and the femto-dollars above them, 0 ≤ `…_femto` < 10¹⁵, for
/// negative amounts too (the whole part is rounded down). Added up with a carry, neither can overflow below
/// 9 × 10¹⁸ dollars; and a sum that no longer fits 63 bits is refused by the STRICT column, never bent.
///
/// Quarter-hours and hours come first in the keys, so that a report reads one stretch of the table. Models, projects
/// and sessions are small numbers from dictionaries; project 0 stands for "none". The three rollups hold the same
/// sums, by more or fewer dimensions: a report reads the smallest that has what it asks for. Only the finest has
/// quarter-hours: of the others a row would cost as much to write, and a report needs them at a few ends of hours alone.
extension DatabaseSchema {
    static let views = DatabaseSchema(
        // "TGvw"
        applicationID: 0x5447_7677,
        version: 5,
        synchronous: .normal,
        isDerived: true,
        statements: """
            -- The last ledger record that these numbers contain; no row before the first.
            CREATE TABLE meta (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                lineage BLOB NOT NULL,
                segment INTEGER NOT NULL,
                ordinal INTEGER NOT NULL,
                checksum INTEGER NOT NULL,
                -- Of the four above: the ledger's recovery relies on them.
                seal INTEGER NOT NULL
            ) STRICT;

            CREATE TABLE models (id INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE) STRICT;
            CREATE TABLE projects (id INTEGER PRIMARY KEY, value BLOB NOT NULL UNIQUE) STRICT;
            CREATE TABLE session_ids (id INTEGER PRIMARY KEY, value BLOB NOT NULL UNIQUE) STRICT;

            CREATE TABLE session_rollup (
                quarter INTEGER NOT NULL,
                session INTEGER NOT NULL,
                workstation INTEGER NOT NULL,
                agent INTEGER NOT NULL,
                model INTEGER NOT NULL,
                origin INTEGER NOT NULL,
                project INTEGER NOT NULL,
                \(RollupColumns.declarations),
                PRIMARY KEY (quarter, session, workstation, agent, model, origin, project)
            ) STRICT, WITHOUT ROWID;

            -- The same by hours since 1970, without the session.
            CREATE TABLE rollup (
                hour INTEGER NOT NULL,
                workstation INTEGER NOT NULL,
                agent INTEGER NOT NULL,
                model INTEGER NOT NULL,
                origin INTEGER NOT NULL,
                project INTEGER NOT NULL,
                \(RollupColumns.declarations),
                PRIMARY KEY (hour, workstation, agent, model, origin, project)
            ) STRICT, WITHOUT ROWID;

            -- The same without workstation, origin and project too.
            CREATE TABLE hour_rollup (
                hour INTEGER NOT NULL,
                agent INTEGER NOT NULL,
                model INTEGER NOT NULL,
                \(RollupColumns.declarations),
                PRIMARY KEY (hour, agent, model)
            ) STRICT, WITHOUT ROWID;

            CREATE TABLE sessions (
                -- Of `session_ids`, which gave it in the same transaction; no index and no reference, which would cost
                -- as much as the row. Expiry reads the table.
                id INTEGER PRIMARY KEY,
                workstation INTEGER NOT NULL,
                agent INTEGER NOT NULL,
                project INTEGER NOT NULL,
                first_ms INTEGER NOT NULL,
                last_ms INTEGER NOT NULL,
                started_ms INTEGER,
                ended_ms INTEGER,
                state INTEGER,
                state_ms INTEGER
            ) STRICT;

            CREATE TABLE gaps (
                stream BLOB NOT NULL CHECK (length(stream) = 16),
                first INTEGER NOT NULL,
                last INTEGER NOT NULL,
                workstation INTEGER NOT NULL,
                reason INTEGER NOT NULL,
                events INTEGER NOT NULL,
                reported_nano INTEGER NOT NULL,
                received_ms INTEGER NOT NULL,
                PRIMARY KEY (stream, first)
            ) STRICT, WITHOUT ROWID;

            -- Whose each stream is and how far it has come: what a fold from here on needs to know.
            CREATE TABLE streams (
                number INTEGER PRIMARY KEY,
                stream BLOB NOT NULL UNIQUE CHECK (length(stream) = 16),
                workstation INTEGER NOT NULL,
                generation INTEGER NOT NULL,
                committed INTEGER NOT NULL,
                chain INTEGER NOT NULL,
                tokens INTEGER NOT NULL,
                reported_nano INTEGER NOT NULL,
                is_closed INTEGER NOT NULL
            ) STRICT;
            """)

    /// Every table, dependants first.
    static let viewsTables = [
        "meta", "rollup", "hour_rollup", "session_rollup", "sessions", "gaps", "streams", "models", "projects",
        "session_ids",
    ]
}
