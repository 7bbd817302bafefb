import TallyHash
import TallyModel
import TallyProtocol
import TallyRollup
import TallyStorage
import TallyWire

import enum TallyIO.StackMemory

/// What each frame of a workstation leads to.
extension IngestMachine {
    mutating func take(
        _ slice: FrameSlice, _ bytes: Span<UInt8>, _ scratch: inout IngestScratch, _ now: GatewayInstant,
        _ actions: inout [IngestAction]
    ) {
        do throws(FrameRefusal) {
            if slice.type == .batch {
                let (header, body) = try FrameCodec.batchHeader(slice, in: bytes)
                return take(header, bytes.extracting(body), &scratch, now, &actions)
            }
            if slice.type == .hello {
                return try hello(slice, bytes, now, &actions)
            }
            if slice.type == .skip { return try skip(slice, bytes, now, &actions) }
            if slice.type == .adopt { return try adopt(slice, bytes, &actions) }
            switch try FrameCodec.decode(slice, in: bytes) {
            case .probe(let sequence): probe(sequence, &actions)
            case .ping(let opaque): ping(opaque, now, &actions)
            case .pong:
                if let goaway = session.pong() { end(goaway, &actions) }
            case .close(let final): close(final, &actions)
            case .hello, .batch, .skip, .adopt, .welcome, .ack, .reject, .chain, .goaway, .adopted: violation(&actions)
            }
        } catch {
            violation(&actions)
        }
    }

    private mutating func hello(
        _ slice: FrameSlice, _ bytes: Span<UInt8>, _ now: GatewayInstant, _ actions: inout [IngestAction]
    ) throws(FrameRefusal) {
        let (header, credential) = try FrameCodec.helloHeader(slice, in: bytes)
        switch session.receive(header, now: now.monotonic) {
        case .silent: break
        case .goaway(let goaway): end(goaway, &actions)
        case .authenticate:
            tokenHash = IngestMachine.hash(of: header.credential, bytes.extracting(credential))
            guard let tokenHash else { return turnAway(isRevoked: false, &actions) }
            guard let holder = directory.holder(of: tokenHash) else {
                return turnAway(isRevoked: directory.isRevoked(tokenHash), &actions)
            }
            let hello = try FrameCodec.hello(slice, in: bytes, keeping: .needed)
            guard session.authenticated(hello) else { return }
            self.holder = holder
            let (offset, isOver) = now.wallMs.subtractingReportingOverflow(hello.clockMs)
            age.clockOffsetMs = isOver ? 0 : Int32(clamping: offset)
            let request = StreamRequest(
                tenant: holder.tenant, workstation: holder.workstation, replaced: holder.replaced, stream: hello.stream,
                connection: id, wantsAdoption: hello.wantsAdoption, clockOffsetMs: age.clockOffsetMs)
            self.request = request
            actions.append(.note(.signedIn(holder)))
            actions.append(.submit(.claim(request)))
        }
    }

    private mutating func turnAway(isRevoked: Bool, _ actions: inout [IngestAction]) {
        // A token that was good once: its owner keeps the spool and asks the operator.
        let goaway =
            isRevoked
            ? session.end(.revoked, after: Limits.revokedReconnect)
            : session.end(.unauthenticated, after: Limits.unauthenticatedReconnect)
        end(goaway, &actions)
    }

    private static func hash(of credential: HelloHeader.CredentialKind, _ token: Span<UInt8>) -> TokenHash? {
        guard credential == .token, Token.isShaped(token) else { return nil }
        return TokenHash(sha256: SHA256.hash(token))
    }

    /// Where a frame becomes a batch: the session's checks first, then the body. A valid one allocates
    /// nothing; its body is kept for the ledger with the others of the round.
    private mutating func take(
        _ header: BatchHeader, _ body: Span<UInt8>, _ scratch: inout IngestScratch, _ now: GatewayInstant,
        _ actions: inout [IngestAction]
    ) {
        actions.append(.note(.batchReceived(bodyBytes: body.count)))
        switch session.batch(header, bodyBytes: body.count) {
        case .decode: break
        case .duplicate(let ack):
            actions.append(.note(.batchDuplicate))
            return actions.append(.send(.ack(ack)))
        case .silent: return
        case .reject(let reject): return self.reject(reject, now, &actions)
        case .goaway(let goaway): return end(goaway, &actions)
        }
        guard let ticket else { return violation(&actions) }
        guard scratch.held.mayTake(ticket.tenant) else {
            actions.append(.note(.batchHeldOff))
            return self.reject(session.heldOff(header), now, &actions)
        }
        let chainBefore = session.chainBefore
        let times: (lowest: Int64, highest: Int64)
        let areAsSent: Bool
        do throws(BatchRefusal) {
            try scratch.decode(header, body: body)
            times = scratch.batch.timeBounds
            areAsSent = EffectiveTime.areAsSent(
                through: times.highest, receivedMs: now.wallMs, offsetMs: Int64(age.clockOffsetMs))
            try scratch.checkNewcomers(of: ticket.tenant, isFolded: areAsSent, now: now.monotonic)
            try scratch.batch.checkAge(age, between: times, nowMs: now.wallMs)
            try scratch.batch.verify(header, after: chainBefore)
        } catch {
            scratch.wipe()
            return refuse(header.first, error, now, &actions)
        }
        session.accepted(header, bodyBytes: body.count)
        var append = BatchAppend(
            ticket: ticket, connection: id, header: header, chainBefore: chainBefore, body: scratch.keepBody(),
            lowestTimeMs: times.lowest, highestTimeMs: times.highest, clockOffsetMs: age.clockOffsetMs)
        if let workstation = holder?.workstation, areAsSent, scratch.fold(of: workstation, ticket.tenant) {
            append.foldedFor = workstation
        }
        actions.append(.submit(.append(append)))
    }

