import TallyModel

/// The bounds of the load generator itself; those of the wire are `Limits`.
enum LoadLimits {
    /// A program has 20,000 descriptors on many machines; a gateway takes `Limits.connectionsMax`.
    static let connectionsMax = 20_000
    static let durationMsMax: Int64 = 24 * 3_600_000
    static let rateMax: UInt64 = 1_000_000_000
    static let tokensMax = 100_000
    static let tokenFileBytesMax = 16 << 20
    /// TLS handshakes and HELLOs under way while connections are opened: below a listener's backlog by far.
    static let openingsAtOnce = 64
    /// Opening ends when nothing has come of it for so long.
    static let openingStallNanoseconds: Int64 = 30_000_000_000
    /// What is in flight when the time is over is waited for so long.
    static let drainNanoseconds: Int64 = 30_000_000_000
    /// The gateway's views are waited for so long.
    static let settleNanoseconds: Int64 = 120_000_000_000
    /// Chain values that are made ahead, 8 bytes each, for all streams together.
    static let chainsAheadMax = 8 << 20
    /// What a closed loop is prepared for where no warm-up told its rate, and at the least where one did.
    static let preparedEventsPerSecond: UInt64 = 8_000_000
    static let leastEventsPerSecond: UInt64 = 1_000_000
    /// Batches that an open loop may find due at one look, before it looks at its sockets again.
    static let releasesAtOnce = 1_024
    /// Idle connections say PING after so long, well within the gateway's patience.
    static let pingAfterNanoseconds: Int64 = Int64((Limits.idleTimeout / 3).wholeNanoseconds)
    /// Plaintext of one reading.
    static let receiveBytes = 2 * Limits.frameBytesMax
    /// Points of a plot.
    static let pointsMax = 240
}
