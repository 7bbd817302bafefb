package import TallyModel
package import TallyWire

/// Decides what of a spool may be sent: an event that may have been counted before is asked about first, and left out
/// if it was (BEHAVIOUR.md, section 8). One value a connection.
///
///     read a window → ask for its sessions → match → (cut) → cleared
///
/// The uplink reads the spool and sends frames for it; it knows neither. Everything is decided again on the next
/// connection, with the same outcome: an answer never tells of the asking stream itself.
///
/// Invariants: cleared ≤ decided; nothing behind `cleared` has been sent; drops and changes lie in cleared + 1 … decided.
package struct Adoption: Sendable {
    package enum Step: Hashable, Sendable {
        /// Nothing to do until an answer comes or the spool grows.
        case none
        /// Call `note` with every event of the range, then `noted`.
        case read(ClosedRange<Sequence64>)
        case ask(Adopt)
        /// Take these out of the spool, or change them, durably; then call `wasCut`.
        case cut(AdoptionCut)
        /// The connection has answered as often as it may: make a new one.
        case reconnect
    }

    private enum Phase: Hashable, Sendable { case idle, reading(ClosedRange<Sequence64>), asking, awaiting }

    package private(set) var terms: AdoptionTerms
    /// What may be sent.
    package private(set) var cleared: Sequence64
    /// What has been asked about.
    package private(set) var decided: Sequence64

    private let windowEventsMax: UInt64
    private var phase = Phase.idle
    private var windowEnd = Sequence64.zero
    private var match = AdoptionMatch()
    private var related: [SessionID] = []
    /// The window's sessions that are still to be asked about, and those of the frame that waits for its answer.
    private var waiting: ArraySlice<SessionID> = []
    private var asked: [SessionID] = []
    private var askedFrom: Int64 = 0
    private var asksLeft = Limits.adoptionRequestsMax
    /// Sessions of which nothing was told from some time on: they need not be asked again.
    private var silent: [SessionID: Int64] = [:]
    private var drops: [ClosedRange<Sequence64>] = []
    private var changes: [AdoptionChange] = []
    private var report = AdoptionReport()
    private var decoder: BatchDecoder
    private var batch = Batch()

    /// Nothing up to `through` is in question: the gateway has it, or it was given up after it had been sent.
    package init(
        _ terms: AdoptionTerms, through: Sequence64, hashSeed: UInt64,
        windowEventsMax: Int = Limits.adoptionWindowEventsMax
    ) {
        self.terms = terms
        self.windowEventsMax = UInt64(windowEventsMax)
        cleared = through
        decided = through
        decoder = BatchDecoder(hashSeed: hashSeed)
    }

    /// Whether nothing that is durable is in question any more.
    package func isSettled(durable: Sequence64) -> Bool { cleared >= durable && phase == .idle }

    /// Adoption is over: from now on only what is older than the stream is in question.
    package mutating func end() { terms.isAdopting = false }

    // MARK: Steps

    /// What to do now. Nothing behind `suspect` is in question. `isQuiet`: the spool will not grow within moments; while
    /// it grows, questions are gathered.
    package mutating func next(durable: Sequence64, suspect: Sequence64, isQuiet: Bool) -> Step {
        switch phase {
        case .reading, .awaiting: return .none
        case .asking: return ask()
        case .idle: break
        }
        let end = min(suspect, durable)
        if decided < end {
            let ahead = end.value - decided.value
            let isDue = isQuiet || ahead >= windowEventsMax
            guard isDue else { return .none }
            guard drops.count + changes.count < Limits.adoptionDropsMax else { return cut() }
            let range = decided.advanced(by: 1)...decided.advanced(by: min(ahead, windowEventsMax))
            phase = .reading(range)
            match = AdoptionMatch(related: Set(related))
            return .read(range)
        }
        guard drops.isEmpty, changes.isEmpty else { return cut() }
        decided = max(decided, durable)
        cleared = decided
        return .none
    }

    package mutating func note(_ sequence: Sequence64, _ event: Event) {
        guard case .reading(let range) = phase, range.contains(sequence), terms.asks(event) else { return }
        // A call of a session of which nothing was told may be a copy of another's.
        if !match.isRelated(event.session), let from = silent[event.session], event.timeMs >= from { return }
        match.own(sequence, event)
    }

    /// The whole range was noted.
    package mutating func noted() {
        guard case .reading(let range) = phase else { return }
        windowEnd = range.upperBound
        guard !match.sessions.isEmpty else { return decide() }
        // A call that is in question here may have been counted in another session that has nothing in question.
        let own = Set(match.sessions)
        let fromMs = match.fromMs
        let all = match.sessions + related.filter { !own.contains($0) }
        waiting = all.filter { silent[$0].map { fromMs < $0 } ?? true }[...]
        guard !waiting.isEmpty else { return decide() }
        phase = .asking
    }

    /// Sessions of the sources, each once: calls of one may be copies of calls of another. Before a window's first event.
    package mutating func relate(_ sessions: [SessionID]) {
        related = sessions
        if case .reading = phase { match = AdoptionMatch(related: Set(sessions)) }
    }

    /// One frame of an answer. False where it does not answer what was asked: a violation.
    package mutating func take(_ adopted: Adopted) -> Bool {
        guard phase == .awaiting, adopted.nextMs > askedFrom else { return false }
        if adopted.count > 0 {
            do throws(BatchRefusal) {
                try decoder.decode(adopted.body.span, count: Int(adopted.count), into: &batch)
            } catch {
                return false
            }
            for row in 0..<batch.count {
                guard let event = batch.event(at: row), event.timeMs >= askedFrom else { return false }
                if event.timeMs < adopted.nextMs { match.told(event) }
            }
        }
        guard adopted.isLast else { return true }
        if adopted.nextMs <= match.highestMs.addingReportingOverflow(Limits.adoptionGrowthMs).partialValue {
            askedFrom = adopted.nextMs
            phase = .asking
            return true
        }
        if adopted.nextMs == .max { noteSilence() }
        asked = []
        if waiting.isEmpty { decide() } else { phase = .asking }
        return true
    }

    /// The spool has done the last cut: what was behind it has moved up.
    package mutating func wasCut() {
        let gone = drops.reduce(UInt64(0)) { $0 + $1.upperBound.value - $1.lowerBound.value + 1 }
        decided = Sequence64(decided.value - gone)
        cleared = decided
        drops = []
        changes = []
        report = AdoptionReport()
    }

    package func checkInvariants() {
        precondition(cleared <= decided, "what may be sent was asked about")
        if let first = drops.first, let last = drops.last {
            precondition(cleared < first.lowerBound && last.upperBound <= decided, "drops are not sent")
        }
        if let first = changes.first, let last = changes.last {
            precondition(cleared < first.sequence && last.sequence <= decided, "what changes is not sent")
        }
        precondition(zip(drops, drops.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound }, "drops ascend")
    }

    // MARK: Helpers

    private mutating func ask() -> Step {
        guard asksLeft > 0 else { return .reconnect }
        asksLeft -= 1
        if asked.isEmpty {
            asked = Array(waiting.prefix(FrameCodec.adoptSessionsMax))
            waiting = waiting.dropFirst(asked.count)
            askedFrom = match.fromMs
        }
        phase = .awaiting
        return .ask(
            Adopt(prior: terms.prior, priorThrough: terms.priorThrough, fromMs: askedFrom, sessions: asked))
    }

    private mutating func noteSilence() {
        for session in asked where !match.isTold(session) {
            guard silent.count < Limits.adoptionWindowEventsMax || silent[session] != nil else { return }
            silent[session] = min(silent[session] ?? .max, match.fromMs)
        }
    }

    private mutating func decide() {
        let outcome = match.outcome()
        match = AdoptionMatch()
        for sequence in outcome.drops {
            if let last = drops.last, last.upperBound.advanced(by: 1) == sequence {
                drops[drops.count - 1] = last.lowerBound...sequence
            } else {
                drops.append(sequence...sequence)
            }
        }
        changes += outcome.changes
        report.add(outcome.report)
        decided = windowEnd
        let first = [drops.first?.lowerBound, changes.first?.sequence].compactMap { $0 }.min()
        cleared = first.map { Sequence64($0.value - 1) } ?? decided
        phase = .idle
    }

    private func cut() -> Step {
        .cut(AdoptionCut(drops: drops, changes: changes, report: report, through: decided))
    }
}
