import TallyModel
package import TallyPricing
package import TallyWire

/// Folds the rows of a batch into its `BatchSums`, column by column; keeps its scratch space and what models cost for the
/// next batch.
///
/// A batch's dictionaries are looked up once each; a row then finds its cell by its session's place in the dictionary, as
/// long as the session's last row had the same project, model, agent, origin and quarter-hour. Otherwise the few cells of
/// that session are looked through; beyond `chainMax` of them a cell is begun a second time.
package struct BatchFolder: Sendable {
    package let book: PriceBook
    private var models = ModelCache()
    private var scratch = Scratch()
    /// By row: the price in femto-USD.
    private var prices: [Int128] = []

    /// The number of each way of being served, by the raw values of speed, tier and region: `Servings.index`.
    private let servings = Servings()

    package init(book: PriceBook) { self.book = book }

    /// By the session's place in the batch's dictionary.
    private struct Seen: Sendable {
        /// Its place in the sums.
        var session = unset
        /// The cell of its last row, and what it was for.
        var cell = unset
        var quarter: Int64 = 0
        var small: UInt64 = 0
    }

    private struct Scratch: Sendable {
        var seen: [Seen] = []
        /// By the model's place in the batch's dictionary: its place in the sums, and what it costs.
        var numbers: [UInt16] = []
        var entries: [Int] = []
        /// By row: its cell, and the effective time.
        var cells: [UInt16] = []
        var times: [Int64] = []
        /// By row: which of `tariffs` prices it.
        var which: [UInt16] = []
        var tariffs: [Tariff] = []
        /// By the model's place: the tariff found last.
        var latest: [UInt16] = []
        /// By cell: its key, and the session's cell before it.
        var keys: [UInt64] = []
        var links: [UInt16] = []
    }

    private static let unset = UInt16.max
    private static let chainMax = 8

    /// Rows at their own times: what they come to in a record for which `BatchSums.holds`.
    package mutating func fold(_ batch: borrowing Batch) -> BatchSums {
        fold(batch, receivedMs: .max - Limits.aheadMsMax, offsetMs: 0, within: nil)
    }

    /// Rows as the record that carries them says (`EffectiveTime`). Those whose effective time lies in none of the periods
    /// `within` are left out, unless that is nil.
    package mutating func fold(
        _ batch: borrowing Batch, receivedMs: Int64, offsetMs: Int64, within: [Range<Int64>]?
    ) -> BatchSums {
        var sums = BatchSums()
        sums.book = book.id.value
        reset(batch)
        place(batch, receivedMs, offsetMs, within, &sums)
        price(batch)
        BatchFolder.sum(batch, scratch, prices.span, &sums.cells, &sums.sessions)
        return sums
    }

    private mutating func reset(_ batch: borrowing Batch) {
        models.trim()
        scratch.seen.removeAll(keepingCapacity: true)
        scratch.seen.append(contentsOf: repeatElement(Seen(), count: batch.sessions.count))
        scratch.numbers.removeAll(keepingCapacity: true)
        scratch.numbers.append(contentsOf: repeatElement(Self.unset, count: batch.models.count))
        scratch.entries.removeAll(keepingCapacity: true)
        scratch.entries.append(contentsOf: repeatElement(0, count: batch.models.count))
        scratch.keys.removeAll(keepingCapacity: true)
        scratch.links.removeAll(keepingCapacity: true)
        if scratch.cells.count < batch.count {
            scratch.cells = [UInt16](repeating: Self.unset, count: batch.count)
            scratch.times = [Int64](repeating: 0, count: batch.count)
            scratch.which = [UInt16](repeating: 0, count: batch.count)
            prices = [Int128](repeating: 0, count: batch.count)
        }
    }

    /// Finds each row's effective time, session and cell.
    private mutating func place(
        _ batch: borrowing Batch, _ receivedMs: Int64, _ offsetMs: Int64, _ within: [Range<Int64>]?,
        _ sums: inout BatchSums
    ) {
        let rows = batch.count
        let capacity = batch.capacity
        let bytes = batch.bytes.span
        let indices = batch.shorts.span
        let times = batch.longs.span.extracting(Slot.time * capacity..<Slot.time * capacity + rows)
        sums.sessions.reserveCapacity(batch.sessions.count)
        sums.cells.reserveCapacity(min(rows, 2 * batch.sessions.count))
        // Past its end it is below every time, and each row is looked at.
        let latest = receivedMs &+ Limits.aheadMsMax
        let lastWithCell = EventKind.correction.rawValue
        var quarter: Int64 = 0
        // Behind every time, so that the first row sets it.
        var quarterStart = Int64.max
        for row in 0..<rows {
            var time = Int64(truncatingIfNeeded: times[row])
            if time > latest || time.addingReportingOverflow(offsetMs).partialValue > latest {
                time = EffectiveTime(timeMs: time, receivedMs: receivedMs, offsetMs: offsetMs).ms
            }
            scratch.cells[row] = Self.unset
            if let within, !within.contains(where: { $0.contains(time) }) {
                scratch.times[row] = .min
                continue
            }
            sums.events += 1
            scratch.times[row] = time
            sums.latestMs = max(sums.latestMs, time)
            if time < quarterStart || time &- quarterStart >= Limits.quarterMs {
                quarter = Aggregator.quarter(time)
                quarterStart = quarter * Limits.quarterMs
            }
            let session = Int(indices[row])
            if scratch.seen[session].session == Self.unset {
                scratch.seen[session].session = UInt16(sums.sessions.count)
                sums.sessions.append(BatchSums.Session(id: batch.sessions[session], span: .unseen))
            }
            // Usage and corrections alone have cells.
            guard bytes[row] <= lastWithCell else { continue }
            let project = UInt64(indices[capacity + row])
            let model = UInt64(indices[2 * capacity + row])
            let small =
                project << 32 | model << 16 | UInt64(bytes[capacity + row]) << 8 | UInt64(bytes[2 * capacity + row])
            let seen = scratch.seen[session]
            if seen.cell != Self.unset, seen.small == small, seen.quarter == quarter {
                scratch.cells[row] = seen.cell
                continue
            }
            let cell = cell(session, small, quarter, batch, &sums)
            scratch.cells[row] = cell
            scratch.seen[session].cell = cell
            scratch.seen[session].small = small
            scratch.seen[session].quarter = quarter
        }
    }

    /// The session's cell for `small` and `quarter`, which is begun if it has none.
    private mutating func cell(
        _ session: Int, _ small: UInt64, _ quarter: Int64, _ batch: borrowing Batch, _ sums: inout BatchSums
    ) -> UInt16 {
        var link = scratch.seen[session].cell
        for _ in 0..<Self.chainMax where link != Self.unset {
            if scratch.keys[Int(link)] == small, sums.cells[Int(link)].quarter == quarter { return link }
            link = scratch.links[Int(link)]
        }
        let model = Int(small >> 16 & 0xFFFF)
        if scratch.numbers[model] == Self.unset, let label = batch.models[model] {
            scratch.numbers[model] = UInt16(sums.models.count)
            sums.models.append(label)
            scratch.entries[model] = models.entry(label, hash: batch.modelHashes[model], book)
        }
        scratch.keys.append(small)
        scratch.links.append(scratch.seen[session].cell)
        sums.cells.append(
            BatchSums.Cell(
                counts: RollupCounts(), quarter: quarter, project: batch.projects[Int(small >> 32)],
                session: scratch.seen[session].session, model: scratch.numbers[model],
                served: UInt16(truncatingIfNeeded: small)))
        return UInt16(sums.cells.count - 1)
    }

    /// Finds what each row is priced by, and the prices. Most batches are of a few models, each served one way at one time:
    /// the tariff found last for a model mostly holds for its next row.
    private mutating func price(_ batch: borrowing Batch) {
        let rows = batch.count
        let capacity = batch.capacity
        let indices = batch.shorts.span
        let servedAlike = !(batch.varies(.speed) || batch.varies(.tier) || batch.varies(.region))
        let bytes = batch.bytes.span
        var serving = servings.number(bytes, 0, capacity)
        scratch.tariffs.removeAll(keepingCapacity: true)
        scratch.tariffs.append(.none)
        // By the model's place in the dictionary: the tariff of its last row.
        scratch.latest.removeAll(keepingCapacity: true)
        scratch.latest.append(contentsOf: repeatElement(0, count: batch.models.count))
        for row in 0..<rows {
            guard scratch.cells[row] != Self.unset else {
                scratch.which[row] = 0
                continue
            }
            if !servedAlike { serving = servings.number(bytes, row, capacity) }
            let model = Int(indices[2 * capacity + row])
            let time = scratch.times[row]
            let last = Int(scratch.latest[model])
            let tariff = scratch.tariffs[last]
            if tariff.serving == serving, tariff.validFrom <= time, time < tariff.validTo, last != 0 {
                scratch.which[row] = UInt16(last)
                continue
            }
            let found = models.tariff(of: scratch.entries[model], at: time, serving: serving, book)
            scratch.latest[model] = UInt16(scratch.tariffs.count)
            scratch.which[row] = UInt16(scratch.tariffs.count)
            scratch.tariffs.append(found)
        }
        // Apart from the rest while it is written to.
        var found: [Int128] = []
        swap(&found, &prices)
        book.price(
            batch.words.span, capacity: capacity, rows: rows, kinds: batch.bytes.span, which: scratch.which.span,
            scratch.tariffs.span, into: &found)
        swap(&found, &prices)
    }

    /// Adds each row to its cell and its session.
    private static func sum(
        _ batch: borrowing Batch, _ scratch: borrowing Scratch, _ prices: Span<Int128>,
        _ cells: inout [BatchSums.Cell], _ sessions: inout [BatchSums.Session]
    ) {
        let rows = batch.count
        let capacity = batch.capacity
        let bytes = batch.bytes.span
        let indices = batch.shorts.span
        let words = batch.words.span
        let costs = batch.longs.span.extracting(Slot.cost * capacity..<Slot.cost * capacity + rows)
        let times = scratch.times.span
        let places = scratch.cells.span
        let seen = scratch.seen.span
        var sums = cells.mutableSpan
        var spans = sessions.mutableSpan
        let usage = EventKind.usage.rawValue
        for row in 0..<rows {
            let time = times[row]
            guard time != .min else { continue }
            let session = Int(seen[Int(indices[row])].session)
            spans[session].span.see(time, agent: bytes[capacity + row])
            guard places[row] != unset else {
                if let event = batch.event(at: row) {
                    spans[session].span.merge(SessionDelta(event, effectiveMs: time))
                }
                continue
            }
            let numbers = RowNumbers(
                words, row, capacity, reported: costs[row], isUsage: bytes[row] == usage)
            sums[Int(places[row])].counts.fold(numbers, femtoUSD: prices[row], effectiveMs: time)
        }
    }
}
