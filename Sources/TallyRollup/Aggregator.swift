package import TallyModel
package import TallyPricing

/// Folds events into the sums that reports are made of: one cell per `RollupKey`, one entry per session.
///
/// Used behind the ACK, to fold a ledger's tail in memory and to build views anew: pure, and its totals do not
/// depend on the order of events or on how they are split between drains. One aggregator prices with one book,
/// so sums of two books never mix.
///
/// Sums saturate at the ends of their type instead of trapping. All addends are non-negative, so saturation does
/// not depend on the order either; admission refuses a tenant's batch long before (`Limits.tenantTotalMax`).
package struct Aggregator: Sendable {
    /// Everything folded since the last drain.
    package struct Deltas: Sendable {
        package var cells: [(key: RollupKey, counts: RollupCounts)]
        package var sessions: [(key: SessionKey, delta: SessionDelta)]
    }

    package var book: PriceBook { pricer.book }
    let cellsMax: Int
    var pricer: Pricer
    var cells: FlatTable<CellKey, RollupCounts>
    var sessions: SessionTable
    var projects: FlatTable<ProjectCellKey, Void>
    var labels: LabelTable
    /// Rows folded since the last drain.
    var rows = 0

    /// `hashKey` is random and the program's own; results do not depend on it.
    package init(book: PriceBook, hashKey: HashKey, cellsMax: Int = Limits.aggregatorCellsMax) {
        self.cellsMax = cellsMax
        pricer = Pricer(book: book)
        cells = FlatTable(hashKey: hashKey)
        sessions = SessionTable(hashKey: hashKey)
        projects = FlatTable(hashKey: hashKey)
        labels = LabelTable()
    }

    package var count: Int { cells.count }
    package var sessionCount: Int { sessions.count }
    package var isEmpty: Bool { cells.count == 0 && sessions.count == 0 }

    /// Whether it is time to drain. Asked between batches: one more batch always fits.
    package var isFull: Bool { cells.count >= cellsMax || sessions.count >= cellsMax || rows >= Self.rowsMax }

    /// Folds one valid event in. Events of kind usage and correction reach the sums; a correction adds its
    /// tokens and cost, but neither an event nor an unpriced one. Every kind reaches its session.
    ///
    /// Precondition: the owner drains when `isFull`; a whole batch beyond that is its mistake.
    package mutating func add(_ event: Event, workstation: WorkstationID, effectiveMs: Int64) {
        let room = cellsMax + Limits.batchEventsMax
        precondition(cells.count < room && sessions.count < room, "a full aggregator was not drained")
        let delta = SessionDelta(event, effectiveMs: effectiveMs)
        rows += 1
        let session = Int(number(of: event.session.value, workstation))
        sessions.spans[session].merge(delta)

        guard event.kind == .usage || event.kind == .correction, let label = event.model else { return }
        let entry = labels.entry(label, pricer: &pricer)
        let project = projects.index(
            of: ProjectCellKey(event.project?.value ?? Bytes16(high: 0, low: 0)), empty: ())
        let key = CellKey(
            session: UInt32(session), project: UInt32(project), quarter: Aggregator.quarter(effectiveMs),
            label: entry.number, served: UInt16(event.agent.rawValue) << 8 | UInt16(event.origin.rawValue))
        let cell = cells.index(of: key, empty: RollupCounts())
        let price = pricer.book.price(event, of: entry.model, effectiveMs: effectiveMs)
        cells.values[cell].fold(event, price: price, effectiveMs: effectiveMs)
    }

    /// Hands out everything folded so far, in the order of first arrival, and starts anew.
    package mutating func drain() -> Deltas {
        let result = deltas()
        cells.removeAll()
        sessions.removeAll()
        projects.removeAll()
        labels.removeAll()
        rows = 0
        return result
    }

    /// The same without starting anew, for a reader that goes on.
    package func deltas() -> Deltas {
        var found = Deltas(cells: [], sessions: [])
        found.cells.reserveCapacity(cells.count)
        found.sessions.reserveCapacity(sessions.count)
        for (key, counts) in zip(cells.keys, cells.values) {
            found.cells.append((rollup(key), counts))
        }
        var seen = sessions.spans
        for (key, counts) in zip(cells.keys, cells.values) {
            seen[key.session].merge(
                SessionDelta(
                    firstMs: counts.firstMs, lastMs: counts.lastMs, agent: key.agent, phase: nil, phaseMs: 0))
        }
        // Of some nothing was wanted.
        for (entry, delta) in zip(sessions.entries, seen) where delta.firstMs <= delta.lastMs {
            found.sessions.append((entry.key.session, delta))
        }
        return found
    }

    /// A cell's key as reports have it.
    private func rollup(_ key: CellKey) -> RollupKey {
        let session = sessions.entries[key.session].key.session
        return RollupKey(
            quarter: key.quarter, workstation: session.workstation, agent: key.agent,
            model: labels.label(key.label), origin: key.origin, project: projects.keys[key.project].project,
            session: session.session)
    }

    /// The quarter-hour of an instant, rounded down before 1970 too.
    package static func quarter(_ ms: Int64) -> Int64 {
        let quarter = ms / Limits.quarterMs
        return ms % Limits.quarterMs < 0 ? quarter - 1 : quarter
    }
}
