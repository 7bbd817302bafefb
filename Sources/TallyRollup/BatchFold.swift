package import TallyModel
import TallyPricing
package import TallyWire

/// What folding one batch needs and the next can use again; between two batches it means nothing.
///
/// A batch's dictionaries are looked up once each; a row then finds its cell by its session's place in the dictionary, as
/// long as the session's last row had the same project, model, agent, origin and quarter-hour.
struct BatchScratch: Sendable {
    /// By the session's place in the batch: its entry in the table, and the cell of its last row with what it was for.
    struct Seen: Sendable {
        var entry: UInt32
        var cell: UInt32 = .max
        var quarter: Int64 = 0
        var small: UInt64 = 0
    }

    static let unset = UInt32.max

    var seen: [Seen] = []
    var projects: [UInt32] = []
    var labels: [UInt32] = []
    /// By row: the cell, or `unset`, and the effective time.
    var cells: [UInt32] = []
    var times: [Int64] = []

    mutating func reset(_ batch: borrowing Batch) {
        seen.removeAll(keepingCapacity: true)
        seen.append(contentsOf: repeatElement(Seen(entry: Self.unset), count: batch.sessions.count))
        projects.removeAll(keepingCapacity: true)
        projects.append(contentsOf: repeatElement(Self.unset, count: batch.projects.count))
        labels.removeAll(keepingCapacity: true)
        labels.append(contentsOf: repeatElement(Self.unset, count: batch.models.count))
        if cells.count < batch.count {
            cells = [UInt32](repeating: Self.unset, count: batch.count)
            times = [Int64](repeating: 0, count: batch.count)
        }
    }
}

extension Aggregator {
    /// Folds a batch's rows in, as `add(_:workstation:effectiveMs:)` does with each as an event. Rows whose effective
    /// time lies in none of the periods `within` are left out, unless that is nil. Returns how many were not.
    ///
    /// `receivedMs`, `offsetMs`: of the record that carries the batch (`EffectiveTime`).
    package mutating func add(
        _ batch: borrowing Batch, workstation: WorkstationID, receivedMs: Int64, offsetMs: Int64,
        within: [Range<Int64>]? = nil
    ) -> Int {
        precondition(!isFull, "a full aggregator was not drained")
        scratch.reset(batch)
        let counted = place(batch, workstation, receivedMs, offsetMs, within)
        Aggregator.sum(batch, scratch, &cells.values, &sessions.values, &labels, pricer.book)
        return counted
    }

    /// Finds each row's effective time, session and cell.
    private mutating func place(
        _ batch: borrowing Batch, _ workstation: WorkstationID, _ receivedMs: Int64, _ offsetMs: Int64,
        _ within: [Range<Int64>]?
    ) -> Int {
        let rows = batch.count
        let capacity = batch.capacity
        let bytes = batch.bytes.span
        let indices = batch.shorts.span
        let times = batch.longs.span.extracting(Slot.time * capacity..<Slot.time * capacity + rows)
        // Past its end it is below every time, and each row is looked at.
        let latest = receivedMs &+ Limits.aheadMsMax
        var quarter: Int64 = 0
        // Behind every time, so that the first row sets it.
        var quarterStart = Int64.max
        var counted = 0
        for row in 0..<rows {
            var time = Int64(truncatingIfNeeded: times[row])
            if time > latest || time.addingReportingOverflow(offsetMs).partialValue > latest {
                time = EffectiveTime(timeMs: time, receivedMs: receivedMs, offsetMs: offsetMs).ms
            }
            if let within, !within.contains(where: { $0.contains(time) }) {
                scratch.cells[row] = BatchScratch.unset
                scratch.times[row] = .min
                continue
            }
            counted += 1
            scratch.times[row] = time
            if time < quarterStart || time &- quarterStart >= Limits.quarterMs {
                quarter = Aggregator.quarter(time)
                quarterStart = quarter * Limits.quarterMs
            }
            let session = Int(indices[row])
            if scratch.seen[session].entry == BatchScratch.unset {
                scratch.seen[session].entry = UInt32(
                    sessions.index(of: SessionCellKey(batch.sessions[session], workstation), empty: .unseen))
            }
            // Usage and corrections alone have cells.
            guard bytes[row] <= EventKind.correction.rawValue else {
                scratch.cells[row] = BatchScratch.unset
                continue
            }
            let project = UInt64(indices[capacity + row])
            let model = UInt64(indices[2 * capacity + row])
            // Kept for the session while it lasts: project, model, agent and origin of its last row.
            let small =
                project << 32 | model << 16 | UInt64(bytes[capacity + row]) << 8 | UInt64(bytes[2 * capacity + row])
            let seen = scratch.seen[session]
            if seen.cell != BatchScratch.unset, seen.small == small, seen.quarter == quarter {
                scratch.cells[row] = seen.cell
                continue
            }
            let cell = cell(of: small, session: seen.entry, quarter, batch)
            scratch.cells[row] = cell
            scratch.seen[session].cell = cell
            scratch.seen[session].small = small
            scratch.seen[session].quarter = quarter
        }
        return counted
    }

