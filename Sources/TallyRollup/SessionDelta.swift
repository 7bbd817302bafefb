package import TallyModel

/// What an agent's session last was. The raw values are stored; where two stand at one instant, the higher wins.
package enum SessionPhase: UInt8, CaseIterable, Hashable, Sendable {
    case started = 1, working, waitingUser, waitingPermission, idle, rateLimited, crashed, ended

    /// The phase that an event reports, or nil for usage and corrections.
    package init?(_ event: Event) {
        switch event.kind {
        case .usage, .correction: return nil
        case .sessionStart: self = .started
        case .sessionEnd: self = .ended
        case .state:
            switch event.state {
            case nil: return nil
            case .working: self = .working
            case .waitingUser: self = .waitingUser
            case .waitingPermission: self = .waitingPermission
            case .idle: self = .idle
            case .rateLimited: self = .rateLimited
            case .crashed: self = .crashed
            }
        }
    }
}

/// What some events say of one session, for the view of sessions. Merging is commutative, associative and
/// idempotent: the order in which events are read does not matter.
package struct SessionDelta: Hashable, Sendable {
    /// The earliest and latest effective time of any event.
    package var firstMs: Int64
    package var lastMs: Int64
    /// The agent of the earliest event; of two at one instant the lower number.
    package var agent: Agent
    /// The latest phase with its time; nil while only usage was seen.
    package var phase: SessionPhase?
    /// Meaningless while `phase` is nil.
    package var phaseMs: Int64

    package init(firstMs: Int64, lastMs: Int64, agent: Agent, phase: SessionPhase?, phaseMs: Int64) {
        self.firstMs = firstMs
        self.lastMs = lastMs
        self.agent = agent
        self.phase = phase
        self.phaseMs = phaseMs
    }

    package init(_ event: Event, effectiveMs: Int64) {
        let phase = SessionPhase(event)
        self.init(
            firstMs: effectiveMs, lastMs: effectiveMs, agent: event.agent, phase: phase,
            phaseMs: phase == nil ? 0 : effectiveMs)
    }

    /// Of a session of which nothing was seen.
    static let unseen = SessionDelta(firstMs: .max, lastMs: .min, agent: .other, phase: nil, phaseMs: 0)

    package mutating func merge(_ other: SessionDelta) {
        if (other.firstMs, other.agent.rawValue) < (firstMs, agent.rawValue) {
            (firstMs, agent) = (other.firstMs, other.agent)
        }
        lastMs = max(lastMs, other.lastMs)
        guard let theirs = other.phase else { return }
        // A start says nothing of what the session does: it hides no state, whatever its time.
        if let mine = phase,
            (mine == .started ? 0 : 1, phaseMs, mine.rawValue)
                >= (theirs == .started ? 0 : 1, other.phaseMs, theirs.rawValue)
        {
            return
        }
        (phase, phaseMs) = (theirs, other.phaseMs)
    }
}
