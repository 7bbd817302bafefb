package import TallyModel
package import TallyPricing
package import TallyWire

/// Folds the rows of a batch into an `Aggregator`, column by column; keeps its scratch space and what models cost for the
/// next batch, whoever's aggregator that goes into.
///
/// A batch's dictionaries are looked up once each. A row then finds its cell as the one of its session's last row, as
/// long as project, model, agent, origin and quarter-hour are the same, and by its hash otherwise.
package struct BatchFolder: Sendable {
    package let book: PriceBook
    private var models = ModelCache()
    /// By place in the batch's dictionaries: numbers in the aggregator's tables.
    private var sessions: [UInt32] = []
    private var projects: [UInt32] = []
    private var labels: [UInt32] = []
    /// By the model's place: what it costs.
    private var entries: [Int] = []
    /// By row: its cell, and the effective time.
    private var cells: [UInt32] = []
    private var times: [Int64] = []
    /// By row: which of `tariffs` prices it, and the price in femto-USD.
    private var which: [UInt16] = []
    private var tariffs: [Tariff] = []
    private var prices: [Int128] = []
    /// By the model's place: the tariff found last, and how its last row was served.
    private var latest: [UInt16] = []
    private var servedLast: [Int] = []
    /// A tariff does not hold for the times of all rows.
    private var isTimely = false

    /// The number of each way of being served, by the raw values of speed, tier and region: `Servings.index`.
    private let servings = Servings()

    package init(book: PriceBook) { self.book = book }

    /// Rows as the record that carries them says (`EffectiveTime`). Those whose effective time lies in none of the periods
    /// `within` are left out, unless that is nil. Returns how many were counted.
    ///
    /// Preconditions: the aggregator prices by `book`, and its owner drains it when it is full.
    @discardableResult
    package mutating func fold(
        _ batch: borrowing Batch, of workstation: WorkstationID, receivedMs: Int64, offsetMs: Int64,
        within: [Range<Int64>]? = nil, into aggregator: inout Aggregator
    ) -> Int {
        aggregator.begin(rows: batch.count)
        lookUp(batch, workstation, &aggregator)
        makeRoom(batch.count)
        BatchFolder.time(batch, receivedMs, offsetMs, into: &times)
        let counted = within.map { choose($0, batch.count) } ?? batch.count
        place(batch, isNarrowed: within != nil, &aggregator)
        price(batch)
        aggregator.add(batch, cells: cells.span, times: times.span, prices: prices.span)
        return counted
    }

    /// Numbers the batch's sessions, projects and models as the aggregator does.
    private mutating func lookUp(
        _ batch: borrowing Batch, _ workstation: WorkstationID, _ aggregator: inout Aggregator
    ) {
        models.trim()
        sessions.removeAll(keepingCapacity: true)
        projects.removeAll(keepingCapacity: true)
        labels.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        // Entry 0 of each is the absent value: no row that has a cell is without a session or a model.
        sessions.append(Aggregator.none)
        labels.append(Aggregator.none)
        entries.append(0)
        let ids = batch.sessions.span
        for place in 1..<max(ids.count, 1) { sessions.append(aggregator.number(of: ids[place], workstation)) }
        let folders = batch.projects.span
        for place in folders.indices { projects.append(aggregator.number(ofProject: folders[place])) }
        for place in 1..<max(batch.models.count, 1) {
            guard let label = batch.models[place] else { continue }
            let hash = batch.modelHashes[place]
            labels.append(aggregator.number(of: label, hash: hash))
            entries.append(models.entry(label, hash: hash, book))
        }
    }

    private mutating func makeRoom(_ rows: Int) {
        guard cells.count < rows else { return }
        cells = [UInt32](repeating: Aggregator.none, count: rows)
        times = [Int64](repeating: 0, count: rows)
        which = [UInt16](repeating: 0, count: rows)
        prices = [Int128](repeating: 0, count: rows)
    }

    /// Finds each row's effective time.
    private static func time(
        _ batch: borrowing Batch, _ receivedMs: Int64, _ offsetMs: Int64, into times: inout [Int64]
    ) {
        let rows = batch.count
        let own = batch.longs.span.extracting(Slot.time * batch.capacity..<Slot.time * batch.capacity + rows)
        var out = times.mutableSpan
        // Where that wraps, or the sum below, each such row is looked at.
        let latest = receivedMs &+ Limits.aheadMsMax
        for row in 0..<rows {
            var time = Int64(truncatingIfNeeded: own[row])
            if time > latest || time.addingReportingOverflow(offsetMs).partialValue > latest {
                time = EffectiveTime(timeMs: time, receivedMs: receivedMs, offsetMs: offsetMs).ms
            }
            out[row] = time
        }
    }

    /// Marks the rows that lie in none of the periods; how many do.
    private mutating func choose(_ within: [Range<Int64>], _ rows: Int) -> Int {
        var counted = 0
        for row in 0..<rows {
            let time = times[row]
            let isWanted = within.contains { $0.contains(time) }
            cells[row] = isWanted ? Aggregator.none : Aggregator.unwanted
            counted += isWanted ? 1 : 0
        }
        return counted
    }

    /// Finds the cell of each row that has one: usage and corrections alone do. Every kind reaches its session.
    private mutating func place(_ batch: borrowing Batch, isNarrowed: Bool, _ aggregator: inout Aggregator) {
        // Apart from the rest while it is written to.
        var found: [UInt32] = []
        swap(&found, &cells)
        let others = aggregator.place(
            batch, isNarrowed: isNarrowed, sessions: sessions.span, projects: projects.span, labels: labels.span,
            times: times.span, into: &found)
        swap(&found, &cells)
        guard others > 0 else { return }
        for row in 0..<batch.count where cells[row] == Aggregator.other {
            cells[row] = Aggregator.none
            guard let event = batch.event(at: row) else { continue }
            aggregator.see(SessionDelta(event, effectiveMs: times[row]), session: sessions[batch.sessionIndex(row)])
        }
    }

    /// Finds what each row is priced by, and the prices. Most batches are of a few models, each served one way at one time.
    private mutating func price(_ batch: borrowing Batch) {
        let rows = batch.count
        let capacity = batch.capacity
        let indices = batch.shorts.span.extracting(2 * capacity..<2 * capacity + rows)
        let servedAlike = !(batch.varies(.speed) || batch.varies(.tier) || batch.varies(.region))
        let bytes = batch.bytes.span
        var serving = servings.number(bytes, 0, capacity)
        tariffs.removeAll(keepingCapacity: true)
        tariffs.append(.none)
        latest.removeAll(keepingCapacity: true)
        for _ in 0..<batch.models.count { latest.append(0) }
        isTimely = false
        servedLast.removeAll(keepingCapacity: true)
        for _ in 0..<batch.models.count { servedLast.append(-1) }
        let bounds = BatchFolder.bounds(times.span, rows)
        for row in 0..<rows {
            if !servedAlike { serving = servings.number(bytes, row, capacity) }
            let model = Int(indices[row])
            if servedLast[model] != serving { find(model, serving, bounds) }
            which[row] = latest[model]
        }
        if isTimely { match(batch) }
        // Apart from the rest while it is written to.
        var found: [Int128] = []
        swap(&found, &prices)
        book.price(
            batch.words.span, capacity: capacity, rows: rows, kinds: batch.bytes.span,
            costs: batch.longs.span.extracting(Slot.cost * capacity..<Slot.cost * capacity + rows), which: which.span,
            tariffs.span, into: &found)
        swap(&found, &prices)
    }

    /// Finds the tariff of a model served so, and whether it holds for the times of all rows.
    private mutating func find(_ model: Int, _ serving: Int, _ bounds: (earliest: Int64, latest: Int64)) {
        // Entry 0 is no model: a row without one is no row with a price.
        guard model > 0 else { return }
        let tariff = models.tariff(of: entries[model], at: bounds.earliest, serving: serving, book)
        isTimely = isTimely || bounds.latest >= tariff.validTo
        servedLast[model] = serving
        latest[model] = UInt16(truncatingIfNeeded: tariffs.count)
        tariffs.append(tariff)
    }

    private static func bounds(_ times: Span<Int64>, _ rows: Int) -> (earliest: Int64, latest: Int64) {
        var earliest = Int64.max
        var latest = Int64.min
        for row in 0..<rows {
            earliest = min(earliest, times[row])
            latest = max(latest, times[row])
        }
        return (earliest, latest)
    }

    /// Finds the tariff of each row by its own time.
    private mutating func match(_ batch: borrowing Batch) {
        let rows = batch.count
        let capacity = batch.capacity
        let indices = batch.shorts.span.extracting(2 * capacity..<2 * capacity + rows)
        let bytes = batch.bytes.span
        tariffs.removeAll(keepingCapacity: true)
        tariffs.append(.none)
        for model in latest.indices { latest[model] = 0 }
        for row in 0..<rows {
            guard cells[row] != Aggregator.none else {
                which[row] = 0
                continue
            }
            let serving = servings.number(bytes, row, capacity)
            let model = Int(indices[row])
            let last = Int(latest[model])
            if last != 0, tariffs[last].holds(at: times[row], serving: serving) {
                which[row] = UInt16(truncatingIfNeeded: last)
                continue
            }
            latest[model] = UInt16(tariffs.count)
            which[row] = UInt16(tariffs.count)
            tariffs.append(models.tariff(of: entries[model], at: times[row], serving: serving, book))
        }
    }
}
