import GRDB
package import TallyModel
package import TallyUsage

/// A read-only connection to one tenant's views, from this process or another. It never writes and never
/// checkpoints; a read should be short, since the writer's log grows while it lasts. Reads of one
/// `ViewsReader` follow one another, and are never nested.
package final class ViewsReader: Sendable {
    private let file: DatabaseFile

    /// Throws `.absent` if the tenant has no views yet: its ledger then holds everything.
    package init(folder: String, on disk: some DatabaseDisk = .machine) throws(StorageError) {
        file = try DatabaseFile(reading: Views.path(in: folder), schema: .views, on: disk)
    }

    /// Runs `body` in one read transaction, which begins by reading the applied position: what `body` reads
    /// is the ledger up to exactly `snapshot.position`, whatever the writer does meanwhile. The body may throw
    /// errors of its own, such as those of the ledger's tail that it folds.
    package func read<T>(_ body: (borrowing ViewsSnapshot) throws -> T) throws -> T {
        try file.readWithForeignErrors { database in
            let position: LedgerPosition?
            do { position = try Views.position(database) } catch is UnreadableValue {
                throw StorageError.damaged(file: file.path)
            }
            return try body(ViewsSnapshot(database: database, path: file.path, position: position))
        }
    }
}

/// The views at one instant. Lives inside `ViewsReader.read` alone: it cannot be copied out.
package struct ViewsSnapshot: ~Copyable {
    let database: Database
    let path: String
    /// The last ledger record contained; nil for none.
    package let position: LedgerPosition?

    /// Turns what a damaged file gives into an error that names it.
    func guarded<T>(_ body: () throws -> T) throws(StorageError) -> T {
        try DatabaseFile.guarded(path, body)
    }

    /// Every stream of the ledger up to `position`.
    package func streams() throws(StorageError) -> [StreamRow] { try guarded { try Views.streams(database) } }

    /// The gaps of a tenant, or of some of its workstations. They have no event times, so a report shows
    /// them whatever its period.
    package func gapTotals(workstations: Set<WorkstationID>? = nil) throws(StorageError) -> GapTotals {
        try guarded {
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT workstation, SUM(events >> 32), SUM(events & 4294967295), SUM(reported_nano >> 32),
                        SUM(reported_nano & 4294967295)
                    FROM gaps GROUP BY workstation
                    """)
            var totals = GapTotals()
            while let row = try rows.next() {
                let workstation = WorkstationID(try row.word(0))
                guard workstations?.contains(workstation) ?? true else { continue }
                totals.events += Int128(try row.int(1)) << 32 + Int128(try row.int(2))
                totals.reportedNanoUSD += Int128(try row.int(3)) << 32 + Int128(try row.int(4))
            }
            return totals
        }
    }
}
