/// A BATCH as it travels: the header's fields and the body.
package struct BatchFields: Hashable, Sendable {
    package var first: UInt64
    package var count: UInt32
    package var rawBytes: UInt32
    package var tokens: UInt64
    package var reported: UInt64
    package var chainAfter: UInt64
    package var isBlock: Bool
    package var body: ArraySlice<UInt8>
}

/// What a batch's bodies says, if it is valid.
package struct ReadBatch: Sendable {
    let rows: Int
    let columns: [UInt8: ReadColumn]
    /// By TG-3-6; the judge's bodies are too small to overflow.
    package let tokens: UInt64
    package let reported: UInt64

    package func chains(from chain: UInt64) -> [UInt64] { ChainRules.after(columns, rows: rows, from: chain) }
}

/// A BATCH that stands where it may, by TG-6-6: from the sizes on.
package enum BatchRules {
    /// What the gateway's WELCOME and clock say about times.
    package struct Times: Hashable, Sendable {
        /// Of WELCOME.
        package var oldestMs: Int64
        /// The gateway's clock by ours, and what it measured between HELLO's clock and its own.
        package var nowMs: Int64
        package var offsetMs: Int64

        package init(oldestMs: Int64, nowMs: Int64, offsetMs: Int64) {
            self.oldestMs = oldestMs
            self.nowMs = nowMs
            self.offsetMs = offsetMs
        }
    }

    package static let rowsMax: UInt32 = 4_096
    package static let rawBytesMax: UInt32 = 65_536

    /// Sizes, block, canonical form, schema, time. Control totals and chain come after.
    package static func read(_ batch: BatchFields, rowsMax: UInt32, times: Times?) throws(Refusal) -> ReadBatch {
        let raw = try opened(batch, rowsMax: rowsMax)
        let read = try rows(raw, count: batch.count)
        if let times { try old(read, times) }
        return read
    }

    /// Everything, in order.
    package static func judge(
        _ batch: BatchFields, rowsMax: UInt32 = BatchRules.rowsMax, times: Times?, chainBefore: UInt64
    ) throws(Refusal) -> (ReadBatch, chains: [UInt64]) {
        let read = try read(batch, rowsMax: rowsMax, times: times)
        guard read.tokens == batch.tokens, read.reported == batch.reported else {
            throw Refusal(.controlTotal, .controlTotals, run: batch.count)
        }
        let chains = read.chains(from: chainBefore)
        guard chains.last == batch.chainAfter else { throw Refusal(.chainMismatch, .chain, run: batch.count) }
        return (read, chains)
    }

    /// TG-4-1 and TG-4-7: the raw body.
    package static func opened(_ batch: BatchFields, rowsMax: UInt32) throws(Refusal) -> [UInt8] {
        guard batch.count >= 1, batch.count <= rowsMax, batch.rawBytes <= rawBytesMax else {
            throw Refusal(.size, .sizes, run: batch.count)
        }
        guard batch.isBlock else {
            guard Int(batch.rawBytes) == batch.body.count else { throw Refusal(.size, .block, run: batch.count) }
            return Array(batch.body)
        }
        guard Int(batch.rawBytes) <= 255 * batch.body.count + 64 else {
            throw Refusal(.size, .block, run: batch.count)
        }
        guard let raw = BlockReader.open(batch.body, rawBytes: Int(batch.rawBytes)) else {
            throw Refusal(.decompress, .block, run: batch.count)
        }
        return raw
    }

    /// Steps 2 to 5 of TG-4-11.
    package static func rows(_ raw: [UInt8], count: UInt32) throws(Refusal) -> ReadBatch {
        var reader = BodyReader(raw: raw, rows: Int(count))
        try reader.read()
        return try checked(reader.columns, rows: Int(count))
    }

    /// Where mutations of a valid body can aim.
    package static func marks(_ raw: [UInt8], count: UInt32) -> [Mark] {
        var reader = BodyReader(raw: raw, rows: Int(count))
        try? reader.read()
        return reader.marks
    }

    private static func checked(_ columns: [UInt8: ReadColumn], rows: Int) throws(Refusal) -> ReadBatch {
        func value(_ id: UInt8, _ row: Int) -> UInt64 { columns[id]?.values[row] ?? 0 }
        for row in 0..<rows {
            let kind = Int(value(1, row))
            for id in ColumnRule.required[kind] where value(id, row) == 0 {
                throw Refusal(.fieldRequired, .kinds, field: id, index: UInt32(row), run: 1)
            }
            for id in ColumnRule.forbidden[kind] where value(id, row) != 0 {
                throw Refusal(.fieldForbidden, .kinds, field: id, index: UInt32(row), run: 1)
            }
        }
        for row in 0..<rows where value(18, row) > value(17, row) {
            throw Refusal(.fieldRange, .columns, field: 18, index: UInt32(row), run: 1)
        }
        var tokens: UInt64 = 0
        var reported: UInt64 = 0
        for id in ColumnRule.tokenColumns { tokens += columns[id]?.values.reduce(0, +) ?? 0 }
        for encoded in columns[ColumnRule.reportedColumn]?.values ?? [] where encoded > 0 { reported += encoded - 1 }
        return ReadBatch(rows: rows, columns: columns, tokens: tokens, reported: reported)
    }

    /// TG-8-2. A gateway names the first row, and of the rows behind it that are too old as many as it likes.
    private static func old(_ batch: ReadBatch, _ times: Times) throws(Refusal) {
        guard let values = batch.columns[2]?.values else { return }
        func isOld(_ row: Int) -> Bool { effective(Int64(values[row]), times) < times.oldestMs }
        guard let first = values.indices.first(where: isOld) else { return }
        let run = values.indices[first...].prefix(while: isOld).count
        throw Refusal(.tooOld, .age, field: 2, index: UInt32(first), run: 1, runMost: UInt32(run))
    }

    /// TG-8-1.
    private static func effective(_ timeMs: Int64, _ times: Times) -> Int64 {
        let latest = times.nowMs + 600_000
        let (sum, isOver) = timeMs.addingReportingOverflow(times.offsetMs)
        let corrected = isOver ? (times.offsetMs < 0 ? Int64.min : Int64.max) : sum
        if corrected > latest { return times.nowMs }
        return timeMs > latest ? max(corrected, 1) : timeMs
    }
}
