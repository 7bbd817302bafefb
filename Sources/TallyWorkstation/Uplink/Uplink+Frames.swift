import TallyHash
import TallyIO
import TallyModel
import TallyProtocol
import TallyTransport
import TallyWire

/// Frames in, actions out.
extension Uplink: ChannelHandler {
    func opened(_ channel: SecureChannel) {
        self.channel = channel
        reader = FrameReader(side: .workstation)
        reader.phase = .open
        cursors.removeAll()
        bounds.removeAll()
        trimmed = nil
        do throws(WorkstationError) { try spool.sync() } catch { return listener.failed(error) }
        let state = spool.state
        var session = WorkstationSession(view: state.view(durable: spool.durable))
        let hello = session.hello(
            clockMs: WallClock.nowMs(), credential: .token(enrolment.token), now: now, random: Random.uint64())
        self.session = session
        channel.send(FrameCodec.encode(.hello(hello)))
        pump()
    }

    func received(_ bytes: Span<UInt8>, on channel: SecureChannel) -> Int {
        var consumed = 0
        while self.channel === channel, session != nil {
            guard case .frame(let slice) = reader.next(in: bytes, from: consumed) else {
                if case .refused = reader.next(in: bytes, from: consumed) { finish(.violation) }
                break
            }
            consumed = slice.body.upperBound
            do throws(FrameRefusal) {
                take(try FrameCodec.decode(slice, in: bytes))
            } catch {
                finish(.violation)
            }
        }
        // What a finished connection still says is of no interest.
        guard self.channel === channel else { return bytes.count }
        pump()
        return consumed
    }

    func sendQueueDrained(_ channel: SecureChannel) { pump() }

    func closed(_ channel: SecureChannel, _ reason: CloseReason) {
        guard self.channel === channel else { return }
        self.channel = nil
        if let action = session?.disconnected() { perform(action) }
    }

    private func take(_ frame: Frame) {
        if case .reject(let reject) = frame {
            bounds[reject.first] = nil
            noteReject()
        }
        guard let action = session?.receive(frame, now: now, random: Random.uint64()) else { return }
        perform(action)
    }

    func perform(_ action: WorkstationAction) {
        do throws(WorkstationError) {
            var next = action
            // A chain value may be asked for again and again; the session bounds it.
            while case .needChain(let sequence) = next {
                let value = try chain(at: sequence)
                guard let answer = session?.chain(at: sequence, value: value) else { return }
                next = answer
            }
            try carryOut(next)
        } catch {
            listener.failed(error)
        }
    }

    private func carryOut(_ action: WorkstationAction) throws(WorkstationError) {
        let nowMs = WallClock.nowMs()
        switch action {
        case .none, .needChain: return
        case .send(let frame): channel?.send(FrameCodec.encode(frame))
        case .proceed(let plan): try proceed(plan, nowMs)
        case .openNewStream(let after, _):
            try spool.openNewStream(after: after, nowMs: nowMs)
            source.forget()
            restart()
        case .acknowledged(let through, _, let backedUp):
            base = try cursor(before: through.advanced(by: 1))
            cursors = cursors.filter { $0.key > through }
            bounds = bounds.filter { $0.key > through }
            reconnector.progressed()
            try spool.acknowledge(base, epoch: epoch, backedUpThrough: backedUp, nowMs: nowMs)
            if through == spool.durable { try spool.sync() }
            try spool.trim(nowMs: nowMs)
            listener.settled()
        case .poison(let run, let reason, let field):
            let before = try cursor(before: run.lowerBound)
            try spool.giveUp(run, reason: reason, field: field, before: before, nowMs: nowMs)
            session?.resolved()
            listener.settled()
        case .relabel(let run):
            try spool.relabel(run, nowMs: nowMs)
            source.forget()
            cursors.removeAll()
            session?.resolved()
        case .end(let end): finish(end)
        }
    }

    private func proceed(_ plan: ResumePlan, _ nowMs: Int64) throws(WorkstationError) {
        let welcome = plan.welcome
        epoch = welcome.storeEpoch
        base = welcome.committed
        if plan.trimmed != nil {
            let floor = spool.state.floor
            trimmed = plan.trimmedSkip(chainAfter: floor.chain, totalsAfter: floor.totals)
            guard trimmed != nil else { return finish(.diverged) }
        }
        if base != spool.state.acknowledged || epoch != spool.state.epoch {
            try spool.acknowledge(
                base, epoch: epoch, backedUpThrough: welcome.backedUpThrough, nowMs: nowMs)
            try spool.sync()
        }
        began()
        listener.welcomed(welcome)
        listener.settled()
    }

    /// The spool's chain value after `sequence`; nil where it does not hold it.
    private func chain(at sequence: Sequence64) throws(WorkstationError) -> ChainValue? {
        let state = spool.state
        guard sequence >= state.floor.sequence, sequence <= spool.durable else { return nil }
        let known = state.acknowledged
        let isNear = known.sequence <= sequence && known.sequence >= state.floor.sequence
        var walk = SpoolWalk(spool.disk)
        return try walk.cursor(at: sequence, from: isNear ? known : state.floor, state).chain
    }
}

extension SpoolState {
    /// What a HELLO tells of the spool. Only what is durable may be told: `durable` is the tip where all is synced.
    func view(durable: Sequence64) -> SpoolView {
        precondition(durable == tip.sequence, "a connection begins on a synced spool")
        return SpoolView(
            stream: stream, lowestHeld: lowestHeld, highest: tip.sequence, highestChain: tip.chain,
            acknowledged: acknowledged, storeEpoch: epoch)
    }
}
