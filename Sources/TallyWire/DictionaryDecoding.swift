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
        keys.removeAll()
        if column.type == .label {
            try readLabels(entries, raw, &position, rows, &batch)
        } else {
            try readIdentifiers(entries, column.id, raw, &position, &batch)
        }
        let bits = Int.bitWidth - (hasAbsent ? entries : entries - 1).leadingZeroBitCount
        let start = Slot.of(column.id).index * batch.capacity
        var run = try PackedRun(raw, &position, bits: bits, rows: rows)
        var out = batch.shorts.mutableSpan
        var seen = 0
        var absent = false
        for row in 0..<rows {
            let index = Int(truncatingIfNeeded: run.next(raw)) + (hasAbsent ? 0 : 1)
            guard index <= entries else { throw .malformed }
            if index > seen {
                guard index == seen + 1 else { throw .nonCanonical }
                seen = index
            }
            if index == 0 { absent = true }
            out[start + row] = UInt16(truncatingIfNeeded: index)
        }
        guard seen == entries, absent == hasAbsent else { throw .nonCanonical }
        try run.finish()
        batch.finishVarying(column.id, hasDefaults: absent, rows: rows)
    }

    private mutating func readIdentifiers(
        _ entries: Int, _ column: ColumnID, _ raw: Span<UInt8>, _ position: inout Int, _ batch: inout Batch
    ) throws(ColumnFault) {
        for entry in 1...entries {
            let value = try identifier(raw, &position)
            guard !value.isZero else { throw .malformed }
            let found =
                column == .session
                ? keys.find(value, in: batch.sessions, orInsert: entry)
                : keys.find(value, in: batch.projects, orInsert: entry)
            guard found == entry else { throw .nonCanonical }
            batch.append(value, to: column)
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
            guard keys.find(hash, in: batch.modelHashes, orInsert: entry) == entry else { throw .nonCanonical }
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
        let column = SchemaTable.column(.cacheReadTokens)
        while prompts.count < batch.sessions.count { prompts.append(0) }
        for index in batch.sessions.indices { prompts[index] = 0 }
        var tally = ColumnTally(0...column.encodedMax)
        let capacity = batch.capacity
        for row in 0..<rows {
            let isUsage = batch.bytes[row] == EventKind.usage.rawValue
            let session = batch.sessionIndex(row)
            let predicted = isUsage ? prompts[session] : 0
            let value = predicted &+ UInt64(bitPattern: Varint.unzigzag(residuals[row]))
            try tally.note(value, row)
            batch.words[capacity + row] = UInt32(truncatingIfNeeded: value)
            guard isUsage else { continue }
            prompts[session] =
                value + UInt64(batch.words[row]) + UInt64(batch.words[2 * capacity + row])
                + UInt64(batch.words[3 * capacity + row]) + UInt64(batch.words[4 * capacity + row])
        }
        try tally.finish()
        batch.finishVarying(.cacheReadTokens, hasDefaults: tally.hasDefaults, rows: rows)
    }
}

extension Batch {
    /// Appends an entry to the dictionary of `column`, which is session or project.
    mutating func append(_ value: Bytes16, to column: ColumnID) {
        if column == .session { sessions.append(value) } else { projects.append(value) }
    }
}
