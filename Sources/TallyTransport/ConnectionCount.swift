import Synchronization
import TallyIO
import TallyModel

/// The connections of all shards of a program: asks `ConnectionAdmission` under a lock, twice in a connection's life.
package final class ConnectionCount: Sendable {
    private struct State: Sendable {
        var admission: ConnectionAdmission
        var refused: [ConnectionAdmission.Refusal: Int] = [:]
        var pauses = 0
    }

    private let state: Guarded<State>

    package init(_ bounds: ConnectionAdmission.Bounds) {
        state = Guarded(State(admission: ConnectionAdmission(bounds)))
    }

    package var current: Int { state.withLock { $0.admission.open } }
    /// Connections that were closed unheard.
    package var refusedTotal: Int { state.withLock { $0.refused.values.reduce(0, +) } }
    package func refused(_ reasons: ConnectionAdmission.Refusal...) -> Int {
        state.withLock { state in reasons.reduce(0) { $0 + state.refused[$1, default: 0] } }
    }
    /// How often accepting waited, because the process or the machine had no descriptor or no memory left.
    package var pauses: Int { state.withLock { $0.pauses } }

    /// False where the connection is to be closed.
    func enter(_ peer: SocketAddress) -> Bool {
        let now = Self.now()
        return state.withLock { state in
            guard let refusal = state.admission.enter(peer, now: now) else { return true }
            state.refused[refusal, default: 0] += 1
            return false
        }
    }

    func leave(_ peer: SocketAddress) {
        let now = Self.now()
        state.withLock { $0.admission.leave(peer, now: now) }
    }

    func refuse(_ refusal: ConnectionAdmission.Refusal) { state.withLock { $0.refused[refusal, default: 0] += 1 } }

    func notePause() { state.withLock { $0.pauses += 1 } }

    private static func now() -> MonotonicInstant {
        MonotonicInstant(nanoseconds: UInt64(clamping: MonotonicClock.nowNanoseconds()))
    }
}
