package import TallyModel
import TallyProtocol
import TallyWire

/// The working workstation without its rim: reads sources, counts, spools, sends, and answers commands. No socket, no
/// clock, no random source and no file but through the seams of spool and folders: everything that decides is here
/// and in `UplinkCore`, and runs on one thread from one seed as well.
///
/// Drive it so: after each call take what `pump` returns and carry it out in order; call `slice` as a turn of its own
/// while `isSliceDue`, and `tick` at `deadline`.
///
/// It stops at the first error of the spool: what was counted and not written is read again at the next start.
package final class EngineCore<Folders: FolderSource & ProjectFiles> {
    package let spool: Spool
    package let uplink: UplinkCore
    let gateway: HostPort
    let hash: WorkstationHash
    package internal(set) var scan: TranscriptScan<WorkstationHash, Folders>
    /// How far events may lie back; older ones are not kept by the gateway.
    package private(set) var age: AgeFloor
    package private(set) var problem: UplinkProblem?
    private(set) var problemAt = MonotonicInstant(nanoseconds: 0)
    package private(set) var failure: WorkstationError?
    private var settledEvents: UInt64 = 0

    package internal(set) var isScanning = false
    /// What has been said of the scan that runs, or ran last.
    var reading: ScanProgress
    /// The stream as which the running scan began to be written.
    var scanNumber: UInt32 = 0
    /// What the first whole scan of a stream that adopts left held, and what of that is held still.
    var heldByScan: (number: UInt32, keys: Set<RequestKey>)?
    /// A scan was asked for while one was running.
    var isScanAsked = false
    /// Held requests are sent at the end of the scan, whether or not they may still grow.
    var isSettlingAll = false
    package internal(set) var isFollowing = false
    /// `slice` is to be called, in a turn of its own.
    package internal(set) var isSliceDue = false
    /// Since when nothing is read because the spool is full.
    package internal(set) var fullSince: MonotonicInstant?
    var waiters: [SyncWaiter] = []
    var inputs: [UInt64: SendInput] = [:]
    /// Sees agents' processes; nil where sessions are not watched.
    let lookout: (any AgentLookout)?
    /// What agents' sessions do; nil until the engine follows.
    package internal(set) var states: SessionStates?
    var statesAt: MonotonicInstant?
    let telemetry: OTLPDecoder<WorkstationHash>
    /// Exports that wait to be counted, oldest first.
    var exports: [WaitingExport] = []
    var scansBegun: UInt64 = 0
    var lastCommand: UInt64 = 0
    /// When something was last read, spooled or acknowledged.
    var progressedAt: MonotonicInstant
    var tickerAt: MonotonicInstant?
    var searchAt: MonotonicInstant?
    private var actions: [EngineAction] = []

    /// `ownKey` is the home's; `enrolment` names the gateway.
    package init(
        spool: Spool, enrolment: Enrolment, ownKey: [UInt8], homes: SourceHomes, folders: Folders,
        ignored: IgnoredFolders = .none, lookout: (any AgentLookout)? = nil, entropy: Entropy, now: WorkstationInstant
    ) throws(WorkstationError) {
        guard let hash = WorkstationHash(ownKey: ownKey, tenantKey: enrolment.tenantKey) else { throw .keysDamaged }
        self.spool = spool
        self.hash = hash
        self.lookout = lookout
        telemetry = OTLPDecoder(hash: hash)
        gateway = enrolment.gateway
        age = AgeFloor(keepsMs: enrolment.keepsMs, oldestMs: enrolment.oldestMs)
        uplink = UplinkCore(
            spool: spool, token: enrolment.token, tenantKey: enrolment.tenantKey, entropy: entropy)
        scan = TranscriptScan(hash: hash, homes: homes, folders: folders, ignored: ignored)
        progressedAt = now.monotonic
        reading = ScanProgress(beganAt: now.monotonic)
    }

    // MARK: The connection

    package func opened(_ now: WorkstationInstant) { uplink.opened(now) }

    /// Bytes came; `bytes` is everything that is not consumed yet. Returns how many bytes are consumed now.
    package func received(_ bytes: Span<UInt8>, _ now: WorkstationInstant) -> Int { uplink.received(bytes, now) }

    package func closed(_ now: WorkstationInstant) { uplink.closed(now) }

    package func dialFailed(_ problem: UplinkProblem, _ now: WorkstationInstant) { uplink.dialFailed(problem, now) }

    // MARK: Time

    /// When to call `tick` at the latest.
    package var deadline: MonotonicInstant? {
        guard failure == nil else { return nil }
        return [tickerAt, searchAt, statesAt, exports.first?.dueAt, uplink.deadline].compactMap { $0 }.min()
    }

    /// Does what the time demands.
    package func tick(_ now: WorkstationInstant) {
        guard failure == nil else { return }
        uplink.tick(now)
        if let due = tickerAt, due <= now.monotonic {
            tickerAt = nil
            if isScanning { isSliceDue = true }
            checkWaiters(now)
            armTicker(now)
        }
        countExports(now)
        watchStates(now)
        if let due = searchAt, due <= now.monotonic {
            searchAt = nil
            scanNow(settlingAll: false, now)
        }
    }

    /// Sends what may be sent, and says what is to be done now. `room`: the bytes that the connection's send queue
    /// still takes.
    package func pump(_ now: WorkstationInstant, room: Int) -> [EngineAction] {
        uplink.isQuiet = !isScanning || spool.isFull
        if failure == nil { uplink.pump(now, room: room) }
        hear(now)
        var taken: [EngineAction] = []
        swap(&taken, &actions)
        return taken
    }

    func emit(_ action: EngineAction) { actions.append(action) }

    func touch(_ now: WorkstationInstant) { progressedAt = now.monotonic }

    /// Looks after scans and waiters while there are any; an idle engine sleeps.
    func armTicker(_ now: WorkstationInstant) {
        guard tickerAt == nil, isScanning || !waiters.isEmpty else { return }
        tickerAt = now.monotonic + Limits.engineTick
    }

    // MARK: The end

    /// Writes what was read, says farewell. Take `pump`'s actions once more.
    package func stop(_ now: WorkstationInstant) {
        if failure == nil {
            do throws(WorkstationError) {
                try commit(now)
                try spool.close()
            } catch {
                fail(error)
            }
        }
        refuseExports()
        uplink.stop()
        if isScanning { endReading() }
        isScanning = false
        isSliceDue = false
        isFollowing = false
        tickerAt = nil
        searchAt = nil
        statesAt = nil
        for waiter in waiters { emit(.reply(waiter.command, .done(ExitStatus.tryLater))) }
        waiters = []
    }

    func fail(_ error: WorkstationError) {
        guard failure == nil else { return }
        failure = error
        if isScanning { endReading() }
        for waiter in waiters { refuse(waiter.command, error) }
        waiters = []
        refuseExports()
        isSliceDue = false
        uplink.stop()
        emit(.failed(error))
    }

    // MARK: The uplink's news

    private func hear(_ now: WorkstationInstant) {
        for action in uplink.takeActions() {
            switch action {
            case .dial: emit(.dial)
            case .send(let bytes): emit(.send(bytes))
            case .close: emit(.close)
            case .news(.welcomed(let welcome)): welcomed(welcome, now)
            case .news(.settled): settled(now)
            case .news(.adopted(let report)): adopted(report, now)
            case .news(.interrupted(let problem)): interrupted(problem, now)
            case .news(.failed(let error)): fail(error)
            }
        }
        // The failure's own farewell.
        for action in uplink.takeActions() where action == .close { emit(.close) }
    }

    private func welcomed(_ welcome: Welcome, _ now: WorkstationInstant) {
        if problem != nil || uplink.counts.connections <= 1 { emit(.notice("connected to \(gateway)")) }
        problem = nil
        let (keeps, isOver) = welcome.clockMs.subtractingReportingOverflow(welcome.oldestTimeMs)
        if !isOver, keeps > 0 { age.heard(welcome.oldestTimeMs, keepsMs: keeps, at: now.monotonic) }
    }

    private func settled(_ now: WorkstationInstant) {
        // A connection that comes and goes is no progress.
        let reached =
            spool.state.acknowledged.sequence.value + spool.state.deadLetterEvents + uplink.counts.offeredStreams
            + uplink.counts.acknowledgedEvents
        if reached != settledEvents { touch(now) }
        settledEvents = reached
        if fullSince != nil {
            do throws(WorkstationError) { try noteFullness(now) } catch { return fail(error) }
        }
        checkWaiters(now)
    }

    private func adopted(_ report: AdoptionReport, _ now: WorkstationInstant) {
        emit(.notice(SyncReport.adopted(report)))
        touch(now)
        let tip = spool.state.tip.sequence
        for index in waiters.indices {
            if let target = waiters[index].target { waiters[index].target = min(target, tip) }
        }
        checkWaiters(now)
    }

    private func interrupted(_ problem: UplinkProblem, _ now: WorkstationInstant) {
        if self.problem != problem { emit(.notice(problem.text)) }
        self.problem = problem
        problemAt = now.monotonic
        checkWaiters(now)
    }
}
