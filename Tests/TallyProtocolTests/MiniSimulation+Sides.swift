import TallyModel
import TallyProtocol
import TallyWire

/// The uplink of the toy workstation.
extension MiniSimulation {
    mutating func dial() {
        var session = WorkstationSession(view: spool.view)
        let hello = session.hello(clockMs: 1_000, credential: .token([1, 2]), now: now, random: random.next())
        workstation = session
        links.append(Link(session: GatewaySession(offer: offer, now: now)))
        links[links.count - 1].inbox.append(ToyMessage(frame: .hello(hello)))
    }

    mutating func pump() throws {
        guard var session = workstation,
            let request = session.nextSend(highest: Sequence64(spool.highest), now: now)
        else { return }
        guard request.eventsMax > 0, request.eventsMax <= offer.batchEventsMax,
            Int(request.bodyBytesMax) >= Int(request.eventsMax) * toyEventBytes, let piece = spool.piece(request)
        else { throw SimulationFailure(description: "nothing can answer \(request)") }
        switch piece {
        case .skip(let skip):
            session.sent(skip, now: now)
            links[links.count - 1].inbox.append(ToyMessage(frame: .skip(skip)))
        case .batch(let header, let events):
            session.sent(header, bodyBytes: events.count * toyEventBytes, now: now)
            links[links.count - 1].inbox.append(
                ToyMessage(frame: .batch(BatchFrame(header: header, body: [])), events: events))
        }
        workstation = session
    }

    mutating func deliverToWorkstation() throws {
        guard workstation != nil, let last = links.indices.last, !links[last].outbox.isEmpty else { return }
        let message = links[last].outbox.removeFirst()
        note(message)
        guard let action = workstation?.receive(message.frame, now: now, random: random.next()) else { return }
        try act(action)
    }

    mutating func act(_ action: WorkstationAction) throws {
        switch action {
        case .none: break
        case .send(let frame): links[links.count - 1].inbox.append(ToyMessage(frame: frame))
        case .needChain(let sequence):
            let value = spool.chain(at: sequence)
            if let next = workstation?.chain(at: sequence, value: value) { try act(next) }
        case .proceed(let plan):
            spool.epoch = plan.welcome.storeEpoch
            spool.acknowledged = plan.welcome.committed.sequence.value
            spool.trim = plan
            if plan.trimmed != nil { tally.trims += 1 }
        case .acknowledged(let through, let chain, _):
            reconnector.progressed()
            guard spool.chains[Int(through.value)] == chain else {
                throw SimulationFailure(description: "an ACK of another chain at \(through.value)")
            }
            spool.acknowledged = through.value
            if random.chance(30) {
                spool.lowestHeld = max(spool.lowestHeld, through.value + 1 - UInt64(random.below(Int(through.value))))
            }
        case .poison(let range, let reason, _):
            for sequence in range.lowerBound.value...range.upperBound.value {
                guard spool.all[Int(sequence) - 1].fault != nil else {
                    throw SimulationFailure(description: "a good event became a dead letter: \(sequence)")
                }
                spool.gaps[sequence] = reason.skipReason
            }
            workstation?.resolved()
        case .relabel(let range):
            spool.relabel(range)
            workstation?.resolved()
        case .openNewStream(let after, let cause):
            throw SimulationFailure(description: "a fork where there is none: \(cause) after \(after.value)")
        case .end(let end):
            workstation = nil
            redial(end)
        }
    }
}

/// The conductor and the appender of the toy gateway.
extension MiniSimulation {
    mutating func reply(_ index: Int, _ frame: Frame) {
        guard !links[index].isCut else { return }
        if case .reject = frame { tally.rejects += 1 }
        links[index].outbox.append(ToyMessage(frame: frame))
    }

    mutating func deliverToGateway() throws {
        let waiting = links.indices.filter { !links[$0].inbox.isEmpty }
        guard !waiting.isEmpty else { return }
        let index = waiting[random.below(waiting.count)]
        let message = links[index].inbox.removeFirst()
        note(message)
        links[index].session.heard(now: now)
        switch message.frame {
        case .hello(let hello): try receive(hello, index)
        case .batch(let frame): receive(frame.header, message.events, index)
        case .skip(let skip): receive(skip, index)
        case .probe(let sequence):
            if case .answer(_, let value) = links[index].session.probe(sequence) {
                reply(index, .chain(sequence: sequence, value: value))
            }
        case .ping(let opaque):
            if case .pong(let same) = links[index].session.ping(opaque: opaque, now: now) {
                reply(index, .pong(opaque: same))
            }
        default: break
        }
    }

