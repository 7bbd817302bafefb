import TallyModel

/// Columns that point into the batch's own dictionaries, and the column that is told as a difference.
extension BatchDecoder {
    /// Entries in the order of first use, then one packed index a row.
    mutating func dictionary(
        _ column: Column, _ hasAbsent: Bool, _ raw: Span<UInt8>, _ position: inout Int, _ rows: Int,
        _ batch: inout Batch
    ) throws(ColumnFault) {
        let told = try Varint.read(raw, &position)
        // More entries than rows could not all be used.
        guard told >= (hasAbsent ? 1 : 2), told <= UInt64(rows) else { throw .nonCanonical }
        let entries = Int(truncatingIfNeeded: told)
        keys.removeAll(for: entries)
        switch column.id {
        case .model: try readLabels(entries, raw, &position, rows, &batch)
        default: try readIdentifiers(entries, column.id, raw, &position, &batch)
        }
        let bits = Int.bitWidth - (hasAbsent ? entries : entries - 1).leadingZeroBitCount
        let start = Slot.of(column.id).index * batch.capacity
        let run = try PackedRun(raw, &position, bits: bits, rows: rows)
        var out = batch.shorts.mutableSpan
        run.unpack(raw, adding: hasAbsent ? 0 : 1, to: start..<start + rows, of: &out)
        try checkOrder(batch.shorts.span.extracting(start..<start + rows), entries, hasAbsent)
        try run.finish(raw, rows: rows)
        batch.finishVarying(column.id, hasDefaults: hasAbsent, rows: rows)
    }

    /// Every entry is used, for the first time in the order of entries; and some row is absent exactly if the
    /// encoding says so.
    private func checkOrder(_ indices: Span<UInt16>, _ entries: Int, _ hasAbsent: Bool) throws(ColumnFault) {
        var seen = 0
        var lowest = Int.max
        // Negative once an index is more than one above those seen.
        var room = 0
        for row in indices.indices {
            let index = Int(indices[row])
            room |= seen &+ 1 &- index
            seen = max(seen, index)
            lowest = min(lowest, index)
        }
        if room < 0 || seen > entries { throw fault(indices, entries) }
        guard seen == entries, (lowest == 0) == hasAbsent else { throw .nonCanonical }
    }

    /// What the first bad index is.
    private func fault(_ indices: Span<UInt16>, _ entries: Int) -> ColumnFault {
        var seen = 0
        for row in indices.indices {
            let index = Int(indices[row])
            if index > entries { return .malformed }
            if index > seen + 1 { return .nonCanonical }
            seen = max(seen, index)
        }
        return .nonCanonical
    }

    private mutating func readIdentifiers(
        _ entries: Int, _ column: ColumnID, _ raw: Span<UInt8>, _ position: inout Int, _ batch: inout Batch
    ) throws(ColumnFault) {
        switch column {
        case .session: try readIdentifiers(entries, into: &batch.sessions, raw, &position)
        default: try readIdentifiers(entries, into: &batch.projects, raw, &position)
        }
    }

    private mutating func readIdentifiers(
        _ entries: Int, into values: inout [Bytes16], _ raw: Span<UInt8>, _ position: inout Int
    ) throws(ColumnFault) {
        values.reserveCapacity(entries + 1)
        for entry in 1...entries {
            let value = try identifier(raw, &position)
            guard value.high | value.low != 0 else { throw .malformed }
            guard keys.find(value, in: values.span, orInsert: entry) == entry else { throw .nonCanonical }
            values.append(value)
        }
    }

    private mutating func readLabels(
        _ entries: Int, _ raw: Span<UInt8>, _ position: inout Int, _ rows: Int, _ batch: inout Batch
    ) throws(ColumnFault) {
        for entry in 1...entries {
            let range = try labelRange(raw, &position, rows)
            guard !range.isEmpty else { throw .malformed }
            let (label, hash) = labels.label(raw, range)
            guard label != nil else { throw .outOfRange(row: 0, run: rows) }
            guard keys.find(hash, in: batch.modelHashes.span, orInsert: entry) == entry else { throw .nonCanonical }
            batch.models.append(label)
            batch.modelHashes.append(hash)
        }
    }

    /// Keeps the differences until all columns that the predictions need have been read.
    mutating func readResiduals(
        _ raw: Span<UInt8>, _ position: inout Int, _ rows: Int
    ) throws(ColumnFault) {
        while residuals.count < rows { residuals.append(0) }
        var out = residuals.mutableSpan
        var at = position
        for row in 0..<rows { out[row] = try Varint.read(raw, &at) }
        position = at
    }

    /// Adds each row's prediction: the prompt of the nearest earlier usage row of the same session.
    mutating func resolveResiduals(_ rows: Int, _ batch: inout Batch) throws(ColumnFault) {
        while prompts.count < batch.sessions.count { prompts.append(0) }
        for index in batch.sessions.indices { prompts[index] = 0 }
        let tally = try Self.resolve(
            residuals, rows: rows, capacity: batch.capacity, &prompts, batch.bytes, batch.shorts, &batch.words)
        try tally.finish()
        batch.finishVarying(.cacheReadTokens, hasDefaults: tally.hasDefaults, rows: rows)
    }

    /// Kinds are the first column of `small`, sessions that of `indices`.
    private static func resolve(
        _ residuals: [UInt64], rows: Int, capacity: Int, _ prompts: inout [UInt64], _ small: [UInt8],
        _ indices: [UInt16], _ words: inout [UInt32]
    ) throws(ColumnFault) -> ColumnTally {
        var tally = ColumnTally(0...SchemaTable.column(.cacheReadTokens).encodedMax)
        let differences = residuals.span.extracting(0..<rows)
        let kinds = small.span.extracting(0..<rows)
        let sessions = indices.span.extracting(0..<rows)
        var prompts = prompts.mutableSpan
        var words = words.mutableSpan
        for row in 0..<rows {
            let session = Int(sessions[row])
            let isUsage = kinds[row] == EventKind.usage.rawValue
            let predicted = isUsage ? prompts[session] : 0
            let value = predicted &+ UInt64(bitPattern: Varint.unzigzag(differences[row]))
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

extension Batch {
    /// Appends an entry to the dictionary of `column`, which is session or project.
    mutating func append(_ value: Bytes16, to column: ColumnID) {
        if column == .session { sessions.append(value) } else { projects.append(value) }
    }
}
