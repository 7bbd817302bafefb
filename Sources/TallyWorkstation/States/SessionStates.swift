package import TallyModel

/// What agents' sessions on this machine are doing, made of what their transcripts tell (`FileSign`) and of which of
/// their processes are there (`AgentSightings`). Decides; touches no file and no clock.
///
/// | state | when |
/// |---|---|
/// | working | the latest sign is a prompt or a turn under way |
/// | waiting_user | the turn is over |
/// | waiting_permission | the agent's own registry says that it asks for one |
/// | idle | it has waited for a person for `stateIdleMs` |
/// | rate_limited | the provider's refusal ended the turn |
/// | crashed | a turn was under way, its process was seen, and is gone without an end |
/// | (ended) | its process was seen and is gone while no turn was under way |
///
/// A state is told when it differs from the one told last, at the time it began, and not before `stateInterval` has
/// passed since: what came and went in between is not told. Nothing is kept over a restart; what a session does then is
/// told anew.
///
/// Invariants: at most `sessionsMax` sessions; no two words told of a session in a row are equal, and their times
/// ascend; what is told as crashed was seen alive before.
package struct SessionStates: Sendable {
    package enum Word: Hashable, Sendable {
        case state(AgentState)
        case ended
    }

    /// A state to send.
    package struct Change: Hashable, Sendable {
        package let session: SessionID
        package let agent: Agent
        package let word: Word
        package let timeMs: Int64

        package var event: Event {
            var event = Event(kind: .sessionEnd, timeMs: timeMs, session: session, agent: agent)
            if case .state(let state) = word {
                event.kind = .state
                event.state = state
            }
            return event
        }
    }

    private let sessionsMax: Int
    private(set) var sessions: [WatchedSession] = []
    private var lookedAt: MonotonicInstant?

    package init(sessionsMax: Int = Limits.statesSessionsMax) {
        precondition(sessionsMax > 0, "a session can be watched")
        self.sessionsMax = sessionsMax
    }

    package var count: Int { sessions.count }

    // MARK: What is heard

    /// Takes what a transcript told. What is older than `stateLiveMs` tells of no session that lives, and what is not
    /// newer than what was heard tells nothing.
    package mutating func take(_ sign: FileSign, _ now: WorkstationInstant) {
        guard sign.kind != .none else { return }
        let timeMs = min(sign.timeMs, now.wallMs)
        let place = sessions.firstIndex { $0.session == sign.session }
        guard let place = place ?? (timeMs >= now.wallMs - Limits.stateLiveMs ? begin(sign) : nil) else { return }
        sessions[place].file = sign.file ?? sessions[place].file
        if sign.folder != 0 { sessions[place].folder = sign.folder }
        sessions[place].take(sign.kind, timeMs: timeMs)
    }

    /// Takes what telemetry told, of sessions whose transcripts are read: alone it tells of no turn's end.
    package mutating func takeTelemetry(_ sign: FileSign, _ now: WorkstationInstant) {
        guard sessions.contains(where: { $0.session == sign.session }) else { return }
        take(sign, now)
    }

    /// Takes what a look at the processes saw.
    package mutating func take(_ sightings: AgentSightings, _ now: WorkstationInstant) {
        lookedAt = now.monotonic
        for record in sightings.records.values.sorted(by: { $0.session < $1.session }) where record.isAlive {
            // A process that is there lives, however long it has been waiting.
            guard let kind = record.kind, record.timeMs >= now.wallMs - Limits.stateForgetMs else { continue }
            guard !sessions.contains(where: { $0.session == record.session }) else { continue }
            _ = begin(FileSign(session: record.session, agent: .claudeCode, kind: kind, timeMs: record.timeMs))
        }
        for place in sessions.indices { sessions[place].take(sightings, now) }
    }

    // MARK: What is told

    /// States that changed and are due, at most `room` of them; they count as told.
    package mutating func changes(_ now: WorkstationInstant, room: Int) -> [Change] {
        sessions.removeAll { $0.heardMs < now.wallMs - Limits.stateForgetMs }
        var changes: [Change] = []
        for place in sessions.indices where changes.count < room {
            sessions[place].rest(now)
            guard let timeMs = sessions[place].tell(now), let word = sessions[place].told else { continue }
            let session = sessions[place]
            changes.append(Change(session: session.session, agent: session.agent, word: word, timeMs: timeMs))
        }
        return changes
    }

    /// When `changes` may have something, at the latest; nil while nothing is to come.
    package func changeDue(_ now: WorkstationInstant) -> MonotonicInstant? {
        sessions.compactMap { $0.due(now) }.min()
    }

    /// When to look at the processes: at once for the first time, then again; nil while no session is watched that may
    /// go.
    package var lookDue: MonotonicInstant? {
        guard let lookedAt else { return MonotonicInstant(nanoseconds: 0) }
        var interval: Duration?
        for session in sessions where !session.isOver {
            interval = session.isRestless ? Limits.lookoutInterval : interval ?? Limits.lookoutIdleInterval
            if interval == Limits.lookoutInterval { break }
        }
        return interval.map { lookedAt + $0 }
    }

    // MARK: Helpers

    /// Makes room for a session and gives its place.
    private mutating func begin(_ sign: FileSign) -> Int {
        if sessions.count >= sessionsMax {
            // The one that is over, or else was heard of longest ago.
            let oldest = sessions.indices.min { left, right in
                (sessions[left].isOver ? 0 : 1, sessions[left].heardMs)
                    < (sessions[right].isOver ? 0 : 1, sessions[right].heardMs)
            }
            if let oldest { sessions.remove(at: oldest) }
        }
        sessions.append(WatchedSession(session: sign.session, agent: sign.agent))
        return sessions.count - 1
    }
}
