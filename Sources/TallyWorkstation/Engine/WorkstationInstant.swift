package import TallyModel

/// One reading of both clocks, as everything that decides on a workstation gets it: the time of day for what is
/// written and sent, and a clock that never goes back for waits.
package struct WorkstationInstant: Hashable, Sendable {
    /// Milliseconds since 1970, UTC. It may jump.
    package var wallMs: Int64
    package var monotonic: MonotonicInstant

    package init(wallMs: Int64, monotonic: MonotonicInstant) {
        self.wallMs = wallMs
        self.monotonic = monotonic
    }
}
