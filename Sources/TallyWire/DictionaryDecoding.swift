import TallyModel

/// Columns that point into the batch's own dictionaries.
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
        let start = column.index * batch.capacity
        let run = try PackedRun(raw, &position, bits: bits, rows: rows)
        var out = batch.shorts.mutableSpan
        var indices = out._mutatingExtracting(start..<start + rows)
        run.unpack(raw, adding: hasAbsent ? 0 : 1, to: &indices)
        try checkOrder(indices.span, entries, hasAbsent)
        try run.finish(raw, rows: rows)
        batch.finishVarying(column, hasDefaults: hasAbsent, rows: rows)
    }

    /// Every entry is used, for the first time in the order of entries; and some row is absent exactly if the
    /// encoding says so.
    private func checkOrder(_ indices: Span<UInt16>, _ entries: Int, _ hasAbsent: Bool) throws(ColumnFault) {
        var lowest = UInt16.max
        var highest: UInt16 = 0
        for row in indices.indices {
            lowest = min(lowest, indices[row])
            highest = max(highest, indices[row])
        }
        guard Int(highest) <= entries, isInOrder(indices, entries) else { throw fault(indices, entries) }
        guard highest == entries, (lowest == 0) == hasAbsent else { throw .nonCanonical }
    }

    /// Whether no index is more than one above those before it. Where the last entry was used, none can be.
    private func isInOrder(_ indices: Span<UInt16>, _ entries: Int) -> Bool {
        var seen = 0
        // Negative once an index is out of order.
        var room = 0
        var row = 0
        while row < indices.count, seen < entries {
            let end = min(row + 16, indices.count)
            for place in row..<end {
                let index = Int(indices[place])
                room |= seen &+ 1 &- index
                seen = max(seen, index)
            }
            row = end
        }
        return room >= 0
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
        if quickIdentifiers(entries, into: &values, raw, &position) { return }
        values.removeLast(values.count - 1)
        // Not as they come: what is grown out of is given back with ids in it, and is not overwritten.
        values.reserveCapacity(1 + entries)
        keys.removeAll(for: entries)
        for entry in 1...entries {
            let value = try identifier(raw, &position)
            guard value.high | value.low != 0 else { throw .malformed }
            guard keys.find(value, in: values.span, orInsert: entry) == entry else { throw .nonCanonical }
            values.append(value)
        }
    }

    /// The same for a dictionary that is in order. If it may not be, `position` stays and the answer is false.
    private mutating func quickIdentifiers(
        _ entries: Int, into values: inout [Bytes16], _ raw: Span<UInt8>, _ position: inout Int
    ) -> Bool {
        guard raw.count - position >= 16 * entries else { return false }
        var hasZero = false
        values.append(addingCapacity: entries) { (out: inout OutputSpan<Bytes16>) in
            var at = position
            for _ in 0..<entries {
                let high = raw.whole(at: at).byteSwapped
                let low = raw.whole(at: at + 8).byteSwapped
                hasZero = hasZero || high | low == 0
                out.append(Bytes16(high: high, low: low))
                at += 16
            }
        }
        guard !hasZero, keys.areDistinct(values.span) else { return false }
        position += 16 * entries
        return true
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
}

extension Batch {
    /// Appends an entry to the dictionary of `column`, which is session or project.
    mutating func append(_ value: Bytes16, to column: ColumnID) {
        if column == .session { sessions.append(value) } else { projects.append(value) }
    }
}