    private mutating func cell(
        of small: UInt64, session: UInt32, _ quarter: Int64, _ batch: borrowing Batch
    ) -> UInt32 {
        let project = Int(small >> 32)
        let model = Int(small >> 16 & 0xFFFF)
        if scratch.projects[project] == BatchScratch.unset {
            scratch.projects[project] = UInt32(
                projects.index(of: ProjectCellKey(batch.projects[project]), empty: ()))
        }
        if scratch.labels[model] == BatchScratch.unset, let label = batch.models[model] {
            scratch.labels[model] = labels.entry(label, pricer: &pricer).number
        }
        let key = CellKey(
            session: session, project: scratch.projects[project], quarter: quarter, label: scratch.labels[model],
            served: UInt16(truncatingIfNeeded: small))
        return UInt32(cells.index(of: key, empty: RollupCounts()))
    }

    /// Adds each row to its cell and its session.
    private static func sum(
        _ batch: borrowing Batch, _ scratch: borrowing BatchScratch, _ cells: inout [RollupCounts],
        _ sessions: inout [SessionDelta], _ labels: inout LabelTable, _ book: borrowing PriceBook
    ) {
        let rows = batch.count
        let capacity = batch.capacity
        let bytes = batch.bytes.span
        let indices = batch.shorts.span
        let words = batch.words.span
        let costs = batch.longs.span.extracting(Slot.cost * capacity..<Slot.cost * capacity + rows)
        let servedAlike = !(batch.varies(.speed) || batch.varies(.tier) || batch.varies(.region))
        var serving = Tariff.serving(batch.speed(0), batch.tier(0), batch.region(0))
        let times = scratch.times.span
        let places = scratch.cells.span
        let seen = scratch.seen.span
        let numbered = scratch.labels.span
        var sums = cells.mutableSpan
        var spans = sessions.mutableSpan
        for row in 0..<rows {
            let time = times[row]
            guard time != .min else { continue }
            let session = Int(indices[row])
            spans[Int(seen[session].entry)].see(time, agent: bytes[capacity + row])
            guard places[row] != BatchScratch.unset else {
                if let event = batch.event(at: row) {
                    spans[Int(seen[session].entry)].merge(SessionDelta(event, effectiveMs: time))
                }
                continue
            }
            if !servedAlike { serving = Tariff.serving(batch.speed(row), batch.tier(row), batch.region(row)) }
            let isUsage = bytes[row] == EventKind.usage.rawValue
            let numbers = RowNumbers(
                words, row, capacity, reported: costs[row], isUsage: isUsage, context: words[10 * capacity + row])
            let label = Int(numbered[Int(indices[2 * capacity + row])])
            let tariff = labels.tariff(of: label, at: time, serving: serving, book)
            let price = book.femtoUSD(numbers.use, by: tariff)
            sums[Int(places[row])].fold(numbers, femtoUSD: price, effectiveMs: time)
        }
    }
}

/// The numbers of one row, as they are added up.
struct RowNumbers {
    let use: TokenUse
    let reasoning: UInt32
    let toolCalls: UInt32
    let reportedNanoUSD: UInt64
    let isUsage: Bool

    /// `reported` and `context` are encoded: value + 1, 0 for none.
    @inline(__always)
    init(
        _ words: Span<UInt32>, _ row: Int, _ capacity: Int, reported: UInt64, isUsage: Bool, context: UInt32
    ) {
        let input = words[row]
        let read = words[capacity + row]
        let write5m = words[2 * capacity + row]
        let write1h = words[3 * capacity + row]
        let unknown = words[4 * capacity + row]
        let whole = UInt64(input) &+ UInt64(read) &+ UInt64(write5m) &+ UInt64(write1h) &+ UInt64(unknown)
        use = TokenUse(
            prompt: isUsage ? whole : UInt64(max(context, 1) &- 1), input: input, cacheRead: read,
            cacheWrite5m: write5m, cacheWrite1h: write1h, cacheWriteUnknown: unknown,
            output: words[5 * capacity + row], webSearches: words[7 * capacity + row])
        reasoning = words[6 * capacity + row]
        toolCalls = words[8 * capacity + row]
        reportedNanoUSD = max(reported, 1) &- 1
        self.isUsage = isUsage
    }
}
