import TallyIO
import TallyLog
import TallyModel
import TallyProtocol
import TallyStorage
import TallyWire

/// The barrier, and who is told once it has held.
extension LedgerCore {
    /// Makes everything appended durable and says so: acknowledges, welcomes who waits. Where the disk has no room,
    /// records stay in memory, nothing is promised for them, and a later call tries again.
    package func commit(now: GatewayInstant) -> CommitOutcome {
        guard failure == nil, !dirty.isEmpty else { return CommitOutcome() }
        let written = dirty.elements.filter { desks[$0]?.desk.ledger.isDirty ?? false }
        var outcome = CommitOutcome()
        outcome.written = written.count
        do throws(BarrierFailure) {
            try makeRoom(now: now)
            if !written.isEmpty { outcome.barrier = try makeDurable(written) }
        } catch {
            stop(error.reason)
            return outcome
        }
        let boxes = dirty.take().compactMap { desks[$0] }
        isFull = boxes.contains { $0.desk.ledger.isDirty || $0.desk.needsRoom }
        outcome.mustRetry = isFull
        updatePause()
        for box in boxes {
            if !box.desk.ledger.isDirty, settle(box, now: now) {
                unharvested.insert(box.desk.tenant.id)
                outcome.moved.append(
                    MovedLedger(tenant: box.desk.tenant.id, bytes: box.desk.ledger.bytesAppended))
            }
            if box.desk.isRetiring {
                closeDesk(box.desk.tenant.id)
            } else if box.desk.ledger.isDirty || box.desk.needsRoom {
                dirty.insert(box.desk.tenant.id)
            }
        }
        return outcome
    }

    /// Tries again what found no room when an append needed it.
    private func makeRoom(now: GatewayInstant) throws(BarrierFailure) {
        for tenant in dirty.elements {
            guard let box = desks[tenant], box.desk.needsRoom else { continue }
            do throws(LogError) {
                try box.desk.makeRoom(now: now)
            } catch {
                guard LedgerError.log(error).isNoRoom else {
                    throw BarrierFailure(reason: "tenant \(box.desk.tenant.name.text): \(error)")
                }
            }
        }
    }

    /// How long the last commit took, where it used the barrier over the file system.
    package func observed(_ outcome: CommitOutcome, took: Duration) {
        if outcome.barrier == .fileSystem { policy.observed(nanoseconds: took.wholeNanoseconds) }
    }

    /// A ledger that finds no room stays dirty; any other failure throws.
    private func makeDurable(_ tenants: [TenantID]) throws(BarrierFailure) -> CommitPolicy.Barrier {
        let kind = policy.barrier(dirtyTenants: tenants.count)
        switch kind {
        case .eachSegment:
            for tenant in tenants {
                try write(tenant) { ledger throws(LogError) in try ledger.sync() }
            }
        case .fileSystem:
            var flushed: [TenantID] = []
            for tenant in tenants
            where try write(tenant, { ledger throws(LogError) in try ledger.flush() }) {
                flushed.append(tenant)
            }
            // Never attributed to a tenant: it may be anybody's page that was lost.
            do throws(SystemError) { try barrier?.sync() } catch { throw BarrierFailure(reason: "\(error)") }
            for tenant in flushed { desks[tenant]?.desk.ledger.markSynced() }
        }
        return kind
    }

    /// False where there was no room.
    @discardableResult
    private func write(
        _ tenant: TenantID, _ body: (inout TenantLedger) throws(LogError) -> Void
    ) throws(BarrierFailure) -> Bool {
        guard let box = desks[tenant] else { return false }
        do throws(LogError) {
            try body(&box.desk.ledger)
            return true
        } catch {
            if case .system(let cause) = error, cause.isNoSpace { return false }
            throw BarrierFailure(reason: "tenant \(box.desk.tenant.name.text): \(error)")
        }
    }