    mutating func receive(_ hello: Hello, _ index: Int) throws {
        guard case .authenticate = links[index].session.receive(HelloHeader(hello), now: now),
            links[index].session.authenticated(hello)
        else { return }
        for other in links.indices where other < index && links[other].session.phase != .closed {
            tally.takeovers += 1
            guard mutant != .noFencing else { continue }
            if let goaway = links[other].session.supersede() { reply(other, .goaway(goaway)) }
            links[other].appending = []
        }
        ledger.generation += 1
        commit()
        let decision = links[index].session.claimed(claim(), now: now)
        if case .raiseEpoch(let lost) = decision {
            throw SimulationFailure(description: "acknowledged and lost: \(lost)")
        }
        if case .welcome(let welcome) = decision { reply(index, .welcome(welcome)) }
    }

    func claim() -> StreamClaim {
        let at = ledger.committed
        return StreamClaim(
            committed: StreamCursor(
                sequence: at.sequence, chain: at.chain,
                totals: RunningTotals(tokens: UInt128(at.sequence.value), reportedNanoUSD: 0)),
            generation: Generation(ledger.generation), storeEpoch: StoreEpoch(ledger.epoch),
            credit: Credit(events: creditEvents, bytes: creditBytes), backedUpThrough: .zero, clockMs: 1_000,
            oldestTimeMs: 1, allowsAdoption: false, tenantKey: [UInt8](repeating: 1, count: 32))
    }

    mutating func receive(_ header: BatchHeader, _ events: [ToyEvent], _ index: Int) {
        let bytes = events.count * toyEventBytes
        switch links[index].session.batch(header, bodyBytes: bytes) {
        case .decode:
            let before = links[index].session.chainBefore
            if let refusal = ToyLedger.refusal(events, chainBefore: before, header: header) {
                if let reject = links[index].session.refused(first: header.first, refusal) {
                    reply(index, .reject(reject))
                }
                guard mutant == .appendsRefusedBatches else { return }
            } else if hasFaults, random.chance(3) {
                let refusal = RunRefusal(reason: .storage, run: header.count, retryMs: 100)
                if let reject = links[index].session.refused(first: header.first, refusal) {
                    reply(index, .reject(reject))
                }
                return
            }
            links[index].session.accepted(header, bodyBytes: bytes)
            links[index].appending.append(
                .events(first: header.first.value, events, chainAfter: header.chainAfter))
        case .duplicate(let ack):
            tally.duplicates += 1
            reply(index, .ack(ack))
        case .silent: break
        case .reject(let reject): reply(index, .reject(reject))
        case .goaway(let goaway): reply(index, .goaway(goaway))
        }
    }

    mutating func receive(_ skip: Skip, _ index: Int) {
        switch links[index].session.skip(SkipHeader(skip)) {
        case .append:
            tally.skips += 1
            links[index].session.accepted(SkipHeader(skip))
            links[index].appending.append(
                .gap(first: skip.first.value, last: skip.last.value, skip.reason, chainAfter: skip.chainAfter))
        case .duplicate(let ack): reply(index, .ack(ack))
        case .silent: break
        case .reject(let reject): reply(index, .reject(reject))
        case .goaway(let goaway): reply(index, .goaway(goaway))
        }
    }

    /// The appender takes what sessions have accepted, or refuses it after all.
    mutating func appendToLedger() {
        for index in links.indices {
            guard let head = links[index].appending.first else { continue }
            if hasFaults, random.chance(10), case .events(let first, let events, _) = head {
                tally.late += 1
                links[index].appending = []
                let refusal = RunRefusal(reason: .sessionLimit, run: UInt32(events.count), retryMs: 50)
                if let reject = links[index].session.refused(first: Sequence64(first), refusal) {
                    reply(index, .reject(reject))
                }
                continue
            }
            ledger.appended += links[index].appending
            links[index].appending = []
            if mutant == .acknowledgesBeforeCommit { acknowledge(ledger.appended.last) }
        }
    }

    mutating func commit() {
        ledger.commit()
        acknowledge(ledger.durable.last)
    }

    mutating func acknowledge(_ record: ToyRecord?) {
        guard let record else { return }
        let cursor = GatewaySession.Cursor(sequence: Sequence64(record.last), chain: record.chainAfter)
        for index in links.indices where cursor.sequence <= links[index].session.accepted.sequence {
            if case .ack(let ack) = links[index].session.committed(through: cursor) { reply(index, .ack(ack)) }
        }
    }
}
