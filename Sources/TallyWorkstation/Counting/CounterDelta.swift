package import TallyModel

/// What one drain gives: events, and the change of the counter that goes into the same log record.
package struct Drained: Sendable {
    package let events: [Event]
    package let delta: [UInt8]
}

/// A place in a snapshot, to go on from. Links and files are told in order: it holds the order of those of its section.
package struct SnapshotCursor: Hashable, Sendable {
    var section: UInt8 = 0
    var index = 0
    var links: [Counter.Link] = []
    var files: [FileID] = []
    package init() {}
}

/// The counter's memory as bytes.
///
///     version | rows | links | files | forgotten files | tallies
///
/// Each list is a count and its items; a row carries its number in the table, since the table only ever
/// appends: the same deltas in the same order give the same numbers. Tallies say how many sources and reasons there
/// are, since both grow; version 1 had three sources and eight reasons and did not say so. The bounds of `isFull` keep a
/// delta below (4,096 + 8) × 70 + (1,024 + 4) × 16 + (512 + 1) × 373 + 1 KB < 500 KB, less than half a log record. A
/// snapshot is a series of deltas that together build the counter from nothing; so `apply` is the only reader.
extension Counter {
    static let version: UInt8 = 2
    private static let firstVersion: UInt8 = 1

    /// Gives all pending events and the change since the last drain, and starts the next change.
    package mutating func drain() -> Drained {
        let delta = encode(
            rows: changedRows.sorted(), links: newLinks, files: changedFiles.filter { files.contains($0) }.sorted(),
            forgotten: changedFiles.filter { !files.contains($0) }.sorted())
        let drained = Drained(events: events, delta: delta)
        events.removeAll(keepingCapacity: true)
        changedRows.removeAll(keepingCapacity: true)
        changedFiles.removeAll(keepingCapacity: true)
        newLinks.removeAll(keepingCapacity: true)
        areTalliesChanged = false
        return drained
    }

    /// Replays a delta or a chunk of a snapshot. Throws on damaged bytes; the counter is then of no use.
    package mutating func apply(_ bytes: Span<UInt8>) throws(CounterError) {
        var reader = DeltaReader()
        let version = try reader.byte(bytes)
        guard (Self.firstVersion...Self.version).contains(version) else { throw .newerVersion(version) }
        for _ in 0..<(try reader.number(bytes, as: UInt32.self)) {
            let number = try reader.number(bytes, as: Int.self)
            try put(try reader.row(bytes), at: number, position: reader.position)
        }
        for _ in 0..<(try reader.number(bytes, as: UInt32.self)) {
            let session = try reader.word(bytes)
            _ = lineage.join(session, try reader.word(bytes))
        }
        for _ in 0..<(try reader.number(bytes, as: UInt32.self)) {
            let file = FileID(device: try reader.number(bytes), inode: try reader.number(bytes))
            let state = try reader.file(bytes)
            files[file] = state
            if state.held == nil { heldFiles.remove(file) } else { heldFiles.insert(file) }
        }
        for _ in 0..<(try reader.number(bytes, as: UInt32.self)) {
            let file = FileID(device: try reader.number(bytes), inode: try reader.number(bytes))
            files[file] = nil
            heldFiles.remove(file)
        }
        try applyTallies(&reader, bytes, version)
        guard reader.position == bytes.count else { throw .corrupt(at: reader.position) }
    }

    /// The next chunk of everything remembered, or nil behind the last. Precondition: nothing is pending.
    /// Meant to be written out at once: the counter must not change between two chunks.
    package func snapshotChunk(_ cursor: inout SnapshotCursor) -> [UInt8]? {
        precondition(!hasChanges, "drain first")
        while cursor.section < 3 {
            let start = cursor.index
            switch cursor.section {
            case 0:
                let end = min(start + Limits.batchEventsMax, table.rows.count)
                if let chunk = next(&cursor, end) { return encode(rows: Array(chunk)) }
            case 1:
                if start == 0 {
                    cursor.links = lineage.links.map { Link(session: $0.key, ancestor: $0.value) }
                    cursor.links.sort { $0.session < $1.session }
                }
                if let chunk = next(&cursor, min(start + Self.linksPerDeltaMax, cursor.links.count)) {
                    return encode(links: Array(cursor.links[chunk]))
                }
                cursor.links = []
            default:
                if start == 0 { cursor.files = files.keys.sorted() }
                if let chunk = next(&cursor, min(start + Self.filesPerDeltaMax, cursor.files.count)) {
                    return encode(files: Array(cursor.files[chunk]))
                }
                cursor.files = []
            }
        }
        guard cursor.section == 3 else { return nil }
        cursor.section = 4
        return encode()
    }

    /// Moves to `end`, or to the next section if nothing is left of this one.
    private func next(_ cursor: inout SnapshotCursor, _ end: Int) -> Range<Int>? {
        guard cursor.index < end else {
            cursor.section += 1
            cursor.index = 0
            return nil
        }
        defer { cursor.index = end }
        return cursor.index..<end
    }

    private func encode(
        rows: [Int] = [], links: [Link] = [], files: [FileID] = [], forgotten: [FileID] = []
    ) -> [UInt8] {
        var writer = DeltaWriter()
        writer.byte(Self.version)
        writer.number(rows.count)
        for number in rows {
            writer.number(number)
            writer.put(table.rows[number])
        }
        writer.number(links.count)
        for link in links {
            writer.word(link.session)
            writer.word(link.ancestor)
        }
        let known = files.compactMap { file in self.files[file].map { (file, $0) } }
        writer.number(known.count)
        for (file, state) in known {
            writer.number(file.device)
            writer.number(file.inode)
            writer.put(state)
        }
        writer.number(forgotten.count)
        for file in forgotten {
            writer.number(file.device)
            writer.number(file.inode)
        }
        writer.number(tallies.count)
        writer.number(SkipReason.allCases.count)
        for tally in tallies {
            for value in [
                tally.lines, tally.usageEvents, tally.corrections, tally.otherEvents, tally.filesRewritten,
            ] { writer.number(value) }
            for reason in SkipReason.allCases { writer.number(tally[reason]) }
        }
        return writer.bytes
    }

    private mutating func put(_ row: RequestTable.Row, at number: Int, position: Int) throws(CounterError) {
        if number == table.rows.count {
            guard number < RequestTable.rowsMax else { throw .corrupt(at: position) }
            _ = table.append(row)
        } else {
            guard number < table.rows.count, table.rows[number].message == row.message else {
                throw .corrupt(at: position)
            }
            table.update(number) { $0 = row }
        }
    }

    private mutating func applyTallies(
        _ reader: inout DeltaReader, _ bytes: Span<UInt8>, _ version: UInt8
    ) throws(CounterError) {
        let isFirst = version == Self.firstVersion
        let sources = isFirst ? 3 : try reader.number(bytes, as: Int.self)
        let reasons = isFirst ? 8 : try reader.number(bytes, as: Int.self)
        guard sources <= tallies.count, reasons <= SkipReason.allCases.count else { throw .newerVersion(version) }
        for index in 0..<sources {
            var tally = SourceTally()
            tally.lines = try reader.number(bytes)
            tally.usageEvents = try reader.number(bytes)
            tally.corrections = try reader.number(bytes)
            tally.otherEvents = try reader.number(bytes)
            tally.filesRewritten = try reader.number(bytes)
            for reason in SkipReason.allCases.prefix(reasons) { tally[reason] = try reader.number(bytes) }
            tallies[index] = tally
        }
    }
}