    /// A tenant's appends are durable: acknowledge them, welcome who waits. True where there is more that is durable.
    private func settle(_ box: DeskBox, now: GatewayInstant) -> Bool {
        let tenant = box.desk.tenant.id
        let standing = TenantBoard.Standing.open(durable: box.desk.ledger.durable)
        // A tenant may also have become durable by a roll.
        let hasMoved = board[tenant] != standing
        if hasMoved { board.set(tenant, standing) }
        let events = box.desk.ledger.state.events
        if events > box.desk.eventsTold { notes.append(.eventsCommitted(events - box.desk.eventsTold)) }
        box.desk.eventsTold = events
        for gap in box.desk.gaps {
            notes.append(
                .gapRecorded(
                    tenant, gap.workstation, first: gap.skip.first, last: gap.skip.last, gap.skip.reason))
        }
        box.desk.gaps = []
        for number in box.desk.advanced.take() {
            box.desk.growth.streams.insert(number)
            guard let live = box.desk.live[number], let stream = box.desk.ledger.state.streams[number] else { continue }
            post(
                .committed(GatewaySession.Cursor(sequence: stream.sequence, chain: stream.chain)), to: live.connection)
        }
        let claims = box.desk.claims
        box.desk.claims = []
        for (number, request) in claims {
            guard let (claim, ticket) = box.desk.claim(of: number, credit: credit, now: now) else { continue }
            post(.claimed(claim, ticket), to: request.connection)
            notes.append(.seen(request.workstation, atMs: now.wallMs))
        }
        for (number, question, connection) in box.desk.questions {
            let prior = question.prior.flatMap { box.desk.ledger.state.stream($0)?.number }
            notes.append(
                .adopt(
                    AdoptionLookup(
                        ledger: box.desk.ledger.readable, durable: box.desk.ledger.durable.ordinal, number: number,
                        prior: prior, question: question), for: connection))
        }
        box.desk.questions = []
        for connection in box.desk.closings { post(.closed, to: connection) }
        box.desk.closings = []
        return hasMoved
    }

    private func closeDesk(_ tenant: TenantID) {
        guard let box = desks.removeValue(forKey: tenant) else { return }
        for number in box.desk.liveNumbers {
            guard let live = box.desk.live[number] else { continue }
            post(.ended(.tenantUnavailable, reconnectMs: 60_000), to: live.connection)
        }
        board.set(tenant, nil)
        notes.append(.retired(tenant))
    }

    // MARK: A disk nearly full

    /// What the disk under the ledgers has left. Pauses and resumes everybody.
    package func measured(freeBytes: UInt64, totalBytes: UInt64) {
        guard failure == nil else { return }
        diskWatch.measured(freeBytes: freeBytes, totalBytes: totalBytes)
        updatePause()
    }

    /// An append found no room although the watch had not said so. The next commit tries to make some.
    func metFullDisk(_ box: DeskBox) {
        isFull = true
        box.desk.needsRoom = true
        dirty.insert(box.desk.tenant.id)
        updatePause()
    }

    private var credit: Credit {
        isPaused ? .paused : Credit(events: Limits.creditEvents, bytes: Limits.creditBytes)
    }

    /// Tells every connection that has been welcomed; who still waits learns it by its WELCOME.
    private func updatePause() {
        let mustPause = isFull || diskWatch.isLow
        guard mustPause != isPaused else { return }
        isPaused = mustPause
        notes.append(mustPause ? .paused : .resumed)
        for tenant in desks.keys.sorted() {
            guard let box = desks[tenant] else { continue }
            let waiting = Set(box.desk.claims.map(\.number))
            for number in box.desk.liveNumbers where !waiting.contains(number) {
                guard let live = box.desk.live[number] else { continue }
                post(mustPause ? .paused : .resumed(credit), to: live.connection)
            }
        }
    }
}

/// A barrier that did not hold, in words.
private struct BarrierFailure: Error {
    var reason: String
}
