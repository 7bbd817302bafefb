import TallyModel
import TallyProtocol
import TallyStorage
import TallyWire

/// Streams: who holds them, how they end, what was in them.
extension LedgerCore {
    func claim(_ request: StreamRequest, now: GatewayInstant) {
        guard let box = desks[request.tenant], !box.desk.isRetiring else {
            return post(unavailable(request.tenant), to: request.connection)
        }
        do throws(LedgerError) {
            try makeRoom(box, now: now)
            switch try box.desk.claim(request, now: now) {
            case .refused(let reason, let after):
                post(.claimFailed(reason, reconnectMs: after.wholeMilliseconds), to: request.connection)
            case .waits(let superseded):
                if let superseded { post(.superseded, to: superseded) }
                // A claim waits for a barrier even where nothing is new: what it says must be durable.
                dirty.insert(request.tenant)
            }
        } catch {
            failClaim(request, box, error)
        }
    }

    /// A tenant that waits to be opened is asked for again soon.
    private func unavailable(_ tenant: TenantID) -> LedgerNews {
        guard case .waiting? = board[tenant] else { return .claimFailed(.tenantUnavailable, reconnectMs: 60_000) }
        return .claimFailed(.storage, reconnectMs: Limits.storageRetry.wholeMilliseconds)
    }

    private func failClaim(_ request: StreamRequest, _ box: DeskBox, _ error: LedgerError) {
        guard error.isNoRoom else {
            // Who holds a stream is told that the desk is closed; this connection may hold none yet.
            if !box.desk.holds(request) { post(.claimFailed(.storage, reconnectMs: 60_000), to: request.connection) }
            return fail(request.tenant, error)
        }
        metFullDisk(box)
        post(.claimFailed(.storage, reconnectMs: Limits.storageRetry.wholeMilliseconds), to: request.connection)
    }

    func close(_ ticket: StreamTicket, _ connection: ConnectionID, now: GatewayInstant) {
        guard let box = desks[ticket.tenant], box.desk.holds(ticket, connection) else { return }
        do throws(LedgerError) {
            try makeRoom(box, now: now)
            try box.desk.close(ticket.number, connection, now: now)
            dirty.insert(ticket.tenant)
        } catch {
            guard error.isNoRoom else { return fail(ticket.tenant, error) }
            metFullDisk(box)
            post(.ended(.storage, reconnectMs: Limits.storageRetry.wholeMilliseconds), to: connection)
        }
    }

    func raiseEpoch(_ request: StreamRequest, now: GatewayInstant) {
        guard let box = desks[request.tenant], !box.desk.isRetiring else { return claim(request, now: now) }
        // Taken over meanwhile: the newer connection will prove the same loss.
        guard box.desk.holds(request) else { return }
        if let wait = box.desk.waitToRaiseEpoch(request.workstation, now: now) {
            return post(.claimFailed(.overloaded, reconnectMs: wait.wholeMilliseconds), to: request.connection)
        }
        let epoch = StoreEpoch(entropy.word())
        do throws(StorageError) {
            try renewEpoch(request.tenant, epoch, now.wallMs)
        } catch {
            // The catalog's disk is full, or the catalog is busy: the workstation comes again.
            notes.append(.epochNotRaised(box.desk.tenant.name, reason: "\(error)"))
            return post(
                .claimFailed(.storage, reconnectMs: Limits.storageRetry.wholeMilliseconds), to: request.connection)
        }
        do throws(LedgerError) {
            try makeRoom(box, now: now)
            try box.desk.raiseEpoch(to: epoch, for: request.workstation, now: now)
            notes.append(.epochRaised(box.desk.tenant.name))
        } catch {
            return failClaim(request, box, error)
        }
        claim(request, now: now)
    }

    func revoke(_ workstation: WorkstationID) {
        for tenant in desks.keys.sorted() {
            guard let box = desks[tenant] else { continue }
            for number in box.desk.liveNumbers {
                guard let live = box.desk.live[number], live.workstation == workstation else { continue }
                box.desk.live[number] = nil
                post(.revoked, to: live.connection)
            }
        }
    }

    /// Nothing more is appended for the tenant. The next commit makes durable what was, acknowledges it, ends the
    /// connections and closes the desk.
    func retire(_ tenant: TenantID) {
        guard let box = desks[tenant], !box.desk.isRetiring else { return }
        for connection in box.desk.retire() {
            post(.claimFailed(.tenantUnavailable, reconnectMs: 60_000), to: connection)
        }
        dirty.insert(tenant)
    }

    /// Answered once everything that was appended before is durable, so that nothing is left out which will be counted.
    func adopt(_ ticket: StreamTicket, _ question: Adopt, _ connection: ConnectionID) {
        guard let box = desks[ticket.tenant], box.desk.holds(ticket, connection) else { return }
        box.desk.questions.append((ticket.number, question, connection))
        dirty.insert(ticket.tenant)
    }

    /// Answered with the chain value after `sequence`, or with nil where the ledger no longer tells. It may take the
    /// reading of a whole ledger, for which no tenant's commit shall wait.
    func probe(_ ticket: StreamTicket, _ sequence: Sequence64, _ connection: ConnectionID) {
        guard let box = desks[ticket.tenant], box.desk.holds(ticket),
            let stream = box.desk.ledger.state.streams[ticket.number]
        else { return post(.chain(sequence: sequence, value: nil), to: connection) }
        let lookup = ChainLookup(
            ledger: box.desk.ledger.readable, durable: box.desk.ledger.durable.ordinal, number: ticket.number,
            stream: stream.id)
        notes.append(.lookUp(lookup, at: sequence, for: connection))
    }
}
