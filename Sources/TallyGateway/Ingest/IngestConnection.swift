import TallyHash
import TallyIO
import TallyModel
import TallyProtocol
import TallyStorage
import TallyTransport
import TallyWire

/// The conductor of one workstation's connection: reads whole frames, asks the session what to do, decodes batches,
/// hands them to the keeper of the ledgers, and sends what the session answers.
///
/// It decides nothing itself. Confined to its shard; the keeper's news come back through `hear`. A frame becomes a batch
/// in `take(_:header:body:)`; when it is acknowledged is `GatewaySession.committed(through:)`'s decision.
final class IngestConnection: ChannelHandler {
    let id: ConnectionID
    private let context: IngestContext
    private let lane: IngestLane
    private let loop: ShardLoop
    private weak var room: IngestRoom?
    private var channel: SecureChannel?
    private var reader = FrameReader(side: .gateway)
    private var session: GatewaySession
    /// Whose token the workstation showed: looked up again when its stream is claimed.
    private var tokenHash: TokenHash?
    private var wasWelcomed = false
    private var timer: TimerID?
    private var request: StreamRequest?
    private var ticket: StreamTicket?
    private var oldestTimeMs: Int64 = 0
    private var isClockTrusted = true
    private var clockOffsetMs: Int32 = 0
    private var tenantName = ""
    private var workstationName = ""
    private var tooManyRefusalsLeft = Limits.refusedBatchesMax

    private var services: Services { context.services }

    init(context: IngestContext, lane: IngestLane, loop: ShardLoop, room: IngestRoom, id: ConnectionID) {
        self.id = id
        self.room = room
        self.context = context
        self.lane = lane
        self.loop = loop
        session = GatewaySession(offer: GatewayOffer(), now: context.services.clock.now())
    }

    // MARK: The channel

    func opened(_ channel: SecureChannel) {
        self.channel = channel
        services.metrics.add(.connectionsAccepted)
        services.metrics.add(.connections, 1)
        arm()
        room?.entered(self)
    }

    func received(_ bytes: Span<UInt8>, on channel: SecureChannel) -> Int {
        var consumed = 0
        while channel.isOpen, session.phase != .closed {
            guard case .frame(let slice) = reader.next(in: bytes, from: consumed) else {
                if case .refused = reader.next(in: bytes, from: consumed) { violation() }
                break
            }
            session.heard(now: services.clock.now())
            take(slice, bytes)
            consumed = slice.body.upperBound
        }
        services.metrics.add(.bytesReceived, consumed)
        return session.phase == .closed ? bytes.count : consumed
    }

    func closed(_ channel: SecureChannel, _ reason: CloseReason) {
        if self.channel == nil {
            services.metrics.add(.handshakesFailed)
            services.log(.handshakeFailed(peer: channel.peer.description, reason: reason.handshakeText))
        } else {
            services.metrics.add(.connections, -1)
            if wasWelcomed {
                services.log(
                    .connectionClosed(tenant: tenantName, workstation: workstationName, reason: reason.word))
            }
        }
        session.disconnected()
        ticket = forget(ticket)
        // Also where the claim has not been answered yet: its answer would find nobody.
        if let request { lane.submit(.release(request)) }
        if let timer { loop.cancel(timer) }
        self.channel = nil
        room?.left(self)
    }

    // MARK: Frames

    private func take(_ slice: FrameSlice, _ bytes: Span<UInt8>) {
        do throws(FrameRefusal) {
            if slice.type == .batch {
                let (header, body) = try FrameCodec.batchHeader(slice, in: bytes)
                return take(header, bytes.extracting(body))
            }
            switch try FrameCodec.decode(slice, in: bytes) {
            case .hello(let hello): take(hello)
            case .skip(let skip): take(skip)
            case .probe(let sequence): probe(sequence)
            case .ping(let opaque): ping(opaque)
            case .pong:
                if let goaway = session.pong() { end(goaway) }
            case .close(let final): close(final)
            case .adopt(let sessions): adopt(sessions.count)
            case .batch, .welcome, .ack, .reject, .chain, .goaway, .adopted: violation()
            }
        } catch {
            violation()
        }
    }

