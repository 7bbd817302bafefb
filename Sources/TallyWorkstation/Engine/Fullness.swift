package import TallyModel

/// How often and how long the spool has been full since the program began: while it is, nothing is read.
package struct Fullness: Hashable, Sendable {
    package private(set) var times: UInt64 = 0
    package private(set) var since: MonotonicInstant?
    private var over: Duration = .zero

    /// Notes whether the spool is full now; true if that is new.
    mutating func note(_ isFull: Bool, _ now: MonotonicInstant) -> Bool {
        guard isFull != (since != nil) else { return false }
        if let since {
            over += now.since(since)
            self.since = nil
        } else {
            times += 1
            since = now
        }
        return true
    }

    /// All of it up to `now`.
    package func total(_ now: MonotonicInstant) -> Duration { over + (since.map { now.since($0) } ?? .zero) }
}

extension EngineCore {
    /// Says loudly that reading has stopped, and that it goes on.
    func noteFullness(_ now: WorkstationInstant) {
        guard fullness.note(spool.isFull, now.monotonic) else { return }
        emit(
            .notice(
                spool.isFull ? WorkstationError.spoolFull.description : "the spool has room again: reading goes on"))
    }
}
