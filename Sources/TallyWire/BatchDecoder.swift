import TallyModel

/// Turns the raw body of a BATCH into columns, or says exactly why not (SPEC.md section 4).
///
/// Holds its scratch space for the next batch: in steady state it allocates nothing. What is read first is
/// judged first, as TG-4-11 orders it: columns, residuals, the rules of each kind, relations.
package struct BatchDecoder: Sendable {
    var labels = LabelCache()
    var keys: KeyTable
    /// The end of the body, with room behind it.
    var tail: [UInt8] = []
    /// What the rows of column 2, then those of column 13 add to the row or the prediction before, signed.
    var lanes: [UInt32] = []
    /// The same of column 13 if some are too long for a lane.
    var longDifferences: [Int64] = []
    var hasLongDifferences = false
    /// What each row adds to its prompt beside column 13.
    var others: [UInt32] = []
    /// The prompt of each session's latest usage row, by the session's index.
    var prompts: [UInt64] = []
    let columns = SchemaTable.columns
    private var rules = KindRules()

    /// `hashSeed` is random and not told to peers.
    package init(hashSeed: UInt64) { keys = KeyTable(seed: hashSeed) }

    /// Decodes `count` rows. After a throw `batch` is empty.
    package mutating func decode(
        _ raw: Span<UInt8>, count: Int, into batch: inout Batch
    ) throws(BatchRefusal) {
        batch.reset(rows: 0)
        guard (1...Limits.batchEventsMax).contains(count), raw.count <= Limits.batchRawBytesMax else {
            throw .whole(.size, rows: count)
        }
        batch.reset(rows: count)
        VarintRun.keepTail(of: raw, in: &tail)
        do throws(BatchRefusal) {
            try decodeColumns(raw, count, into: &batch)
            try rules.check(batch, rows: count)
        } catch {
            batch.reset(rows: 0)
            throw error
        }
        batch.count = count
    }

    /// Overwrites what the last batch left here. Labels that were known once stay known: they are labels.
    package mutating func wipe() {
        tail.overwrite()
        lanes.overwrite()
        longDifferences.overwrite()
        others.overwrite()
        prompts.overwrite()
    }

    private mutating func decodeColumns(
        _ raw: Span<UInt8>, _ count: Int, into batch: inout Batch
    ) throws(BatchRefusal) {
        var position = 0
        var last: UInt8 = 0
        var written: UInt64 = 0
        var hasResiduals = false
        // Ids ascend and are at most 25: at most 25 turns.
        while position < raw.count {
            let (column, encoding) = try head(raw, &position, after: last, rows: count)
            let id = column.number
            last = id
            written |= column.bit
            if encoding != .constant { batch.beginVarying(column) }
            do throws(ColumnFault) {
                switch encoding {
                case .constant: try constant(column, raw, &position, count, &batch)
                case .varint: try counts(column, raw, &position, count, &batch)
                case .packed: try enumerations(column, raw, &position, count, &batch)
                case .delta: try times(column, raw, &position, count, &batch)
                case .dictionary: try dictionary(column, false, raw, &position, count, &batch)
                case .dictionaryWithAbsent: try dictionary(column, true, raw, &position, count, &batch)
                case .residual:
                    try readResiduals(raw, &position, count)
                    hasResiduals = true
                }
            } catch {
                throw refusal(error, id, rows: count)
            }
        }
        batch.fillAbsent(except: written, rows: count)
        guard hasResiduals else { return }
        do throws(ColumnFault) {
            try resolveResiduals(count, &batch)
        } catch {
            throw refusal(error, ColumnID.cacheReadTokens.rawValue, rows: count)
        }
    }

    private func refusal(_ fault: ColumnFault, _ field: UInt8, rows: Int) -> BatchRefusal {
        switch fault {
        case .malformed: .whole(.malformed, field, rows: rows)
        case .nonCanonical: .whole(.nonCanonical, field, rows: rows)
        case .outOfRange(let row, let run):
            BatchRefusal(
                reason: .fieldRange, field: field, index: UInt32(truncatingIfNeeded: row),
                run: UInt32(truncatingIfNeeded: run))
        }
    }

    /// Reads `encoding << 5 | id`, or `encoding << 5` and then an id of 32 or more.
    private func head(
        _ raw: Span<UInt8>, _ position: inout Int, after last: UInt8, rows: Int
    ) throws(BatchRefusal) -> (Column, Encoding) {
        let first = raw[position]
        position += 1
        var id = first & 31
        if id == 0 {
            guard position < raw.count else { throw .whole(.malformed, rows: rows) }
            id = raw[position]
            position += 1
            guard id >= 32 else { throw .whole(.nonCanonical, id, rows: rows) }
        }
        guard id > last else { throw .whole(.malformed, id, rows: rows) }
        guard !SchemaTable.contentIDs.contains(id) else { throw .whole(.contentField, id, rows: rows) }
        guard id <= columns.count else { throw .whole(.unknownField, id, rows: rows) }
        let column = columns[Int(id) - 1]
        guard let encoding = Encoding(rawValue: first >> 5), column.allows(encoding) else {
            throw .whole(.malformed, id, rows: rows)
        }
        return (column, encoding)
    }
}