    private func take(_ hello: Hello) {
        let now = services.clock.now()
        switch session.receive(hello, now: now) {
        case .silent: break
        case .goaway(let goaway): end(goaway)
        case .authenticate(let credential):
            tokenHash = hash(of: credential)
            guard let holder = tokenHash.flatMap(context.directory.holder),
                let tenant = context.directory.tenant(holder.tenant)
            else {
                // A token that was good once: its owner keeps the spool and asks the operator.
                let isRevoked = tokenHash.map(context.directory.isRevoked) ?? false
                let reason: GoAwayReason = isRevoked ? .revoked : .unauthenticated
                return end(session.end(reason, after: .seconds(isRevoked ? 300 : 60)))
            }
            guard session.authenticated() else { return }
            let offset = services.clock.wallMs().subtractingReportingOverflow(hello.clockMs)
            clockOffsetMs = offset.overflow ? 0 : Int32(clamping: offset.partialValue)
            tenantName = tenant.name.text
            workstationName = context.directory.name(of: holder.workstation)
            let request = StreamRequest(
                tenant: holder.tenant, workstation: holder.workstation, stream: hello.stream, connection: id,
                wantsAdoption: hello.wantsAdoption, clockOffsetMs: clockOffsetMs)
            self.request = request
            lane.submit(.claim(request))
            arm()
        }
    }

    private func hash(of credential: TallyWire.Credential) -> TokenHash? {
        guard case .token(let bytes) = credential,
            let input = Token.hashInput(presented: String(decoding: bytes, as: UTF8.self))
        else { return nil }
        return TokenHash(sha256: SHA256.hash(input))
    }

    /// Where a frame becomes a batch: the session's checks first, then the body.
    private func take(_ header: BatchHeader, _ body: Span<UInt8>) {
        services.metrics.add(.batchesReceived)
        services.metrics.add(.bodyBytesReceived, body.count)
        switch session.batch(header, bodyBytes: body.count) {
        case .decode: break
        case .duplicate(let ack):
            services.metrics.add(.batchesDuplicate)
            return send(.ack(ack))
        case .silent: return
        case .reject(let reject): return self.reject(reject)
        case .goaway(let goaway): return end(goaway)
        }
        guard let ticket else { return violation() }
        let chainBefore = session.chainBefore
        do throws(BatchRefusal) {
            try lane.opener.open(header, body: body)
            try lane.opener.decode(header, with: &lane.decoder, into: &lane.batch)
            try lane.batch.checkAge(oldestTimeMs: oldestTimeMs, isClockTrusted: isClockTrusted)
            try lane.batch.verify(header, after: chainBefore)
        } catch {
            return refuse(header.first, error)
        }
        let raw = lane.opener.raw
        let times = lane.batch.timeBounds
        session.accepted(header, bodyBytes: body.count)
        lane.submit(
            .append(
                BatchAppend(
                    ticket: ticket, connection: id, header: header, chainBefore: chainBefore,
                    rawBody: Array(lane.opener.buffer[raw]), lowestTimeMs: times.lowest, highestTimeMs: times.highest,
                    clockOffsetMs: clockOffsetMs)))
    }

    private func take(_ skip: Skip) {
        switch session.skip(skip) {
        case .duplicate(let ack): send(.ack(ack))
        case .silent: break
        case .reject(let reject): self.reject(reject)
        case .goaway(let goaway): end(goaway)
        case .append:
            guard let ticket else { return violation() }
            let chainBefore = session.chainBefore
            session.accepted(skip)
            lane.submit(
                .skip(SkipAppend(ticket: ticket, connection: id, skip: skip, chainBefore: chainBefore)))
        }
    }

    private func probe(_ sequence: Sequence64) {
        switch session.probe(sequence) {
        case .answer(let sequence, let value): send(.chain(sequence: sequence, value: value))
        case .silent: break
        case .goaway(let goaway): end(goaway)
        case .lookUp(let sequence):
            guard let ticket else { return violation() }
            lane.submit(.probe(ticket, sequence: sequence, connection: id))
        }
    }

    private func ping(_ opaque: UInt64) {
        switch session.ping(opaque: opaque, now: services.clock.now()) {
        case .pong(let opaque): send(.pong(opaque: opaque))
        case .silent: break
        case .goaway(let goaway): end(goaway)
        }
    }

    private func close(_ final: Sequence64) {
        switch session.close(final: final) {
        case .silent: break
        case .goaway(let goaway): end(goaway)
        case .close(let ack):
            guard let ticket else { return violation() }
            lane.submit(.close(ticket, connection: id))
            send(.ack(ack))
        }
    }

    /// Adoption is never granted (`StreamClaim.allowsAdoption`), so asking for it breaks the protocol.
    private func adopt(_ sessions: Int) {
        switch session.adopt(sessions: sessions) {
        case .lookUp: violation()
        case .silent: break
        case .goaway(let goaway): end(goaway)
        }
    }

    // MARK: News from the keeper of the ledgers

