import TallyLog
import TallyModel
import TallyProtocol
import TallyWire

/// Asks about what may have been counted before, and takes out of the spool what was, before it is sent.
extension UplinkCore {
    /// A scan that began as stream `number` was written has ended: all of its events are in the spool.
    package func noteScanned(_ number: UInt32) { scannedNumber = number }

    /// False where the gateway does not answer questions that must be asked.
    func beginAdoption(_ welcome: Welcome) throws(WorkstationError) -> Bool {
        let state = spool.state
        guard state.adoption != .none else { return true }
        guard welcome.allowsAdoption else { return false }
        // What was given up after it had been sent keeps its place, and so does what is not held any more.
        let given = state.gaps.last?.last ?? .zero
        let through = max(max(base.sequence, given), Sequence64(state.lowestHeld.value - 1))
        adoption = Adoption(state.adoption, through: through, hashSeed: entropy.word())
        return true
    }

    /// Goes as far as it can without an answer.
    func adopt(_ now: WorkstationInstant) throws(WorkstationError) {
        // Each turn reads a window, asks, or cuts: it ends with an answer to wait for, or the spool.
        while session?.phase == .open, adoption != nil {
            let step = adoption?.next(durable: spool.durable, suspect: spool.state.suspect, isQuiet: isQuiet)
            switch step {
            case .none?, nil: return try endAdoption(now)
            case .reconnect?: return finish(.noProgress, now)
            case .ask(let question)?: emit(.send(FrameCodec.encode(.adopt(question))))
            case .read(let range)?:
                if spool.state.adoption.isAdopting { adoption?.relate(sourceSessions) }
                var walk = SpoolWalk(spool.disk)
                try walk.forEach(range, spool.state) { sequence, event in adoption?.note(sequence, event) }
                adoption?.noted()
            case .cut(let cut)?:
                try spool.cut(cut, nowMs: now.wallMs)
                adoption?.wasCut()
                source.forget()
                emit(.news(.adopted(cut.report)))
            }
        }
    }

    /// The sessions of all transcripts that are known.
    private var sourceSessions: [SessionID] {
        Set(spool.state.counter.files.values.map(\.parser.session)).sorted()
    }

    func take(_ answer: Adopted, _ now: WorkstationInstant) {
        if adoption?.take(answer) != true { finish(.violation, now) }
    }

    /// Once everything that was there before the stream has been read and asked about.
    private func endAdoption(_ now: WorkstationInstant) throws(WorkstationError) {
        guard let adoption, spool.state.adoption.isAdopting, scannedNumber == spool.state.number,
            spool.durable == spool.state.tip.sequence, adoption.isSettled(durable: spool.durable)
        else { return }
        try spool.endAdoption(nowMs: now.wallMs)
        self.adoption?.end()
    }
}
