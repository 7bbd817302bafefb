import TallyModel

/// Columns that point into the batch's own dictionaries, and the column that is told as a difference.
extension BatchDecoder {
    /// Entries in the order of first use, then one packed index a row.
    mutating func dictionary(
        _ column: Column, _ hasAbsent: Bool, _ raw: Span<UInt8>, _ position: inout Int, _ rows: Int,
        _ batch: inout Batch
    ) throws(ColumnFault) {
        let told = try Varint.read(raw, &position)
        // More entries than rows could not all be used, and one row less is left where one is absent.
        let most = UInt64(hasAbsent ? rows - 1 : rows)
        guard told >= (hasAbsent ? 1 : 2), told <= most else { throw .nonCanonical }
        let entries = Int(truncatingIfNeeded: told)
        keys.removeAll()
        let offender: Int
        if column.type == .label {
            offender = try readLabels(entries, raw, &position, &batch)
        } else {
            try readIdentifiers(entries, column.id, raw, &position, &batch)
            offender = 0
        }
        let bits = Int.bitWidth - (hasAbsent ? entries : entries - 1).leadingZeroBitCount
        let start = Slot.of(column.id).index * batch.capacity
        var run = try PackedRun(raw, &position, bits: bits, rows: rows)
        var out = batch.shorts.mutableSpan
        var seen = 0
        var absent = false
        var offendingRow = -1
        for row in 0..<rows {
            let index = Int(truncatingIfNeeded: run.next(raw)) + (hasAbsent ? 0 : 1)
            guard index <= entries else { throw .malformed }
            if index > seen {
                guard index == seen + 1 else { throw .nonCanonical }
                seen = index
                if index == offender { offendingRow = row }
            }
            if index == 0 { absent = true }
            out[start + row] = UInt16(truncatingIfNeeded: index)
        }
        guard seen == entries, absent == hasAbsent else { throw .nonCanonical }
        guard offendingRow < 0 else { throw .outOfRange(row: offendingRow, run: 1) }
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

    /// Returns the first entry that is no label, or 0.
    private mutating func readLabels(
        _ entries: Int, _ raw: Span<UInt8>, _ position: inout Int, _ batch: inout Batch
    ) throws(ColumnFault) -> Int {
        var offender = 0
        for entry in 1...entries {
            let range = try labelRange(raw, &position)
            guard !range.isEmpty else { throw .malformed }
            let (label, hash) = labels.label(raw, range)
            if label == nil, offender == 0 { offender = entry }
            guard keys.find(hash, in: batch.modelHashes, orInsert: entry) == entry else { throw .nonCanonical }
            batch.models.append(label)
            batch.modelHashes.append(hash)
        }
        return offender
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
        var tally = ColumnTally(max: column.encodedMax)
        let capacity = batch.capacity
        for row in 0..<rows {
            let isUsage = batch.bytes[row] == EventKind.usage.rawValue
            let session = batch.sessionIndex(row)
            let predicted = isUsage ? prompts[session] : 0
            let value = predicted &+ UInt64(bitPattern: Varint.unzigzag(residuals[row]))
            guard value <= column.encodedMax else { throw .outOfRange(row: row, run: 1) }
            tally.note(value, row)
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
