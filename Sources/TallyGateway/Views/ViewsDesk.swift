package import TallyLog
package import TallyModel
import TallyRollup
package import TallyStorage

/// One tenant's views and what moves them: from where they stand to what of the ledger is durable, or, where they are
/// not this ledger's, anew from its start.
///
/// Decides without a clock, a queue or a thread; whoever holds it says when, and hears in an `Outcome` what happened.
/// Whatever goes wrong here costs a rebuild and never an event. Not for two threads at once.
package final class ViewsDesk {
    /// Why views were thrown away and made again. All but the last two are alarms.
    package enum Cause: Hashable, Sendable {
        /// They follow another ledger, or another history of this one.
        case otherLedger
        /// They hold more than the ledger.
        case aheadOfLedger
        /// Their file cannot be read, or the disk failed while it was written.
        case damaged
        /// An earlier version of the program made them.
        case olderVersion
        /// An operator wanted it.
        case asked
    }

    package struct Outcome: Hashable, Sendable {
        /// What was folded in, in how many transactions; after a rebuild since its beginning.
        package var records: UInt64 = 0
        package var events: UInt64 = 0
        package var transactions = 0
        /// Set where the views were thrown away.
        package var rebuilt: Cause?
        /// Set where they could not be moved as far as was asked.
        package var failure: String?
        /// When to try again after a failure, counted from now.
        package var retryAfter: Duration?
        /// The last ordinal that the views hold now.
        package var through: UInt64 = 0
    }

    private let folder: String
    private let disk: any DatabaseDisk
    private let books: BookShelf
    private let entropy: Entropy
    private let logBytesMax: Int
    /// Nil where they could not be opened yet, and while a file is replaced: two connections to one path must never
    /// stand side by side.
    private var views: Views?
    /// Why the file was, or is to be, thrown away; told with the next outcome.
    private var condemned: Cause?
    private var failures = 0
    /// Where the last fold ended, and what it knew.
    private var resume: LedgerFold.Resume?
    /// Sums of what became durable since the views moved last; nil before they have once stood where the ledger did: only
    /// from there on is every record that they lack one of this process.
    private var tail: FoldedTail?
    /// Up to there the views have moved, or tried to: what comes late of it is in them, or will be decoded.
    private var triedThrough: UInt64 = 0

    /// The views in the tenant's folder, from here on nobody else's to write. Throws where the file must not be touched:
    /// another program's, or a newer version's; and where they cannot be opened for want of room or the like, for then
    /// what they prove is not known. Views that cannot be opened otherwise are tried again by `catchUp`.
    package init(
        folder: String, on disk: any DatabaseDisk = .machine, books: BookShelf, entropy: Entropy,
        logBytesMax: Int = Limits.viewsLogBytesMax
    ) throws(StorageError) {
        self.logBytesMax = logBytesMax
        self.folder = folder
        self.disk = disk
        self.books = books
        self.entropy = entropy
        do throws(StorageError) {
            try open()
        } catch {
            switch error {
            case .foreignFile, .newerVersion: throw error
            // Another program holds it, perhaps for long: its tenant is served meanwhile.
            case .busy: break
            case _ where error.isPassing: throw error
            default: break
            }
        }
    }

    /// Up to which record of `ledger` the views prove that it was durable, since they follow the barrier; 0 where they
    /// are not this ledger's. For its recovery.
    package func evidence(for ledger: any LogDisk) -> UInt64 {
        guard let position = try? views?.position() else { return 0 }
        do throws(LogError) {
            return try LogReader(on: ledger).position.lineage == position.lineage ? position.ordinal : 0
        } catch {
            // Nothing there, or nothing that can be read: then the views are all that knows of it.
            return position.ordinal
        }
    }

    /// The last ordinal that the views hold.
    package var through: UInt64 { (try? views?.position()?.ordinal) ?? 0 }

    // MARK: Moving

    /// Takes the sums of batches that became durable, in the order of their ordinals. Those that it does not take are
    /// decoded when the views move.
    package func merge(_ batches: [FoldedBatch]) {
        for batch in batches where batch.ordinal > triedThrough { tail?.merge(batch) }
    }

    /// So many sums are gathered that the views had better move.
    package var isTailFull: Bool { tail?.isFull ?? false }

    /// Moves the views to `durable`, the last record of `ledger` on stable storage; throws them away first where they
    /// are not a beginning of it. Once: a second failure is for the next call.
    package func catchUp(through durable: LedgerPosition, on ledger: any LogDisk) -> Outcome {
        var outcome = Outcome()
        do {
            try open()
            if let cause = try mismatch(with: durable) {
                try startAnew(cause)
            }
            outcome.rebuilt = condemned
            do {
                try fold(ledger, through: durable, &outcome)
            } catch {
                guard let cause = Cause(error) else { throw error }
                try startAnew(cause)
                outcome = Outcome(rebuilt: cause)
                try fold(ledger, through: durable, &outcome)
            }
            condemned = nil
            failures = 0
            if tail == nil { tail = newTail() }
        } catch {
            failed(error, &outcome)
        }
        outcome.through = through
        return outcome
    }

    /// Throws the views away and folds the whole ledger again.
    package func rebuild(through durable: LedgerPosition, on ledger: any LogDisk) -> Outcome {
        do throws(StorageError) {
            try startAnew(.asked)
        } catch {
            var outcome = Outcome(rebuilt: .asked)
            failed(error, &outcome)
            return outcome
        }
        return catchUp(through: durable, on: ledger)
    }

    /// Moves the write-ahead log into the database, for a clean stop. Where that fails, they are begun anew.
    package func finish() {
        do throws(StorageError) { try views?.checkpoint() } catch { condemn(error) }
    }

    // MARK: Inside

    /// Opens what is not open; a file that is not what it should be is thrown away.
    private func open() throws(StorageError) {
        guard views == nil else { return }
        do throws(StorageError) {
            if condemned != nil { try Views.discard(folder: folder, on: disk) }
            let opened = try Views(folder: folder, on: disk, logBytesMax: logBytesMax)
            _ = try opened.position()
            views = opened
        } catch {
            guard condemned == nil, let cause = Cause(error) else { throw error }
            try startAnew(cause)
        }
    }

    private func startAnew(_ cause: Cause) throws(StorageError) {
        condemned = cause
        tail = nil
        views = nil
        try Views.discard(folder: folder, on: disk)
        views = try Views(folder: folder, on: disk, logBytesMax: logBytesMax)
    }

    private func newTail() -> FoldedTail {
        FoldedTail(
            aggregator: Aggregator(
                book: books.current, hashKey: HashKey(first: entropy.word(), second: entropy.word())))
    }

    private func mismatch(with durable: LedgerPosition) throws(StorageError) -> Cause? {
        guard let position = try views?.position() else { return nil }
        if position.lineage != durable.lineage { return .otherLedger }
        if position.ordinal > durable.ordinal { return .aheadOfLedger }
        return position.ordinal == durable.ordinal && position != durable ? .otherLedger : nil
    }

    private func fold(_ ledger: any LogDisk, through durable: LedgerPosition, _ outcome: inout Outcome) throws {
        guard let views else { return }
        var position = try views.position()
        triedThrough = durable.ordinal
        guard position != durable else { return }
        // Drained or not, it is not gone on with: what a failure leaves undone is decoded by the next try.
        let folded = tail
        tail = folded == nil ? nil : newTail()
        let known = resume.flatMap { $0.begins(at: position) ? $0 : nil }
        resume = nil
        var fold = try LedgerFold(
            disk: ledger, from: position, through: durable, books: books,
            streams: known == nil ? try views.streams() : [], resume: known,
            folded: folded.flatMap { $0.isEmpty || $0.lastOrdinal > durable.ordinal ? nil : $0 }, entropy: entropy)
        defer { resume = fold.resume }
        while let result = try fold.next() {
            guard let through = result.through else { break }
            var delta = ViewsDelta(after: position, through: through)
            delta.cells = result.cells
            delta.sessions = result.sessions.map(SessionSpan.init)
            delta.gaps = result.gaps
            delta.streams = result.streams
            _ = try views.apply(delta)
            outcome.records += result.records
            outcome.events += result.events
            outcome.transactions += 1
            position = through
        }
    }

    /// A file that the disk failed on is not gone on from, whatever comes next.
    private func condemn(_ error: any Error) {
        guard let cause = Cause(error), cause == .damaged else { return }
        views = nil
        condemned = condemned ?? cause
    }

    private func failed(_ error: any Error, _ outcome: inout Outcome) {
        condemn(error)
        outcome.failure = "\(error)"
        outcome.rebuilt = condemned
        outcome.retryAfter = min(Limits.viewsRetryMax, Limits.viewsRetryFirst * (1 << min(failures, 16)))
        failures += 1
    }
}

