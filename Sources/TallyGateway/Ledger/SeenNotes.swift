import Dispatch
import Synchronization
import TallyIO
import TallyModel
import TallyStorage

/// When workstations were last heard of. Gathered in memory and written to the catalog every few seconds in one commit,
/// for a synced write a connection would cost more than the connection.
final class SeenNotes: Sendable {
    private static let period = DispatchTimeInterval.seconds(5)

    private let pending = Guarded<[WorkstationID: Int64]>([:])
    private let catalog: Catalog
    private let log: LogSink
    private let queue = DispatchQueue(label: "tallygate.seen", qos: .utility)

    init(catalog: Catalog, log: LogSink) {
        self.catalog = catalog
        self.log = log
    }

    func note(_ workstation: WorkstationID, atMs: Int64) {
        let isFirst = pending.withLock { pending in
            defer { pending[workstation] = max(pending[workstation] ?? 0, atMs) }
            return pending.isEmpty
        }
        if isFirst { queue.asyncAfter(deadline: .now() + Self.period) { [weak self] in self?.flush() } }
    }

    /// Writes what has gathered.
    func flush() {
        let times = pending.withLock { pending in
            defer { pending = [:] }
            return pending.map { ($0.key, $0.value) }
        }
        do throws(StorageError) {
            try catalog.noteSeen(times)
        } catch {
            // Only a comfort is lost: the next connection notes again.
            log(.seenNotWritten(reason: "\(error)"))
        }
    }
}
