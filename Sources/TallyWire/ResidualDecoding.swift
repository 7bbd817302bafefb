import TallyModel

/// The column that is told as differences from predictions (SPEC.md TG-4-6).
extension BatchDecoder {
    /// Keeps the differences until all columns that the predictions need have been read.
    mutating func readResiduals(
        _ raw: Span<UInt8>, _ position: inout Int, _ rows: Int
    ) throws(ColumnFault) {
        var at = position
        hasLongDifferences = !quickDifferences(raw, &at, rows)
        if !hasLongDifferences {
            position = at
            return
        }
        while longDifferences.count < rows { longDifferences.append(0) }
        var out = longDifferences.mutableSpan
        for row in 0..<rows { out[row] = Varint.unzigzag(try Varint.read(raw, &position)) }
    }

    /// Adds each row's prediction: the prompt of the nearest earlier usage row of the same session.
    mutating func resolveResiduals(_ rows: Int, _ batch: inout Batch) throws(ColumnFault) {
        while prompts.count < batch.sessions.count { prompts.append(0) }
        let column = columns[Int(ColumnID.cacheReadTokens.rawValue) - 1]
        let areUsage = !batch.varies(.kind) && batch.kind(0) == .usage
        if areUsage, !hasLongDifferences, let tally = quickResolve(rows, &batch) {
            if tally.isEqual { throw .nonCanonical }
            batch.finishVarying(column, hasDefaults: tally.hasDefaults, rows: rows)
            return
        }
        if !hasLongDifferences { widenDifferences(rows) }
        for index in 0..<batch.sessions.count { prompts[index] = 0 }
        let tally = try Self.resolve(
            longDifferences, rows: rows, capacity: batch.capacity, &prompts, batch.bytes, batch.shorts, &batch.words)
        try tally.finish()
        batch.finishVarying(column, hasDefaults: tally.hasDefaults, rows: rows)
    }

    private mutating func widenDifferences(_ rows: Int) {
        while longDifferences.count < rows { longDifferences.append(0) }
        for row in 0..<rows { longDifferences[row] = Int64(Int32(bitPattern: lanes[row])) }
    }

    /// Usage rows alone. No answer if some value is out of range.
    private mutating func quickResolve(_ rows: Int, _ batch: inout Batch) -> LaneTally? {
        while others.count < rows { others.append(0) }
        for index in 0..<batch.sessions.count { prompts[index] = 0 }
        Self.addUp(batch.words.span, rows: rows, capacity: batch.capacity, to: &others)
        let cached = batch.capacity..<batch.capacity + rows
        return Self.quickResolve(lanes, others, &prompts, batch.shorts, &batch.words, cached)
    }

    /// `others`: what each row adds to its prompt beside the value itself.
    private static func quickResolve(
        _ differences: [UInt32], _ others: [UInt32], _ prompts: inout [UInt64], _ indices: [UInt16],
        _ words: inout [UInt32], _ places: Range<Int>
    ) -> LaneTally? {
        let most = SchemaTable.column(.cacheReadTokens).encodedMax
        let differences = differences.span.extracting(0..<places.count)
        let others = others.span.extracting(0..<places.count)
        let sessions = indices.span.extracting(0..<places.count)
        var prompts = prompts.mutableSpan
        var words = words.mutableSpan
        var values = words._mutatingExtracting(places)
        var odd: UInt64 = 0
        var changes: UInt64 = 0
        var lessOne: UInt64 = 0
        let first = UInt64(truncatingIfNeeded: Int32(bitPattern: differences[0]))
        for row in 0..<places.count {
            let session = Int(sessions[row])
            let value = prompts[session] &+ UInt64(truncatingIfNeeded: Int32(bitPattern: differences[row]))
            odd |= value | (most &- value)
            changes |= value ^ first
            lessOne |= value &- 1
            values[row] = UInt32(truncatingIfNeeded: value)
            prompts[session] = value &+ UInt64(others[row])
        }
        guard odd >> 63 == 0 else { return nil }
        return LaneTally(isOdd: false, isEqual: changes == 0, hasDefaults: lessOne >> 63 != 0)
    }

    /// What the prompts hold but for this column: at most four times 10⁹, which is below 2³².
    private static func addUp(
        _ words: Span<UInt32>, rows: Int, capacity: Int, to sums: inout [UInt32]
    ) {
        let input = words.extracting(0..<rows)
        let short = words.extracting(2 * capacity..<2 * capacity + rows)
        let long = words.extracting(3 * capacity..<3 * capacity + rows)
        let unknown = words.extracting(4 * capacity..<4 * capacity + rows)
        var out = sums.mutableSpan
        var sums = out._mutatingExtracting(0..<rows)
        for row in 0..<rows { sums[row] = input[row] &+ short[row] &+ long[row] &+ unknown[row] }
    }

    /// Kinds are the first column of `small`, sessions that of `indices`.
    private static func resolve(
        _ differences: [Int64], rows: Int, capacity: Int, _ prompts: inout [UInt64], _ small: [UInt8],
        _ indices: [UInt16], _ words: inout [UInt32]
    ) throws(ColumnFault) -> ColumnTally {
        var tally = ColumnTally(0...SchemaTable.column(.cacheReadTokens).encodedMax)
        let differences = differences.span.extracting(0..<rows)
        let kinds = small.span.extracting(0..<rows)
        let sessions = indices.span.extracting(0..<rows)
        var prompts = prompts.mutableSpan
        var words = words.mutableSpan
        for row in 0..<rows {
            let session = Int(sessions[row])
            let isUsage = kinds[row] == EventKind.usage.rawValue
            let predicted = isUsage ? prompts[session] : 0
            let value = predicted &+ UInt64(bitPattern: differences[row])
            try tally.note(value, row)
            words[capacity + row] = UInt32(truncatingIfNeeded: value)
            guard isUsage else { continue }
            prompts[session] =
                value &+ UInt64(words[row]) &+ UInt64(words[2 * capacity + row])
                &+ UInt64(words[3 * capacity + row]) &+ UInt64(words[4 * capacity + row])
        }
        return tally
    }
}
