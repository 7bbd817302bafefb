import TallyIO
import TallyModel
import TallyStorage
import TallyTransport
import TallyWire

/// The conductor of one workstation's connection: shows what arrives to its machine and does what the machine asks.
///
/// It decides nothing itself. Confined to its shard; the keeper's news come through its room.
final class IngestConnection: ChannelHandler {
    let id: ConnectionID
    private let context: IngestContext
    private let lane: IngestLane
    private let loop: ShardLoop
    private weak var room: IngestRoom?
    private var machine: IngestMachine
    private var channel: SecureChannel?
    /// Its callback holds the connection until the session has ended, which it has in `closed`: a weak one would cost each
    /// connection another object.
    private var timer: (id: TimerID, at: MonotonicInstant)?
    private var names = (tenant: "", workstation: "")
    private var censusMark: UInt8 = 0
    /// What the shard's count has of it.
    private var held: UInt32 = 0
    /// Something was refused, and nothing accepted since: what still comes may be dropped unread, and is overwritten.
    private var isRefusing = false

    private var services: Services { context.services }

    init(_ id: ConnectionID, context: IngestContext, lane: IngestLane, loop: ShardLoop, room: IngestRoom) {
        self.id = id
        self.context = context
        self.lane = lane
        self.loop = loop
        self.room = room
        machine = IngestMachine(
            id: id, directory: context.directory, offer: context.offer, now: context.services.clock.instant())
    }

    // MARK: The channel

    func opened(_ channel: SecureChannel) {
        self.channel = channel
        services.metrics.add(.connectionsAccepted)
        services.metrics.add(.connections, 1)
        // Not before: a connection whose handshake never began is told nothing, and would stay for ever.
        room?.entered(self)
        arm()
    }

    func received(_ bytes: Span<UInt8>, on channel: SecureChannel) -> Int {
        let wasKnown = machine.holder != nil
        let consumed = machine.received(
            bytes, scratch: &lane.scratch, now: services.clock.instant(), into: &lane.actions)
        services.metrics.add(.bytesReceived, consumed)
        perform()
        // Also behind a HELLO that is welcome: its token has been read.
        if isRefusing || machine.isEnding || wasKnown != (machine.holder != nil) {
            channel.wipeReceived()
            StackMemory.overwrite()
        }
        return consumed
    }

    func closed(_ channel: SecureChannel, _ reason: CloseReason) {
        if self.channel == nil {
            services.metrics.add(.handshakesFailed)
            services.log(.handshakeFailed(peer: channel.peer.description, reason: reason.handshakeText))
        } else {
            services.metrics.add(.connections, -1)
            if machine.isWelcomed {
                services.log(
                    .connectionClosed(tenant: names.tenant, workstation: names.workstation, reason: reason.word))
            }
        }
        machine.closed(into: &lane.actions)
        perform()
        self.channel = nil
        room?.left(self)
    }

    // MARK: News, time and the end

    func hear(_ news: LedgerNews) {
        machine.hear(news, now: services.clock.instant(), into: &lane.actions)
        perform()
    }

    /// Commits what was received, acknowledges it, says GOAWAY.
    func shutdown() {
        machine.shutdown(now: services.clock.instant(), into: &lane.actions)
        perform()
    }

    func abort() { channel?.abort(.drained) }

    private func tick() {
        timer = nil
        machine.tick(now: services.clock.instant(), into: &lane.actions)
        perform()
    }

    /// Keeps a timer that fires no later than the machine's deadline. One that fires earlier finds nothing to do and is
    /// set anew, which is cheaper than moving it with every frame.
    private func arm() {
        guard let deadline = machine.deadline else {
            if let timer { loop.cancel(timer.id) }
            timer = nil
            return
        }
        if let timer {
            guard deadline < timer.at else { return }
            loop.cancel(timer.id)
        }
        let wait = max(deadline.since(services.clock.now()), .milliseconds(1))
        timer = (loop.after(wait) { self.tick() }, deadline)
    }

    // MARK: Actions

    private func perform() {
        for index in lane.actions.indices {
            switch lane.actions[index] {
            case .send(let frame):
                lane.frame.removeAll(keepingCapacity: true)
                FrameCodec.append(frame, to: &lane.frame)
                _ = channel?.send(lane.frame)
            case .submit(let command):
                if case .append = command { isRefusing = false }
                lane.submit(command, &censusMark)
            case .close(.refused): channel?.close(.refused)
            case .close(.requested): channel?.close(.requested)
            case .note(let note): take(note)
            }
        }
        lane.clearActions()
        let now = UInt32(clamping: machine.heldBytes)
        if now != held {
            lane.scratch.held.move(machine.holder?.tenant, from: Int(held), to: Int(now))
            held = now
        }
        arm()
    }

    private func count(_ reason: RejectReason) {
        switch reason {
        case .contentField: services.metrics.add(.contentRejected)
        case .labelLimit: services.metrics.add(.labelsLimited)
        case .sessionLimit: services.metrics.add(.sessionsLimited)
        default: break
        }
    }

    private func take(_ note: IngestNote) {
        switch note {
        case .signedIn(let holder):
            // What comes from here on is its tenant's.
            lane.scratch.held.move(nil, from: Int(held), to: 0)
            held = 0
            names = (context.directory.name(of: holder.tenant), context.directory.name(of: holder.workstation))
        case .helloRefused(let reason):
            services.metrics.add(.hellosRefused)
            services.log(.helloRefused(peer: channel?.peer.description ?? "", reason: "\(reason)"))
        case .streamOpened(let committed, let generation):
            services.metrics.add(.streams, 1)
            services.log(
                .streamOpened(
                    tenant: names.tenant, workstation: names.workstation, committed: committed.value,
                    generation: generation.value))
        case .streamLeft: services.metrics.add(.streams, -1)
        case .batchReceived(let bodyBytes):
            services.metrics.add(.batchesReceived)
            services.metrics.add(.bodyBytesReceived, bodyBytes)
        case .batchDuplicate: services.metrics.add(.batchesDuplicate)
        case .batchHeldOff: services.metrics.add(.batchesHeldOff)
        case .frameTimedOut: services.metrics.add(.framesTimedOut)
        case .rejected(let reason, let field, let first):
            isRefusing = true
            services.metrics.add(.batchesRejected)
            count(reason)
            services.log(
                .batchRejected(
                    tenant: names.tenant, workstation: names.workstation, reason: "\(reason)",
                    column: ColumnID(rawValue: field)?.name ?? "\(field)", first: first.value))
        case .contentRejected(let column):
            guard let holder = machine.holder else { return }
            context.contentNotes.note(column: column, from: holder, stamp: services.stamp())
        }
    }
}
