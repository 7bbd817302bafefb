import TallyModel

/// Writes the rows of a batch as its one valid raw body (SPEC.md section 4).
///
/// Precondition: the batch keeps its invariants, and its rows the rules; then decoding gives the same batch.
struct BodyWriter: Sendable {
    private var prompts: [UInt64] = []
    private let columns = SchemaTable.columns

    mutating func write(_ batch: borrowing Batch, into body: inout [UInt8]) {
        for column in columns where batch.has(column.id) {
            if batch.varies(column.id) { rows(of: column, batch, &body) } else { constant(column, batch, &body) }
        }
    }

    private func head(_ column: Column, _ encoding: Encoding, _ body: inout [UInt8]) {
        body.append(encoding.rawValue << 5 | column.id.rawValue)
    }

    private func constant(_ column: Column, _ batch: borrowing Batch, _ body: inout [UInt8]) {
        head(column, .constant, &body)
        switch column.type {
        case .enumeration, .count, .nullableCount, .residual, .time:
            Varint.append(batch.encoded(column.id, 0), to: &body)
        case .id16, .label: entry(batch, column.id, 1, &body)
        }
    }

    private mutating func rows(of column: Column, _ batch: borrowing Batch, _ body: inout [UInt8]) {
        switch column.type {
        case .enumeration(let bits):
            head(column, .packed, &body)
            packed(column.id, batch, bits: bits, less: 0, &body)
        case .count, .nullableCount:
            head(column, .varint, &body)
            for row in 0..<batch.count { Varint.append(batch.encoded(column.id, row), to: &body) }
        case .time:
            head(column, .delta, &body)
            times(batch, &body)
        case .residual:
            head(column, .residual, &body)
            residuals(batch, &body)
        case .id16, .label: dictionary(column, batch, &body)
        }
    }

    private func times(_ batch: borrowing Batch, _ body: inout [UInt8]) {
        var last = batch.encoded(.timeMs, 0)
        Varint.append(last, to: &body)
        for row in 1..<batch.count {
            let value = batch.encoded(.timeMs, row)
            Varint.append(Varint.zigzag(Int64(bitPattern: value &- last)), to: &body)
            last = value
        }
    }

    private mutating func residuals(_ batch: borrowing Batch, _ body: inout [UInt8]) {
        while prompts.count < batch.sessions.count { prompts.append(0) }
        for index in batch.sessions.indices { prompts[index] = 0 }
        for row in 0..<batch.count {
            let isUsage = batch.kind(row) == .usage
            let session = batch.sessionIndex(row)
            let value = batch.encoded(.cacheReadTokens, row)
            let predicted = isUsage ? prompts[session] : 0
            Varint.append(Varint.zigzag(Int64(bitPattern: value &- predicted)), to: &body)
            if isUsage { prompts[session] = batch.promptTokens(row) }
        }
    }

    private func dictionary(_ column: Column, _ batch: borrowing Batch, _ body: inout [UInt8]) {
        let hasAbsent = batch.sparse & Batch.bit(column.id) != 0
        let entries = batch.entries(column.id)
        head(column, hasAbsent ? .dictionaryWithAbsent : .dictionary, &body)
        Varint.append(UInt64(entries), to: &body)
        for index in 1...entries { entry(batch, column.id, index, &body) }
        let highest = hasAbsent ? entries : entries - 1
        packed(column.id, batch, bits: Int.bitWidth - highest.leadingZeroBitCount, less: hasAbsent ? 0 : 1, &body)
    }

    private func entry(_ batch: borrowing Batch, _ column: ColumnID, _ index: Int, _ body: inout [UInt8]) {
        guard column == .model else {
            let value = column == .session ? batch.sessions[index] : batch.projects[index]
            body.append(contentsOf: value.bytes)
            return
        }
        let text = batch.models[index]?.text.utf8
        body.append(UInt8(truncatingIfNeeded: text?.count ?? 0))
        if let text { body.append(contentsOf: text) }
    }

    /// `less` is what the wire's index is below the batch's, where no row is absent.
    private func packed(
        _ column: ColumnID, _ batch: borrowing Batch, bits: Int, less: UInt64, _ body: inout [UInt8]
    ) {
        var held: UInt64 = 0
        var heldBits = 0
        for row in 0..<batch.count {
            held |= (batch.encoded(column, row) &- less) << UInt64(heldBits)
            heldBits += bits
            while heldBits >= 8 {
                body.append(UInt8(truncatingIfNeeded: held))
                held >>= 8
                heldBits -= 8
            }
        }
        if heldBits > 0 { body.append(UInt8(truncatingIfNeeded: held)) }
    }
}

extension Batch {
    /// The encoded value of a row; for identifiers and labels the index of its entry.
    @inline(__always)
    func encoded(_ column: ColumnID, _ row: Int) -> UInt64 {
        let (kind, index) = Slot.of(column)
        let place = index * capacity + row
        return switch kind {
        case .byte: UInt64(bytes[place])
        case .short: UInt64(shorts[place])
        case .word: UInt64(words[place])
        case .long: longs[place]
        }
    }

    /// How many entries the dictionary of an identifier or label column has, the absent one not counted.
    func entries(_ column: ColumnID) -> Int {
        switch column {
        case .session: sessions.count - 1
        case .project: projects.count - 1
        default: models.count - 1
        }
    }

    /// The sum of columns 12 to 16.
    func promptTokens(_ row: Int) -> UInt64 {
        var sum: UInt64 = 0
        for index in 0..<5 { sum &+= UInt64(words[index * capacity + row]) }
        return sum
    }
}
