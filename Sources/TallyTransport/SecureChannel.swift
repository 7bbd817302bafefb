package import TallyIO
package import TallyTLS

/// One TLS connection on its shard: the only file that joins sockets and TLS.
///
/// It drives the handshake, shows arriving plaintext to its handler, gathers what the handler sends during a
/// round into few TLS records, and ends once. Not Sendable: it is made on a shard and stays there.
///
/// ```
/// handshaking ──▶ open ──▶ closing ──▶ lingering ──▶ ended
///      │            │         │            │           ▲
///      └────────────┴─────────┴────────────┴───────────┘  failure, abort, deadline
/// ```
/// *closing* sends what is queued and TLS's farewell; *lingering* reads and discards until the peer has closed
/// too, because a socket that is closed with unread bytes resets the connection and takes our last words with
/// it. Both have `flushTimeout` together. The handler is told at the end of the round that reached `ended`.
package final class SecureChannel: ReadyHandler, RoundEndHandler {
    private enum Phase {
        case handshaking
        case open
        case closing(CloseReason)
        case lingering(CloseReason)
        case ended(CloseReason)
        case gone
    }

    /// What a closing peer may still have sent, all of it discarded.
    private static let discardBytesMax = 8 << 20

    package let loop: ShardLoop
    package let peer: SocketAddress
    /// Plaintext, for metrics.
    package private(set) var bytesReceived: UInt64 = 0
    package private(set) var bytesSent: UInt64 = 0
    package private(set) var isReadingPaused = false

    private var handler: (any ChannelHandler)?
    private let settings: ChannelSettings
    private var session: TLSSession?
    private var watch: WatchID?
    private let raw: CInt
    private var phase = Phase.handshaking
    private var interest: Readiness = [.read]
    /// Its callback holds the channel, as the watch does, until `tearDown`: a weak one would cost another object each.
    private var deadline: TimerID?
    private var incoming: ByteQueue
    private var outgoing: ByteQueue
    private var isRoundEndAsked = false
    private var isPeerFinished = false
    private var isPeerFinishReported = false
    private var isWriteBlocked = false
    /// A read that must write first: TLS wants to answer a key update.
    private var isReadBlockedOnWrite = false
    private var isAboveLow = false
    private var discarded = 0
    var isWipeAsked = false

    private init(
        session: consuming TLSSession, raw: CInt, peer: SocketAddress, settings: ChannelSettings, loop: ShardLoop,
        handler: any ChannelHandler
    ) {
        self.session = consume session
        self.raw = raw
        self.peer = peer
        self.settings = settings
        self.loop = loop
        self.handler = handler
        incoming = ByteQueue(bytesMax: settings.receiveBytesMax, leavesNoCopy: true)
        outgoing = ByteQueue(bytesMax: settings.sendBytesMax)
    }

    // MARK: Beginning

    /// Begins the gateway's side of a connection; until the peer speaks OpenSSL holds no buffer for it. The handler hears
    /// `opened` or `closed` later; an error thrown here means that it hears nothing, and the descriptor is closed.
    @discardableResult
    package static func accept(
        _ descriptor: consuming Descriptor, from peer: SocketAddress, tls: TLSServerContext,
        settings: ChannelSettings, on loop: ShardLoop, handler: any ChannelHandler
    ) throws(TLSFailure) -> SecureChannel {
        let raw = descriptor.raw
        let channel = SecureChannel(
            session: try tls.session(on: raw), raw: raw, peer: peer, settings: settings, loop: loop, handler: handler)
        do throws(SystemError) {
            channel.watch = try loop.watch(descriptor, for: .read, channel)
        } catch {
            throw .system(error.number)
        }
        channel.begin(speaksFirst: false)
        return channel
    }

    /// Begins the workstation's side on a connection that stands and is watched by `loop` as `watch`.
    static func connect(
        _ watch: WatchID, raw: CInt, to peer: SocketAddress, host: String, tls: TLSClientContext,
        settings: ChannelSettings, on loop: ShardLoop, handler: any ChannelHandler
    ) throws(TLSFailure) -> SecureChannel {
        let channel = SecureChannel(
            session: try tls.session(on: raw, host: host), raw: raw, peer: peer, settings: settings, loop: loop,
            handler: handler)
        channel.watch = watch
        channel.interest = [.write]
        loop.replaceHandler(of: watch, with: channel)
        channel.begin(speaksFirst: true)
        return channel
    }

    /// Gives the channel to another handler, which gets every later call.
    package func hand(over handler: any ChannelHandler) {
        guard self.handler != nil else { return }
        self.handler = handler
    }

    private func begin(speaksFirst: Bool) {
        deadline = loop.after(settings.handshakeTimeout) { self.end(.handshakeTimeout) }
        if speaksFirst { goOnWithHandshake() }
        updateInterest()
    }

    private func goOnWithHandshake() {
        isWriteBlocked = false
        switch session?.handshake() {
        case .done:
            cancelDeadline()
            phase = .open
            handler?.opened(self)
            // The peer's first bytes may have come with its last handshake record.
            readTurn()
        case .wantRead: break
        case .wantWrite: isWriteBlocked = true
        case .failed(let failure): end(.handshakeFailed(failure))
        case nil: break
        }
    }

    // MARK: Sending

    /// Queued and not yet taken by the kernel.
    package var sendQueueBytes: Int { outgoing.count }

    /// Whether the handshake is done and the channel neither closing nor closed.
    package var isOpen: Bool {
        if case .open = phase { true } else { false }
    }

    /// Queues `bytes`; they go out when the round ends, together with everything else of the round. False if
    /// the channel is not open, or if they do not fit: then the peer does not read, and the channel ends.
    @discardableResult
    package func send(_ bytes: Span<UInt8>) -> Bool {
        guard isOpen else { return false }
        if !outgoing.hasMemory { outgoing.take(loop.takeSpare()) }
        guard outgoing.append(bytes) else {
            end(.sendQueueFull)
            return false
        }
        if outgoing.count > settings.sendBytesLow { isAboveLow = true }
        askRoundEnd()
        return true
    }

    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool { send(bytes.span) }

    // MARK: Reading

    /// Stops reading: the kernel's buffer fills, and TCP slows the peer down.
    package func pauseReading() {
        isReadingPaused = true
        updateInterest()
    }

    /// Reads again, in a later round; what was kept is shown again first.
    package func resumeReading() {
        guard isReadingPaused else { return }
        isReadingPaused = false
        updateInterest()
        if let watch { loop.wake(watch, .read) }
    }

    // MARK: Ending

    /// Sends what is queued, says farewell, and ends with `reason`. Reading stops at once.
    package func close(_ reason: CloseReason = .requested) {
        switch phase {
        case .handshaking: end(reason)
        case .open:
            phase = .closing(reason)
            deadline = loop.after(settings.flushTimeout) { self.end(.flushTimeout) }
            askRoundEnd()
        case .closing, .lingering, .ended, .gone: break
        }
    }

    /// Ends with `reason` at once; what is queued is lost.
    package func abort(_ reason: CloseReason) { end(reason) }

    private func end(_ reason: CloseReason) {
        switch phase {
        case .handshaking, .open: phase = .ended(reason)
        // The first reason is the one that counts.
        case .closing(let first): phase = .ended(reason == .flushTimeout ? reason : first)
        // Everything was sent; only the peer's own farewell is missing.
        case .lingering(let first): phase = .ended(first)
        case .ended, .gone: return
        }
        askRoundEnd()
    }

    private func tearDown(_ reason: CloseReason) {
        phase = .gone
        cancelDeadline()
        session = nil
        if let watch { loop.remove(watch) }
        watch = nil
        wipeUnfinished(&incoming)
        outgoing.clear()
        handler.take()?.closed(self, reason)
    }

    private func cancelDeadline() {
        if let deadline { loop.cancel(deadline) }
        deadline = nil
    }

    // MARK: Events

    package func ready(_ readiness: Readiness) {
        switch phase {
        case .handshaking: goOnWithHandshake()
        case .open:
            if readiness.contains(.hangup), !interest.contains(.read) { end(.reset) }
            if readiness.contains(.write) { flush() }
            if readiness.contains(.read) || isReadBlockedOnWrite { readTurn() }
        case .closing: goOnClosing()
        case .lingering(let reason): discard(reason)
        case .ended, .gone: break
        }
        updateInterest()
    }

    package func roundEnded() {
        isRoundEndAsked = false
        switch phase {
        case .open: flush()
        case .closing: goOnClosing()
        case .ended(let reason): tearDown(reason)
        case .handshaking, .lingering, .gone: break
        }
        updateInterest()
    }

    private func askRoundEnd() {
        guard !isRoundEndAsked else { return }
        isRoundEndAsked = true
        loop.atRoundEnd(self)
    }

    private func updateInterest() {
        guard let watch else { return }
        var wanted: Readiness = isWriteBlocked || isReadBlockedOnWrite ? [.write] : []
        switch phase {
        case .handshaking, .lingering: wanted.insert(.read)
        case .open: if isReading { wanted.insert(.read) }
        case .closing: break
        case .ended, .gone: wanted = []
        }
        guard wanted != interest else { return }
        interest = wanted
        do throws(SystemError) {
            try loop.change(watch, to: wanted)
        } catch {
            end(.system(error.number))
        }
    }

    // MARK: Bytes out

    private func flush() {
        isWriteBlocked = false
        // Every pass takes at least one byte of a bounded queue, or ends.
        while !outgoing.isEmpty {
            let moved = session?.write(outgoing.bytes, from: outgoing.start, to: outgoing.bytes.count)
            switch moved {
            case .moved(let count):
                outgoing.removeFirst(count)
                bytesSent &+= UInt64(count)
            case .wantWrite:
                isWriteBlocked = true
                return reportDrained()
            // A key update of the peer must be read first.
            case .wantRead: return reportDrained()
            case .finished, nil: return end(.reset)
            case .failed(let failure): return end(failure == .reset ? .reset : .failed(failure))
            }
        }
        if outgoing.hasMemory { loop.returnSpare(outgoing.giveMemory()) }
        reportDrained()
    }

    private func reportDrained() {
        guard isAboveLow, outgoing.count <= settings.sendBytesLow, isOpen else { return }
        isAboveLow = false
        handler?.sendQueueDrained(self)
    }

    private func goOnClosing() {
        guard case .closing(let reason) = phase else { return }
        flush()
        guard case .closing = phase, outgoing.isEmpty else { return }
        switch session?.finishWriting() {
        case .wantWrite: isWriteBlocked = true
        case .done, .wantRead, nil:
            Sockets.finishWriting(raw)
            if isPeerFinished { return end(reason) }
            phase = .lingering(reason)
            if let watch { loop.wake(watch, .read) }
        case .failed: end(reason)
        }
    }

    private func discard(_ reason: CloseReason) {
        var room = loop.takeScratch(count: settings.receiveBytesMax)
        defer { giveBack(&room, wiped: true) }
        while discarded < SecureChannel.discardBytesMax {
            switch session?.read(into: &room, from: 0, upTo: room.count) {
            case .moved(let count): discarded += count
            case .wantRead, .wantWrite: return
            case .finished, .failed, nil: return end(reason)
            }
        }
        end(reason)
    }

    // MARK: Bytes in

    /// Reads until the kernel has no more, the buffer is full or the turn is over; the handler is called once
    /// for each filling of the buffer.
    private func readTurn() {
        var budget = settings.readBytesPerTurn
        if !incoming.isEmpty, isReading { deliverKept() }
        var buffer = loop.takeScratch(count: settings.receiveBytesMax)
        while isReading {
            guard budget > 0 else {
                if let watch { loop.wake(watch, .read) }
                break
            }
            var count = 0
            let isMore = fill(&buffer, count: &count)
            budget -= count
            bytesReceived &+= UInt64(count)
            if count > 0 { deliver(buffer.span.extracting(0..<count)) }
            if !isMore { break }
        }
        giveBack(&buffer, wiped: takeWipe())
        if isPeerFinished, !isPeerFinishReported, isOpen {
            isPeerFinishReported = true
            handler?.peerFinished(self)
        }
    }

    private var isReading: Bool { isOpen && !isReadingPaused && !isPeerFinished }

    /// Reads what there is into `buffer`; false if that was all for now.
    private func fill(_ buffer: inout [UInt8], count: inout Int) -> Bool {
        let (moved, stopped) = session?.readAvailable(into: &buffer, upTo: incoming.room) ?? (0, .wantRead)
        count = moved
        isReadBlockedOnWrite = stopped == .wantWrite
        switch stopped {
        case nil: return true
        case .finished: isPeerFinished = true
        case .failed(let failure): end(failure == .reset ? .reset : .failed(failure))
        case .wantRead, .wantWrite, .moved: break
        }
        return false
    }

    private func deliver(_ arrived: Span<UInt8>) {
        guard incoming.isEmpty else {
            keep(arrived)
            return deliverKept()
        }
        let consumed = handler?.received(arrived, on: self) ?? arrived.count
        precondition(consumed >= 0 && consumed <= arrived.count, "a handler consumes what it was shown")
        keep(arrived.extracting(consumed..<arrived.count))
        if incoming.room == 0, isReading { end(.receiveBufferFull) }
    }

    private func keep(_ rest: Span<UInt8>) {
        let isKept = incoming.append(rest)
        precondition(isKept, "`fill` reads no more than there is room for")
    }

    private func deliverKept() {
        let kept = incoming.start..<incoming.bytes.count
        let consumed = handler?.received(incoming.bytes.span.extracting(kept), on: self) ?? kept.count
        precondition(consumed >= 0 && consumed <= kept.count, "a handler consumes what it was shown")
        if isToBeWiped { incoming.wipeFirst(consumed) } else { incoming.removeFirst(consumed) }
        if incoming.room == 0, isReading { end(.receiveBufferFull) }
    }
}
