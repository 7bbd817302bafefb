package import TallyModel

/// The gateway's two clocks at one moment: the time of day, which may jump, and the time that never goes back.
package struct GatewayInstant: Hashable, Sendable {
    package var wallMs: Int64
    package var monotonic: MonotonicInstant

    package init(wallMs: Int64, monotonic: MonotonicInstant) {
        self.wallMs = wallMs
        self.monotonic = monotonic
    }
}