    private mutating func skip(
        _ slice: FrameSlice, _ bytes: Span<UInt8>, _ now: GatewayInstant, _ actions: inout [IngestAction]
    ) throws(FrameRefusal) {
        let header = try FrameCodec.skipHeader(slice, in: bytes)
        switch session.skip(header) {
        case .duplicate(let ack): actions.append(.send(.ack(ack)))
        case .silent: break
        case .reject(let reject): self.reject(reject, now, &actions)
        case .goaway(let goaway): end(goaway, &actions)
        case .append:
            guard let ticket else { return violation(&actions) }
            let append = SkipAppend(
                ticket: ticket, connection: id, skip: try FrameCodec.skip(slice, in: bytes),
                chainBefore: session.chainBefore)
            session.accepted(header)
            actions.append(.submit(.skip(append)))
        }
    }

    private mutating func probe(_ sequence: Sequence64, _ actions: inout [IngestAction]) {
        switch session.probe(sequence) {
        case .answer(let sequence, let value): actions.append(.send(.chain(sequence: sequence, value: value)))
        case .silent: break
        case .goaway(let goaway): end(goaway, &actions)
        case .lookUp(let sequence):
            guard let ticket else { return violation(&actions) }
            actions.append(.submit(.probe(ticket, sequence: sequence, connection: id)))
        }
    }

    private mutating func ping(_ opaque: UInt64, _ now: GatewayInstant, _ actions: inout [IngestAction]) {
        switch session.ping(opaque: opaque, now: now.monotonic) {
        case .pong(let opaque): actions.append(.send(.pong(opaque: opaque)))
        case .silent: break
        case .goaway(let goaway): end(goaway, &actions)
        }
    }

    private mutating func close(_ final: Sequence64, _ actions: inout [IngestAction]) {
        switch session.close(final: final) {
        case .silent: break
        case .goaway(let goaway): end(goaway, &actions)
        case .close(let ack):
            guard let ticket else { return violation(&actions) }
            actions.append(.submit(.close(ticket, connection: id)))
            actions.append(.send(.ack(ack)))
        }
    }

    private mutating func adopt(
        _ slice: FrameSlice, _ bytes: Span<UInt8>, _ actions: inout [IngestAction]
    ) throws(FrameRefusal) {
        switch session.adopt(sessions: try FrameCodec.adoptSessions(slice, in: bytes)) {
        case .silent: break
        case .goaway(let goaway): end(goaway, &actions)
        case .lookUp:
            guard let ticket else { return violation(&actions) }
            actions.append(.submit(.adopt(ticket, try FrameCodec.adopt(slice, in: bytes), connection: id)))
        }
    }

    // MARK: Refusals

    private mutating func refuse(
        _ first: Sequence64, _ refusal: BatchRefusal, _ now: GatewayInstant, _ actions: inout [IngestAction]
    ) {
        let retry: Duration =
            switch refusal.reason {
            case .clockUnsure: Limits.clockUnsureRetry
            case .sessionLimit: Limits.sessionLimitRetry
            default: .zero
            }
        let run = RunRefusal(refusal, retryMs: retry.wholeMilliseconds)
        if let reject = session.refused(first: first, run) { self.reject(reject, now, &actions) }
    }

    mutating func reject(_ reject: Reject, _ now: GatewayInstant, _ actions: inout [IngestAction]) {
        StackMemory.overwrite()
        actions.append(.note(.rejected(reject.reason, field: reject.field, first: reject.first)))
        if reject.reason == .contentField { tellContent(reject.field, &actions) }
        actions.append(.send(.reject(reject)))
        if !Self.refusals.spend(&refusalsFullAt, now: now.monotonic), session.phase != .closed {
            end(session.end(.protocol, after: Limits.refusalsReconnect), &actions)
        }
    }

    private mutating func tellContent(_ column: UInt8, _ actions: inout [IngestAction]) {
        guard SchemaTable.contentIDs.contains(column) else { return }
        let bit: UInt64 = 1 << UInt64(column - SchemaTable.contentIDs.lowerBound)
        guard contentColumnsTold & bit == 0 else { return }
        contentColumnsTold |= bit
        actions.append(.note(.contentRejected(column: column)))
    }
}