extension ViewsDesk.Cause {
    /// What it means that a fold failed so; nil where views built anew would be no better: a full disk, a damaged
    /// ledger.
    fileprivate init?(_ error: any Error) {
        switch error {
        case LedgerError.log(.positionUnknown), StorageError.positionMismatch: self = .otherLedger
        case StorageError.olderVersion: self = .olderVersion
        case let error as StorageError where error.condemnsDerivedFile: self = .damaged
        // The streams that the views hold are not those of the ledger up to there.
        case LedgerError.fault(.unknownStream), LedgerError.fault(.notContiguous): self = .otherLedger
        default: return nil
        }
    }

    package var isAlarm: Bool { self != .asked && self != .olderVersion }

    package var words: StaticString {
        switch self {
        case .otherLedger: "they were another ledger's"
        case .aheadOfLedger: "they were ahead of the ledger"
        case .damaged: "their file was damaged"
        case .olderVersion: "an earlier version had made them"
        case .asked: "asked for"
        }
    }
}

extension SessionSpan {
    init(_ entry: (key: SessionKey, delta: SessionDelta)) {
        self.init(
            session: entry.key.session, workstation: entry.key.workstation, agent: entry.delta.agent, project: nil,
            firstMs: entry.delta.firstMs, lastMs: entry.delta.lastMs)
        guard let phase = entry.delta.phase else { return }
        switch phase {
        case .started: startedMs = entry.delta.phaseMs
        case .ended: endedMs = entry.delta.phaseMs
        case .working: take(.working, entry.delta.phaseMs)
        case .waitingUser: take(.waitingUser, entry.delta.phaseMs)
        case .waitingPermission: take(.waitingPermission, entry.delta.phaseMs)
        case .idle: take(.idle, entry.delta.phaseMs)
        case .rateLimited: take(.rateLimited, entry.delta.phaseMs)
        case .crashed: take(.crashed, entry.delta.phaseMs)
        }
    }

    private mutating func take(_ state: AgentState, _ ms: Int64) {
        self.state = state
        stateMs = ms
    }
}
