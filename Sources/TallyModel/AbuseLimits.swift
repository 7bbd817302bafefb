/// What one connection, one address, one tenant and all of them may take of a gateway: the bounds that an operator may move
/// (`docs/OPERATIONS.md`, "Limits against abuse"). All others stand in `Limits`.
package struct AbuseLimits: Hashable, Sendable {
    /// One bound. Its raw value is its name in the settings file; in the environment it is `TALLYGATE_` and capitals.
    package enum Bound: String, CaseIterable, Sendable {
        /// Connections of the process.
        case connections
        /// Of one IPv4 address or one IPv6 /64; loopback is not counted so.
        case connectionsPerAddress = "connections_per_address"
        /// Streams of one tenant that a connection holds.
        case connectionsPerTenant = "connections_per_tenant"
        /// Connections that may begin, and with them handshakes.
        case connectsPerSecond = "connects_per_second"
        case connectsPerAddressPerSecond = "connects_per_address_per_second"
        /// From the connection to the whole HELLO, the handshake included.
        case helloSeconds = "hello_seconds"
        /// Without a whole frame.
        case idleSeconds = "idle_seconds"
        /// From a frame's first byte to its last.
        case frameSeconds = "frame_seconds"
        /// Bytes of unfinished frames and of batches not yet on stable storage, in MiB.
        case bufferedMiB = "buffered_mib"
        case bufferedMiBPerTenant = "buffered_mib_per_tenant"
        /// Streams, sessions and models that a tenant did not have; as many at once.
        case newStreamsPerHour = "new_streams_per_hour"
        case newSessionsPerHour = "new_sessions_per_hour"
        case newLabelsPerHour = "new_labels_per_hour"

        /// What it is where nobody says otherwise.
        package var usual: Int {
            switch self {
            case .connections: Limits.connectionsMax
            case .connectionsPerAddress: 1_024
            case .connectionsPerTenant: 10_000
            case .connectsPerSecond: 2_000
            case .connectsPerAddressPerSecond: 50
            case .helloSeconds: Int(Limits.helloTimeout.components.seconds)
            case .idleSeconds: Int(Limits.idleTimeout.components.seconds)
            case .frameSeconds: Int(Limits.frameTimeout.components.seconds)
            case .bufferedMiB: 512
            case .bufferedMiBPerTenant: 128
            case .newStreamsPerHour: 20_000
            case .newSessionsPerHour: 4_000_000
            case .newLabelsPerHour: 256
            }
        }

        /// What it may be. A workstation that has nothing to say pings after `Limits.pingIdle`; a batch may hold
        /// `Limits.batchEventsMax` sessions.
        package var range: ClosedRange<Int> {
            switch self {
            case .connections: 1...1_000_000
            case .connectionsPerAddress, .connectionsPerTenant: 1...1_000_000
            case .connectsPerSecond, .connectsPerAddressPerSecond: 1...1_000_000
            case .helloSeconds: 1...60
            case .idleSeconds: 60...3_600
            case .frameSeconds: 2...600
            case .bufferedMiB, .bufferedMiBPerTenant: 1...1_048_576
            case .newStreamsPerHour, .newLabelsPerHour: 1...100_000_000
            case .newSessionsPerHour: 1...1_000_000_000
            }
        }
    }

    private var moved: [Bound: Int] = [:]

    package init() {}

    package subscript(bound: Bound) -> Int {
        get { moved[bound] ?? bound.usual }
        set {
            precondition(bound.range.contains(newValue), "settings are checked where they are read")
            moved[bound] = newValue
        }
    }

    /// How long a peer is waited for.
    package var patience: Patience {
        Patience(
            helloMs: UInt32(self[.helloSeconds]) * 1_000, idleMs: UInt32(self[.idleSeconds]) * 1_000,
            frameMs: UInt32(self[.frameSeconds]) * 1_000)
    }
}

/// How long a gateway waits for a peer, in milliseconds: twelve bytes, for every session has one.
package struct Patience: Hashable, Sendable {
    package var helloMs: UInt32
    package var idleMs: UInt32
    package var frameMs: UInt32

    package init(helloMs: UInt32, idleMs: UInt32, frameMs: UInt32) {
        self.helloMs = helloMs
        self.idleMs = idleMs
        self.frameMs = frameMs
    }

    package static let usual = AbuseLimits().patience

    package var hello: Duration { .milliseconds(Int64(helloMs)) }

    /// When whoever was last heard at `heardAt` has been silent for too long.
    package func idleEnd(_ heardAt: MonotonicInstant) -> MonotonicInstant { Self.later(heardAt, idleMs) }

    /// When a frame that began at `begunAt` must be whole; the distant future stays where it is.
    package func frameEnd(_ begunAt: MonotonicInstant) -> MonotonicInstant { Self.later(begunAt, frameMs) }

    /// Asked after every frame: without the division that a `Duration` takes.
    private static func later(_ instant: MonotonicInstant, _ ms: UInt32) -> MonotonicInstant {
        let (sum, isOver) = instant.nanoseconds.addingReportingOverflow(UInt64(ms) * 1_000_000)
        return isOver ? .distantFuture : MonotonicInstant(nanoseconds: sum)
    }
}
