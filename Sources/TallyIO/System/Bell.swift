import Dispatch
import Synchronization

/// Counted signals from any thread to one that waits, as a semaphore's.
///
/// Its timed wait follows the monotonic clock. A Dispatch semaphore's does not on Linux: it waits until a time of day,
/// and a clock that is set back meanwhile holds it up for as long as it was set back.
package final class Bell: Sendable {
    private struct State {
        var rings = 0
        /// Entered once by the thread that waits; left by whoever wakes it.
        var waiter: DispatchGroup?
    }

    private let state = Guarded(State())

    package init() {}

    package func ring() {
        state.withLock { state in
            state.rings += 1
            state.waiter?.leave()
            state.waiter = nil
        }
    }

    /// Takes one ring, and waits for it where there is none. False if none comes in time. One thread waits at a time.
    package func wait(timeoutMs: Int? = nil) -> Bool {
        guard let waiter = prepare() else { return true }
        // A group waits on an address for a span of time, whatever the clock on the wall does.
        if let timeoutMs { _ = waiter.wait(timeout: .now() + .milliseconds(timeoutMs)) } else { waiter.wait() }
        return state.withLock { state in
            if state.waiter != nil {
                waiter.leave()
                state.waiter = nil
            }
            guard state.rings > 0 else { return false }
            state.rings -= 1
            return true
        }
    }

    /// Nil where a ring was there and is taken.
    private func prepare() -> DispatchGroup? {
        state.withLock { state in
            guard state.rings == 0 else {
                state.rings -= 1
                return nil
            }
            precondition(state.waiter == nil, "one thread waits at a time")
            let waiter = DispatchGroup()
            waiter.enter()
            state.waiter = waiter
            return waiter
        }
    }
}
