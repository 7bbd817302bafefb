import TallyModel

/// States of sessions: what the transcripts told goes to their machine, and its changes to the spool with the other
/// events. Only while the engine follows: who reads once cannot say how it went on.
extension EngineCore {
    /// Begins to watch sessions, with what the transcripts told last before this engine was.
    func beginStates(_ now: WorkstationInstant) {
        guard lookout != nil else { return }
        states = SessionStates()
        scan.watchSigns(sinceMs: now.wallMs - Limits.stateLiveMs, recalling: spool.counter)
        armStates(now, notBefore: now.monotonic)
    }

    /// Takes what the transcripts told, and what the machine makes of it, into the counter; what finds no room there
    /// comes with the next turn. The caller writes it.
    func takeSigns(_ now: WorkstationInstant) {
        let signs = scan.takeSigns(sinceMs: now.wallMs - Limits.stateLiveMs)
        guard !signs.isEmpty, states != nil else { return }
        for sign in signs { states?.take(sign, now) }
        tellStates(now)
        armStates(now, notBefore: now.monotonic)
    }

    func takeTelemetry(_ signs: [FileSign], _ now: WorkstationInstant) {
        guard !signs.isEmpty, states != nil else { return }
        for sign in signs { states?.takeTelemetry(sign, now) }
        armStates(now, notBefore: now.monotonic)
    }

    /// Does what is due: a look at the processes, and states that changed with time.
    func watchStates(_ now: WorkstationInstant) {
        guard let due = statesAt, due <= now.monotonic, failure == nil else { return }
        statesAt = nil
        if let lookDue = states?.lookDue, lookDue <= now.monotonic, let lookout {
            states?.take(lookout.look(hash), now)
        }
        do throws(WorkstationError) {
            try noteFullness(now)
            if !spool.isFull {
                tellStates(now)
                try commit(now)
            }
        } catch {
            return fail(error)
        }
        // What is still due found no room.
        armStates(now, notBefore: now.monotonic + Limits.engineTick)
    }

    private func tellStates(_ now: WorkstationInstant) {
        while !spool.counter.isFull, let change = states?.changes(now, room: 1).first {
            spool.counter.take(change)
        }
    }

    private func armStates(_ now: WorkstationInstant, notBefore earliest: MonotonicInstant) {
        guard let states, isFollowing else { return statesAt = nil }
        let due = [states.changeDue(now), states.lookDue].compactMap { $0 }.min()
        statesAt = due.map { max($0, earliest) }
    }
}
