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

    /// Moves the views over a stretch of `ledger`: by what is known of it where they stand at its beginning, by reading
    /// where they do not, or where nothing is known. Views that are beyond it stay where they are.
    package func take(_ stretch: LedgerStretch, on ledger: any LogDisk) -> Outcome {
        var outcome = Outcome()
        var position = position
        if let behind = position, behind.lineage == stretch.from.lineage, behind.ordinal < stretch.from.ordinal {
            outcome = catchUp(through: stretch.from, on: ledger)
            if outcome.failure != nil { return outcome }
            position = self.position
        }
        if let position, position.lineage == stretch.from.lineage, position.ordinal >= stretch.through.ordinal {
            outcome.through = position.ordinal
            return outcome
        }
        guard let content = stretch.content, let views, position == stretch.from else {
            return catchUp(through: stretch.through, on: ledger, outcome)
        }
        var delta = ViewsDelta(after: stretch.from, through: stretch.through)
        for sums in content.sums {
            let found = sums.deltas()
            delta.cells += found.cells.map { ($0.key, $0.counts) }
            delta.sessions += found.sessions.map(SessionSpan.init)
        }
        delta.gaps = content.gaps
        delta.streams = content.streams
        do throws(StorageError) {
            _ = try views.apply(delta)
            failures = 0
            outcome.records += stretch.records
            outcome.events += content.events
            outcome.transactions += 1
        } catch {
            failed(error, &outcome)
        }
        outcome.through = through
        return outcome
    }

    /// Where the views stand; nil where that is not known, or not to be gone on from.
    private var position: LedgerPosition? { condemned == nil ? try? views?.position() : nil }

    /// Moves the views to `durable`, the last record of `ledger` on stable storage; throws them away first where they
    /// are not a beginning of it. Once: a second failure is for the next call.
    package func catchUp(through durable: LedgerPosition, on ledger: any LogDisk) -> Outcome {
        catchUp(through: durable, on: ledger, Outcome())
    }

    private func catchUp(through durable: LedgerPosition, on ledger: any LogDisk, _ before: Outcome) -> Outcome {
        var outcome = before
        do {
            try open()
            if let cause = try mismatch(with: durable) {
                try startAnew(cause)
            }
            outcome.rebuilt = condemned ?? before.rebuilt
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
        views = nil
        try Views.discard(folder: folder, on: disk)
        views = try Views(folder: folder, on: disk, logBytesMax: logBytesMax)
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
        guard position != durable else { return }
        let known = resume.flatMap { $0.begins(at: position) ? $0 : nil }
        resume = nil
        var fold = try LedgerFold(
            disk: ledger, from: position, through: durable, books: books,
            streams: known == nil ? try views.streams() : [], resume: known, entropy: entropy)
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
