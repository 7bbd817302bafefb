/// The tables of `catalog.sqlite`: who may send, and for how long it is kept. Durable at every commit.
extension DatabaseSchema {
    static let catalog = DatabaseSchema(
        // "TGct"
        applicationID: 0x5447_6374,
        version: 2,
        synchronous: .full,
        isDerived: false,
        statements: """
            CREATE TABLE tenants (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                name TEXT NOT NULL UNIQUE,
                plan INTEGER NOT NULL,
                -- Set for the custom plan alone; the others take theirs from the program.
                retention_days INTEGER,
                created_ms INTEGER NOT NULL,
                state INTEGER NOT NULL,
                epoch INTEGER NOT NULL,
                project_key BLOB NOT NULL CHECK (length(project_key) = 32),
                folder BLOB NOT NULL UNIQUE CHECK (length(folder) = 16)
            ) STRICT;

            CREATE TABLE workstations (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                tenant INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
                label TEXT NOT NULL,
                token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
                created_ms INTEGER NOT NULL,
                revoked_ms INTEGER,
                last_seen_ms INTEGER
            ) STRICT;

            -- One live workstation a label; a revoked one keeps its row, so that old numbers keep their name.
            CREATE UNIQUE INDEX workstations_live ON workstations (tenant, label) WHERE revoked_ms IS NULL;
            CREATE INDEX workstations_tenant ON workstations (tenant);

            CREATE TABLE audit (
                id INTEGER PRIMARY KEY,
                time_ms INTEGER NOT NULL,
                -- No reference: the rows outlive the tenant.
                tenant INTEGER,
                actor_kind INTEGER NOT NULL,
                actor INTEGER NOT NULL,
                action INTEGER NOT NULL,
                first INTEGER NOT NULL,
                second INTEGER NOT NULL
            ) STRICT;

            CREATE TABLE settings (
                id INTEGER PRIMARY KEY,
                value TEXT NOT NULL
            ) STRICT;

            \(priceBooks)
            """,
        steps: [priceBooks])

    /// Since version 2. From when on which price book was the one that new records name; the last row is the one in use.
    private static let priceBooks = """
        CREATE TABLE price_books (
            id INTEGER PRIMARY KEY,
            book INTEGER NOT NULL,
            used_from_ms INTEGER NOT NULL,
            -- Whether it is in use because it ships with the program: then another version's takes its place.
            is_shipped INTEGER NOT NULL
        ) STRICT;
        """
}
