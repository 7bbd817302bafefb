import TallyHash
package import TallyIO
import TallyModel
import TallyTransport
import TallyWire

/// The working workstation: reads sources, spools, sends. Everything on one shard, nothing shared.
///
/// Work is done in slices, each its own round of the shard, so that frames are answered between them. It stops at
/// the first error of the spool: what was counted and not written is read again at the next start.
package final class Engine: ShardResident {
    let loop: ShardLoop
    let home: Home
    let spool: Spool
    var enrolment: Enrolment
    let hash: WorkstationHash
    let homes: SourceHomes
    var uplink: Uplink?
    var scan: TranscriptScan<WorkstationHash, DiskFolders>
    /// How far events may lie back; older ones are not kept by the gateway.
    var keepsMs: Int64
    var problem: UplinkProblem?
    var failure: WorkstationError?
    private var welcomes = 0
    private var settledEvents: UInt64 = 0

    var isScanning = false
    /// A scan was asked for while one was running.
    var isScanAsked = false
    /// Held requests are sent at the end of the scan, whether or not they may still grow.
    var isSettlingAll = false
    /// Set while following.
    var watch: FolderWatch?
    var isSliceQueued = false
    var waiters: [SyncWaiter] = []
    var inputs: [UInt64: SendInput] = [:]
    var lastInput: UInt64 = 0
    /// When something was last read, spooled or acknowledged.
    var progressedAt: UInt64 = 0
    var reference: ShardReference<Engine>?
    var ticker: TimerID?
    var followTimer: TimerID?
    private let ended: @Sendable (WorkstationError) -> Void
    /// Tells a person who watches what changed; called only when it did.
    var notice: (@Sendable (String) -> Void)?

    package init(
        _ loop: ShardLoop, home: Home, spool: Spool, enrolment: Enrolment, homes: SourceHomes,
        ended: @escaping @Sendable (WorkstationError) -> Void
    ) throws(WorkstationError) {
        self.loop = loop
        self.home = home
        self.spool = spool
        self.enrolment = enrolment
        self.ended = ended
        keepsMs = enrolment.keepsMs
        guard let hash = WorkstationHash(ownKey: try home.ownKey(), tenantKey: enrolment.tenantKey) else {
            throw .keysDamaged
        }
        self.hash = hash
        self.homes = homes
        scan = TranscriptScan(hash: hash, homes: homes, folders: DiskFolders())
        progressedAt = ShardLoop.nowNanoseconds
    }

    /// Connects, and keeps time. The loop holds the engine until `stop`.
    package func start() throws(WorkstationError) {
        reference = loop.reside(self)
        let uplink = try Uplink(loop, spool, enrolment, self)
        self.uplink = uplink
        uplink.start()
    }

    /// Writes what was read, says farewell.
    package func stop() {
        if failure == nil {
            do throws(WorkstationError) {
                try commit()
                try spool.close()
            } catch {
                fail(error)
            }
        }
        uplink?.stop()
        uplink = nil
        watch = nil
        for timer in [ticker, followTimer] { if let timer { loop.cancel(timer) } }
        if let reference { loop.leave(reference) }
        reference = nil
        for waiter in waiters { waiter.reply.done(ExitStatus.tryLater) }
        waiters = []
    }

    // MARK: Scanning

    /// Reads what the sources have; asked again while it runs, it runs once more.
    package func scanNow(settlingAll: Bool) {
        if settlingAll { isSettlingAll = true }
        guard !isScanning else {
            isScanAsked = true
            return
        }
        isScanning = true
        scan.begin(spool.counter)
        watchFolders()
        queueSlice()
        armTicker()
    }

    private func queueSlice() {
        guard !isSliceQueued, let reference else { return }
        isSliceQueued = true
        reference.async { $0.slice() }
    }

    private func slice() {
        isSliceQueued = false
        guard isScanning, failure == nil else { return }
        do throws(WorkstationError) {
            // Nothing is read that could not be kept; the ticker tries again.
            guard !spool.isFull else { return try commit() }
            let nowMs = WallClock.nowMs()
            let read = scan.bytesRead
            let progress = scan.advance(&spool.counter, nowMs: nowMs)
            if scan.bytesRead != read { touch() }
            if case .done = progress { return try finishScan(nowMs) }
            if spool.counter.isFull { try commit(isGrouped: true) }
            queueSlice()
        } catch {
            fail(error)
        }
    }

    private func finishScan(_ nowMs: Int64) throws(WorkstationError) {
        // Each turn drains at least one event of a bounded number of held requests.
        while true {
            spool.counter.settle(nowMs: nowMs, quietMs: isSettlingAll ? nil : Limits.requestQuietMs)
            let isFull = spool.counter.isFull
            try commit(isGrouped: isFull)
            if !isFull { break }
        }
        isScanning = false
        for index in waiters.indices { waiters[index].scanEnded(at: spool.state.tip.sequence) }
        if isScanAsked {
            isScanAsked = false
            return scanNow(settlingAll: isSettlingAll)
        }
        isSettlingAll = false
        armSearch()
        checkWaiters()
    }

    /// Writes what the counter has; grouped writes are synced and sent when enough has come together.
    func commit(isGrouped: Bool = false) throws(WorkstationError) {
        let nowMs = WallClock.nowMs()
        try spool.commit(nowMs: nowMs, oldestMs: nowMs - keepsMs)
        if spool.isRollDue { try spool.roll(nowMs: nowMs) }
        if !isGrouped || spool.isSyncDue {
            if spool.hasUnsynced { try spool.sync() }
            uplink?.pump()
        }
    }

    // MARK: Time

    func touch() { progressedAt = ShardLoop.nowNanoseconds }

    /// Looks after scans and waiters while there are any; an idle engine sleeps.
    func armTicker() {
        guard ticker == nil, isScanning || !waiters.isEmpty else { return }
        ticker = loop.after(.milliseconds(200)) { [weak self] in
            guard let self, self.failure == nil else { return }
            self.ticker = nil
            if self.isScanning, !self.isSliceQueued { self.queueSlice() }
            self.checkWaiters()
            self.armTicker()
        }
    }

    // MARK: Failure

    func fail(_ error: WorkstationError) {
        guard failure == nil else { return }
        failure = error
        for waiter in waiters {
            waiter.reply.error(error.description)
            waiter.reply.done(ExitStatus.failure)
        }
        waiters = []
        uplink?.stop()
        uplink = nil
        ended(error)
    }
}

extension Engine: UplinkListener {
    func welcomed(_ welcome: Welcome) {
        if problem != nil || welcomes == 0 { notice?("connected to \(enrolment.gateway)") }
        welcomes += 1
        problem = nil
        let (keeps, isOver) = welcome.clockMs.subtractingReportingOverflow(welcome.oldestTimeMs)
        if !isOver, keeps > 0 { keepsMs = keeps }
        guard welcome.tenantKey == enrolment.tenantKey else {
            // Projects hashed under another key would be other projects.
            return fail(.notConnected)
        }
    }

    func settled() {
        // A connection that comes and goes is no progress.
        let reached = spool.state.acknowledged.sequence.value + spool.state.deadLetterEvents
        if reached != settledEvents { touch() }
        settledEvents = reached
        checkWaiters()
    }

    func interrupted(_ problem: UplinkProblem) {
        if self.problem != problem { notice?(problem.text) }
        self.problem = problem
        checkWaiters()
    }

    func failed(_ error: WorkstationError) { fail(error) }
}
