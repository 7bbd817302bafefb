import Dispatch
import Synchronization
import TallyIO
import TallyModel
package import TallyStorage

/// Audit rows of columns that were named as content and turned away: written to the catalog away from the shards, so
/// that no connection waits for a database.
final class ContentNotes: Sendable {
    private struct State {
        var quota = ContentQuota()
        var waiting: [AuditRow] = []
    }

    private let state = Guarded(State())
    private let catalog: Catalog
    private let log: LogSink
    private let queue = DispatchQueue(label: "tallygate.audit", qos: .utility)

    init(catalog: Catalog, log: LogSink) {
        self.catalog = catalog
        self.log = log
    }

    func note(column: UInt8, from holder: TokenHolder, stamp: Stamp) {
        let isFirst = state.withLock { state in
            guard state.quota.admits(column: column, from: holder, atMs: stamp.timeMs) else { return false }
            state.waiting.append(
                AuditRow(
                    stamp: stamp, tenant: holder.tenant, action: .contentRejected, first: Int64(column),
                    second: Int64(bitPattern: holder.workstation.value)))
            return state.waiting.count == 1
        }
        if isFirst { queue.async { self.flush() } }
    }

    /// Writes what has gathered; returns when it is done.
    func finish() { queue.sync { flush() } }

    private func flush() {
        let rows = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for row in rows {
            do throws(StorageError) {
                try catalog.audit(row)
            } catch {
                log(.auditNotWritten(reason: "\(error)"))
            }
        }
    }
}

/// How many audit rows hostile workstations can cause: one a workstation, column and hour of the clock, and no more than
/// `Limits` allows a tenant. What goes beyond is still counted and logged.
package struct ContentQuota: Sendable {
    private struct Key: Hashable {
        var workstation: WorkstationID
        var column: UInt8
    }

    private var hour = Int64.min
    private var told: Set<Key> = []
    private var rows: [TenantID: Int] = [:]

    package init() {}

    package mutating func admits(column: UInt8, from holder: TokenHolder, atMs: Int64) -> Bool {
        let now = atMs / 3_600_000
        if now != hour {
            hour = now
            told = []
            rows = [:]
        }
        guard told.count < Limits.contentRowsPerHourMax,
            rows[holder.tenant, default: 0] < Limits.contentRowsPerTenantHourMax,
            told.insert(Key(workstation: holder.workstation, column: column)).inserted
        else { return false }
        rows[holder.tenant, default: 0] += 1
        return true
    }
}
