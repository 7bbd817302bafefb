import TallyHash
package import TallyIO
import TallyModel
import TallyTransport

/// The working workstation on its shard: hands bytes, time and changes of folders to `EngineCore`, and carries out
/// what that decides.
///
/// Slices are rounds of the shard of their own, so that frames are answered between them.
package final class Engine: ShardResident {
    let loop: ShardLoop
    let core: EngineCore<DiskFolders>
    private let homes: SourceHomes
    private let enrolment: Enrolment
    private var uplink: Uplink?
    private var watch: FolderWatch?
    private var replies: [UInt64: Reply] = [:]
    private var exports: [UInt64: @Sendable (OTLPOutcome) -> Void] = [:]
    private(set) var reference: ShardReference<Engine>?
    private var timer: (id: TimerID, at: MonotonicInstant)?
    private var isSliceQueued = false
    private let ended: @Sendable (WorkstationError) -> Void
    /// Tells a person who watches what changed; called only when it did.
    var notice: (@Sendable (String) -> Void)?
    /// Shows a person at a terminal how far a scan has come; nil takes it away.
    var reading: (@Sendable (String?) -> Void)?

    package init(
        _ loop: ShardLoop, home: Home, spool: Spool, enrolment: Enrolment, homes: SourceHomes,
        ignored: IgnoredFolders = .none, ended: @escaping @Sendable (WorkstationError) -> Void
    ) throws(WorkstationError) {
        self.loop = loop
        self.enrolment = enrolment
        self.homes = homes
        self.ended = ended
        core = try EngineCore(
            spool: spool, enrolment: enrolment, ownKey: try home.ownKey(), homes: homes, folders: DiskFolders(),
            ignored: ignored, lookout: ProcessLookout(homes: homes, ignored: ignored), entropy: .system, now: .current)
    }

    /// Connects, and keeps time. The loop holds the engine until `stop`.
    package func start() throws(WorkstationError) {
        reference = loop.reside(self)
        uplink = try Uplink(loop, enrolment, self)
        turn { core, now in core.tick(now) }
    }

    /// Writes what was read, says farewell.
    package func stop() {
        turn { core, now in core.stop(now) }
        leave()
    }

    // MARK: Commands

    package func sync(wait: Duration, reply: Reply) {
        turn { core, now in replies[core.sync(wait: wait, now)] = reply }
    }

    package func resend(_ choice: LetterChoice, reply: Reply) {
        turn { core, now in replies[core.resend(choice, now)] = reply }
    }

    /// Tells `LiveStatus`.
    package func status(reply: Reply) {
        reply.output(core.status(.current).encode())
        reply.done(ExitStatus.success)
    }

    /// Begins a `send`; its number is what `feed` and `endSend` take.
    package func beginSend(wait: Duration, reply: Reply) -> UInt64 {
        turn { core, now in
            let command = core.beginSend(wait: wait, now)
            replies[command] = reply
            return command
        }
    }

    /// Takes the next bytes. False if the spool has no room for them: offer them again later.
    package func feed(_ command: UInt64, _ bytes: [UInt8]) -> Bool {
        turn { core, now in core.feed(command, bytes, now) }
    }

    /// No more bytes come: the last line may lack its end. `isCut`: more came, and had no room.
    package func endSend(_ command: UInt64, isCut: Bool) {
        turn { core, now in core.endSend(command, isCut: isCut, now) }
    }

    /// Counts an export; `answer` is called when all of it is durable, or with what was in the way.
    package func take(_ request: OTLPRequest, answer: @escaping @Sendable (OTLPOutcome) -> Void) {
        turn { core, now in exports[core.take(request, now)] = answer }
    }

    /// Goes on reading what is added, until `stop`.
    package func follow() {
        guard watch == nil, let reference else { return }
        let bounds = FolderWatch.Bounds(
            gathering: Limits.followInterval, period: Limits.followInterval, foldersMax: Limits.watchedFoldersMax)
        watch = FolderWatch(.preferred, bounds) {
            reference.async { engine in engine.turn { core, now in core.folderChanged(now) } }
        }
        turn { core, now in core.follow(now) }
    }

    // MARK: Turns

    /// One input for the core, then everything that it wants done.
    @discardableResult
    private func turn<Answer>(_ body: (EngineCore<DiskFolders>, WorkstationInstant) -> Answer) -> Answer {
        let now = WorkstationInstant.current
        let answer = body(core, now)
        for action in core.pump(now, room: uplink?.room ?? 0) { carryOut(action) }
        if core.isSliceDue { queueSlice() }
        armTimer(now.monotonic)
        return answer
    }

    private func carryOut(_ action: EngineAction) {
        switch action {
        case .dial: uplink?.dial()
        case .send(let bytes): uplink?.send(bytes)
        case .close: uplink?.close()
        case .notice(let text): notice?(text)
        case .reading(let text): reading?(text)
        case .watch(let folders):
            guard let trouble = watch?.watch(folders, roots: homes.roots) else { return }
            notice?("the system does not watch folders for us (\(trouble)); searching every second instead")
        case .reply(let command, let message):
            replies[command]?.put(message)
            if case .done = message { replies[command] = nil }
        case .exported(let command, let outcome): exports.removeValue(forKey: command)?(outcome)
        case .failed(let error): ended(error)
        }
    }

    private func queueSlice() {
        guard !isSliceQueued, let reference else { return }
        isSliceQueued = true
        reference.async { engine in
            engine.isSliceQueued = false
            engine.turn { core, now in core.slice(now) }
        }
    }

    private func armTimer(_ now: MonotonicInstant) {
        let deadline = reference == nil ? nil : core.deadline
        guard deadline != timer?.at else { return }
        if let timer { loop.cancel(timer.id) }
        timer = deadline.map { at in
            let id = loop.after(at.since(now)) { [weak self] in
                self?.timer = nil
                self?.turn { core, now in core.tick(now) }
            }
            return (id, at)
        }
    }

    private func leave() {
        uplink?.stop()
        uplink = nil
        watch = nil
        if let timer { loop.cancel(timer.id) }
        timer = nil
        if let reference { loop.leave(reference) }
        reference = nil
        for reply in replies.values { reply.done(ExitStatus.tryLater) }
        replies = [:]
        for answer in exports.values { answer(.refused(.unavailable)) }
        exports = [:]
    }
}

extension Engine: UplinkOwner {
    func opened() { turn { core, now in core.opened(now) } }
    func received(_ bytes: Span<UInt8>) -> Int { turn { core, now in core.received(bytes, now) } }
    func drained() { turn { _, _ in } }
    func closed() { turn { core, now in core.closed(now) } }
    func dialFailed(_ error: DialError) {
        turn { core, now in
            core.dialFailed(UplinkProblem(text: error.description, needsPerson: !error.isPassing), now)
        }
    }
}

extension WorkstationInstant {
    /// What the clocks say.
    static var current: WorkstationInstant {
        WorkstationInstant(
            wallMs: WallClock.nowMs(), monotonic: MonotonicInstant(nanoseconds: ShardLoop.nowNanoseconds))
    }
}
