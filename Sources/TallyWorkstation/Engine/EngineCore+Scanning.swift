import TallyModel
import TallyWire

/// From sources to the spool: one scan is many slices, each a turn of its own, so that frames are answered between
/// them.
extension EngineCore {
    /// Goes on reading what is added, until `stop`: a change in a folder wakes a scan (`folderChanged`), and a slow
    /// search finds what no change told of.
    package func follow(_ now: WorkstationInstant) {
        guard !isFollowing, failure == nil else { return }
        isFollowing = true
        beginStates(now)
        scanNow(settlingAll: false, now)
    }

    package func folderChanged(_ now: WorkstationInstant) {
        guard isFollowing, failure == nil else { return }
        scanNow(settlingAll: false, now)
    }

    /// Reads what the sources have; asked again while it runs, it runs once more.
    package func scanNow(settlingAll: Bool, _ now: WorkstationInstant) {
        if settlingAll { isSettlingAll = true }
        guard !isScanning else {
            isScanAsked = true
            return
        }
        isScanning = true
        scanNumber = spool.state.number
        scansBegun += 1
        reading = ScanProgress(beganAt: now.monotonic)
        scan.begin(spool.counter)
        if isFollowing { emit(.watch(scan.folders)) }
        isSliceDue = true
        armTicker(now)
    }

    /// One slice of the running scan.
    package func slice(_ now: WorkstationInstant) {
        isSliceDue = false
        guard isScanning, failure == nil else { return }
        do throws(WorkstationError) {
            // Nothing is read that could not be kept; the ticker tries again.
            try noteFullness(now)
            guard !spool.isFull else { return try commit(now) }
            let read = scan.bytesRead
            let progress = scan.advance(&spool.counter, nowMs: now.wallMs)
            takeSigns(now)
            if scan.bytesRead != read {
                touch(now)
                tellReading(now)
            }
            if case .done = progress { return try finishScan(now) }
            if spool.counter.isFull { try commit(now, isGrouped: true) }
            isSliceDue = true
        } catch {
            fail(error)
        }
    }

    private func finishScan(_ now: WorkstationInstant) throws(WorkstationError) {
        // Each turn drains at least one event of a bounded number of held requests.
        while true {
            spool.counter.settle(
                nowMs: now.wallMs, quietMs: isSettlingAll ? nil : Limits.requestQuietMs, changing: scan.changing)
            let isFull = spool.counter.isFull
            try commit(now, isGrouped: isFull)
            if !isFull { break }
        }
        isScanning = false
        countExports(now, scanned: scansBegun)
        endReading()
        noteScanned()
        for index in waiters.indices { waiters[index].scanEnded(at: spool.state.tip.sequence) }
        if isScanAsked {
            isScanAsked = false
            return scanNow(settlingAll: isSettlingAll, now)
        }
        isSettlingAll = false
        armSearch(now)
        checkWaiters(now)
    }

    /// A scan's events are all in the spool once the requests that it left held are: one of them can be of any time,
    /// by an agent's clock that went back since, and would pass for newer than the stream.
    private func noteScanned() {
        guard spool.state.adoption.isAdopting else { return }
        let held = spool.counter.heldKeys
        if heldByScan?.number == scanNumber {
            heldByScan?.keys.formIntersection(held)
        } else {
            heldByScan = (scanNumber, held)
        }
        if heldByScan?.keys.isEmpty == true { uplink.noteScanned(scanNumber) }
    }

    /// At the end of a scan: the next one if nothing changes. Soon if a request is held: quiet makes it final.
    private func armSearch(_ now: WorkstationInstant) {
        guard isFollowing else { return }
        let isHolding = spool.counter.heldCount > 0
        let quiet = Duration.milliseconds(Limits.requestQuietMs + 50)
        searchAt = now.monotonic + (isHolding ? quiet : Limits.searchInterval)
    }

    /// Writes what the counter has; grouped writes are synced, and may be sent, when enough has come together.
    func commit(_ now: WorkstationInstant, isGrouped: Bool = false) throws(WorkstationError) {
        try spool.commit(nowMs: now.wallMs, oldestMs: age.oldestMs(wallMs: now.wallMs, now: now.monotonic))
        if spool.isRollDue { try spool.roll(nowMs: now.wallMs) }
        if !isGrouped || spool.isSyncDue, spool.hasUnsynced { try spool.sync() }
    }
}