    func hear(_ news: LedgerNews) {
        guard channel != nil else { return }
        switch news {
        case .claimed(let claim, let ticket): claimed(claim, ticket)
        case .claimFailed(let reason, let reconnectMs), .ended(let reason, let reconnectMs):
            if session.phase != .closed { end(session.end(reason, after: .milliseconds(Int64(reconnectMs)))) }
        case .committed(let cursor): committed(cursor)
        case .refused(let first, let refusal):
            if let reject = session.refused(first: first, refusal) { self.reject(reject) }
        case .superseded:
            ticket = forget(ticket)
            if let goaway = session.supersede() { end(goaway) }
        case .revoked:
            ticket = forget(ticket)
            if let goaway = session.revoke() { end(goaway) }
        case .paused: if let ack = session.pause() { send(.ack(ack)) }
        case .resumed(let credit): if let ack = session.resume(credit) { send(.ack(ack)) }
        case .adopted(let entries, let isLast): send(.adopted(entries: entries, isLast: isLast))
        case .chain(let sequence, let value): send(.chain(sequence: sequence, value: value))
        case .closed: channel?.close(.requested)
        }
    }

    private func claimed(_ claim: StreamClaim, _ ticket: StreamTicket) {
        // A revocation may have passed the keeper before the claim came to it.
        guard tokenHash.flatMap(context.directory.holder) != nil else {
            if let goaway = session.revoke() { end(goaway) }
            return
        }
        switch session.claimed(claim, now: services.clock.now()) {
        case .silent: if let request { lane.submit(.release(request)) }
        case .raiseEpoch:
            if let request { lane.submit(.raiseEpoch(request)) }
        case .welcome(let welcome):
            self.ticket = ticket
            wasWelcomed = true
            reader.phase = .open
            oldestTimeMs = claim.oldestTimeMs
            isClockTrusted = claim.isClockTrusted
            services.metrics.add(.streams, 1)
            services.log(
                .streamOpened(
                    tenant: tenantName, workstation: workstationName, committed: welcome.committed.sequence.value,
                    generation: welcome.generation.value))
            send(.welcome(welcome))
            arm()
        }
    }

    private func committed(_ cursor: GatewaySession.Cursor) {
        switch session.committed(through: cursor) {
        case .silent: return
        case .ack(let ack): send(.ack(ack))
        case .ackThenGoAway(let ack, let goaway):
            send(.ack(ack))
            end(goaway)
        }
    }

    // MARK: Answers

    private func refuse(_ first: Sequence64, _ refusal: BatchRefusal) {
        if let reject = session.refused(first: first, RunRefusal(refusal)) { self.reject(reject) }
    }

    private func reject(_ reject: Reject) {
        services.metrics.add(.batchesRejected)
        if reject.reason == .contentField { services.metrics.add(.contentRejected) }
        services.log(
            .batchRejected(
                tenant: tenantName, workstation: workstationName, reason: "\(reject.reason)",
                column: ColumnID(rawValue: reject.field)?.name ?? "\(reject.field)", first: reject.first.value))
        send(.reject(reject))
        tooManyRefusalsLeft -= 1
        if tooManyRefusalsLeft <= 0, session.phase != .closed {
            end(session.end(.protocol, after: .seconds(60)))
        }
    }

    private func violation() {
        if let goaway = session.violation() { end(goaway) }
    }

    private func send(_ frame: Frame) {
        guard let channel, channel.isOpen else { return }
        _ = channel.send(FrameCodec.encode(frame))
    }

    private func end(_ goaway: GoAway) {
        if !wasWelcomed, goaway.reason != .shutdown {
            services.metrics.add(.hellosRefused)
            services.log(.helloRefused(peer: channel?.peer.description ?? "", reason: "\(goaway.reason)"))
        }
        send(.goaway(goaway))
        channel?.close(.refused)
    }

    private func forget(_ ticket: StreamTicket?) -> StreamTicket? {
        if ticket != nil { services.metrics.add(.streams, -1) }
        return nil
    }

    // MARK: Time and the end

    /// Commits what was received, acknowledges it, says GOAWAY.
    func shutdown() {
        switch session.shutdown(now: services.clock.now()) {
        case .goaway(let goaway): end(goaway)
        case .draining: arm()
        case .silent: break
        }
    }

    func abort() { channel?.abort(.drained) }

    private func arm() {
        if let timer { loop.cancel(timer) }
        timer = nil
        guard let deadline = session.deadline else { return }
        let now = services.clock.now()
        timer = loop.after(max(deadline.since(now), .milliseconds(1))) { [weak self] in self?.tick() }
    }

    private func tick() {
        timer = nil
        let tick = session.tick(now: services.clock.now())
        if let goaway = tick.goaway { end(goaway) } else { arm() }
    }
}
