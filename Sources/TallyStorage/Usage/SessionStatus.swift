package import TallyModel
package import TallyRollup

/// What a session of an agent was last said to do.
package struct SessionStatus: Hashable, Sendable {
    package let session: SessionID
    package var workstation: WorkstationID
    package var agent: Agent
    package var project: ProjectID?
    package var model: Label?
    /// The latest state, or the end, and since when. Nil where only calls are known of it.
    package var phase: SessionPhase?
    package var sinceMs: Int64
    package var firstMs: Int64
    /// The effective time of its latest event of any kind.
    package var lastMs: Int64

    package init(session: SessionID, workstation: WorkstationID, _ delta: SessionDelta) {
        self.session = session
        self.workstation = workstation
        agent = delta.agent
        phase = delta.phase == .started ? nil : delta.phase
        sinceMs = phase == nil ? 0 : delta.phaseMs
        firstMs = delta.firstMs
        lastMs = delta.lastMs
    }

    /// Adds what a later part of the ledger says.
    package mutating func take(_ later: SessionStatus) {
        if later.lastMs >= lastMs { (workstation, agent) = (later.workstation, later.agent) }
        project = later.project ?? project
        model = later.model ?? model
        firstMs = min(firstMs, later.firstMs)
        lastMs = max(lastMs, later.lastMs)
        guard let theirs = later.phase else { return }
        if let mine = phase, (sinceMs, mine.rawValue) > (later.sinceMs, theirs.rawValue) { return }
        (phase, sinceMs) = (theirs, later.sinceMs)
    }

    /// Whether somebody should look after it: it asks for a permission or is limited, since `limitMs`; or it works, and
    /// has told of nothing for so long.
    package func isStuck(nowMs: Int64, limitMs: Int64) -> Bool {
        switch phase {
        case .waitingPermission, .rateLimited: nowMs - sinceMs >= limitMs
        case .working: nowMs - max(sinceMs, lastMs) >= limitMs
        case .started, .waitingUser, .idle, .crashed, .ended, nil: false
        }
    }
}

extension SessionPhase {
    /// As it is typed and printed.
    package var name: String {
        switch self {
        case .started: "started"
        case .working: AgentState.working.name
        case .waitingUser: AgentState.waitingUser.name
        case .waitingPermission: AgentState.waitingPermission.name
        case .idle: AgentState.idle.name
        case .rateLimited: AgentState.rateLimited.name
        case .crashed: AgentState.crashed.name
        case .ended: "ended"
        }
    }

    /// Those that `tallygate sessions` knows: a start says nothing of what a session does.
    package static let shown = allCases.filter { $0 != .started }

    package init(_ state: AgentState) {
        switch state {
        case .working: self = .working
        case .waitingUser: self = .waitingUser
        case .waitingPermission: self = .waitingPermission
        case .idle: self = .idle
        case .rateLimited: self = .rateLimited
        case .crashed: self = .crashed
        }
    }
}
