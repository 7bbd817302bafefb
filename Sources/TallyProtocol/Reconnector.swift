package import TallyModel
package import TallyWire

/// Why a connection is over, as the workstation sees it.
package enum ConnectionEnd: Hashable, Sendable {
    case goaway(GoAway)
    /// The connection could not be made, or broke.
    case lost
    /// No frame for `Limits.silenceMax`, or no WELCOME in time.
    case silence
    /// Batches in flight, and nothing committed for too long or too many retryable REJECTs in a row.
    case noProgress
    /// An ACK's chain value is not the spool's: the next HELLO finds the fork.
    case diverged
    /// The gateway broke the protocol.
    case violation
    /// The stream was closed as asked.
    case closed
}

/// What a person at the workstation should be told.
package enum ReconnectNotice: Hashable, Sendable {
    /// The stream was taken over again and again: a copied spool may be running elsewhere.
    case twoCopiesMayRun
    case credentialRefused
    case credentialRevoked
    case versionsDiffer
    case tenantUnavailable
    case protocolBroken
}

package struct Reconnect: Hashable, Sendable {
    package var after: Duration
    package var notice: ReconnectNotice?
    package init(after: Duration, notice: ReconnectNotice?) {
        self.after = after
        self.notice = notice
    }
}

/// Decides when to dial again. Outlives connections: one an uplink. Never gives up.
package struct Reconnector: Hashable, Sendable {
    /// Ends in a row without progress between them.
    package private(set) var attempts = 0
    package private(set) var copies = SuspectedCopies()

    package init() {}

    /// An ACK moved committed forward, or a connection without anything to send stayed open: the next trouble
    /// starts from the shortest wait. Takeovers are counted apart, because two copies both make progress.
    package mutating func progressed() { attempts = 0 }

    package mutating func ended(_ end: ConnectionEnd, now: MonotonicInstant, random: UInt64) -> Reconnect {
        let attempt = attempts
        attempts = min(attempts + 1, 1_000)
        if case .goaway(let goaway) = end, goaway.reason == .superseded {
            copies.superseded(now: now)
            let delay = Reconnector.backoff(end).delay(attempt: copies.count - 1, random: random)
            return Reconnect(
                after: max(delay, asked(goaway)), notice: copies.count >= 2 ? .twoCopiesMayRun : nil)
        }
        var after = Reconnector.backoff(end).delay(attempt: attempt, random: random)
        if case .goaway(let goaway) = end { after = max(after, asked(goaway)) }
        return Reconnect(after: after, notice: Reconnector.notice(end))
    }

    private func asked(_ goaway: GoAway) -> Duration {
        min(.milliseconds(Int64(goaway.reconnectMs)), Limits.askedDelayMax)
    }

    /// The table of BEHAVIOUR.md, "When to dial again".
    package static func backoff(_ end: ConnectionEnd) -> Backoff {
        switch end {
        case .closed: Backoff(base: .seconds(1), most: .seconds(30))
        case .lost, .silence: Backoff(base: .milliseconds(500), most: .seconds(60))
        case .noProgress, .diverged: Backoff(floor: .seconds(1), base: .seconds(5), most: .seconds(300))
        case .violation: Backoff(floor: .seconds(10), base: .seconds(60), most: .seconds(3_600))
        case .goaway(let goaway):
            switch goaway.reason {
            case .shutdown, .idle, .timeout: Backoff(base: .seconds(1), most: .seconds(30))
            case .superseded: Backoff(floor: .seconds(5), base: .seconds(10), most: .seconds(300))
            case .overloaded, .storage, .streamFork: Backoff(floor: .seconds(1), base: .seconds(5), most: .seconds(300))
            case .tenantUnavailable: Backoff(floor: .seconds(10), base: .seconds(30), most: .seconds(600))
            case .protocol, .credit: Backoff(floor: .seconds(10), base: .seconds(60), most: .seconds(3_600))
            case .unauthenticated, .revoked, .streamOwned:
                Backoff(floor: .seconds(60), base: .seconds(300), most: .seconds(3_600))
            case .version, .schema: Backoff(floor: .seconds(60), base: .seconds(600), most: .seconds(21_600))
            }
        }
    }

    package static func notice(_ end: ConnectionEnd) -> ReconnectNotice? {
        switch end {
        case .violation: .protocolBroken
        case .goaway(let goaway):
            switch goaway.reason {
            case .protocol, .credit: .protocolBroken
            case .version, .schema: .versionsDiffer
            case .unauthenticated: .credentialRefused
            case .revoked: .credentialRevoked
            case .tenantUnavailable: .tenantUnavailable
            case .superseded, .shutdown, .idle, .streamFork, .overloaded, .storage, .streamOwned, .timeout: nil
            }
        case .lost, .silence, .noProgress, .diverged, .closed: nil
        }
    }
}

/// Counts takeovers that follow one another closely.
package struct SuspectedCopies: Hashable, Sendable {
    package private(set) var count = 0
    private var lastAt: MonotonicInstant?

    package init() {}

    package mutating func superseded(now: MonotonicInstant) {
        if let lastAt, now.since(lastAt) > Limits.supersededWindow { count = 0 }
        count = min(count + 1, 1_000)
        lastAt = now
    }
}
