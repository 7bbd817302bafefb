import Dispatch
import Synchronization
import TallyIO
import TallyModel
import TallyStorage

/// Tenants that could not be opened for a reason that may pass, such as a full disk: tried again, in the order of their
/// numbers, every `Limits.openingRetry`, away from the appends of those that are open, until none is left.
///
/// It says in the log when a tenant begins to wait and when it is open, and nothing at the tries between.
final class WaitingTenants: Sendable {
    private struct State {
        var tenants: [TenantID: Tenant] = [:]
        var isTrying = false
        var isStopped = false
    }

    private struct Owner {
        weak var store: Store?
    }

    private let state = Guarded(State())
    private let owner = Guarded(Owner())
    private let queue = DispatchQueue(label: "tallygate.waiting", qos: .utility)
    private let board: TenantBoard
    private let log: LogSink

    init(board: TenantBoard, log: LogSink) {
        self.board = board
        self.log = log
    }

    var isStopped: Bool { state.withLock { $0.isStopped } }

    /// Takes in what became of opening the tenant. True where it waits.
    func note(_ tenant: Tenant) -> Bool {
        guard case .waiting(let reason)? = board[tenant.id] else {
            guard forget(tenant.id), case .open? = board[tenant.id] else { return false }
            log(.tenantOpened(tenant: tenant.name.text))
            return false
        }
        let isNew = state.withLock { $0.tenants.updateValue(tenant, forKey: tenant.id) == nil }
        if isNew { log(.tenantWaiting(tenant: tenant.name.text, reason: reason)) }
        return true
    }

    /// It was deleted, or is quarantined. False where it did not wait.
    @discardableResult
    func forget(_ tenant: TenantID) -> Bool { state.withLock { $0.tenants.removeValue(forKey: tenant) != nil } }

    /// Nothing is opened any more.
    func stop() { state.withLock { $0.isStopped = true } }

    /// Whose tenants these are. Not kept: with the store would stay the folder's lock.
    func attach(_ store: Store) { owner.withLock { $0 = Owner(store: store) } }

    /// One timer at a time.
    func tryAgainLater() {
        let isFirst = state.withLock { state in
            guard !state.isTrying, !state.isStopped else { return false }
            state.isTrying = true
            return true
        }
        guard isFirst else { return }
        queue.asyncAfter(deadline: .now() + Limits.openingRetry.dispatch) { [weak self] in
            guard let self, let store = self.owner.withLock({ $0.store }) else { return }
            self.tryAgain(store)
        }
    }

    private func tryAgain(_ store: Store) {
        let tenants = state.withLock { $0.tenants.values.sorted { $0.id.value < $1.id.value } }
        for tenant in tenants { store.openAgain(tenant) }
        let mustGoOn = state.withLock { state in
            state.isTrying = false
            return !state.tenants.isEmpty
        }
        if mustGoOn { tryAgainLater() }
    }
}
