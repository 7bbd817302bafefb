import TallyModel

/// Writing columns into a batch: what the decoder and the encoder do alike.
extension Batch {
    /// Gives every row the encoded value `value`, which is not the default. An index for identifiers and labels.
    mutating func fill(_ column: ColumnID, with value: UInt64, rows: Int) {
        present |= Batch.bit(column)
        store(column, value, rows)
    }

    /// Gives every row of the columns strictly between two ids the default.
    mutating func fillAbsent(after last: UInt8, before next: UInt8, rows: Int) {
        guard last + 1 < next else { return }
        for id in last + 1..<next {
            if let column = ColumnID(rawValue: id) { store(column, 0, rows) }
        }
    }

    /// The column is about to be written row by row: what it held is gone, even if the writing is given up.
    mutating func beginVarying(_ column: ColumnID) { filledRows[Int(column.rawValue)] = 0 }

    /// The column was written row by row. `hasDefaults`: some row holds the default.
    mutating func finishVarying(_ column: ColumnID, hasDefaults: Bool, rows: Int) {
        present |= Batch.bit(column)
        varying |= Batch.bit(column)
        if hasDefaults { sparse |= Batch.bit(column) }
    }

    /// Sets each row's presence from the columns.
    mutating func finishPresence(rows: Int) {
        let everywhere = present & ~sparse
        for row in 0..<rows { longs[row] = everywhere }
        var rest = sparse
        // One turn for each of at most 25 columns.
        while rest != 0 {
            let id = UInt8(truncatingIfNeeded: rest.trailingZeroBitCount)
            rest &= rest - 1
            if let column = ColumnID(rawValue: id) { markPresence(column, rows) }
        }
    }

    private mutating func markPresence(_ column: ColumnID, _ rows: Int) {
        let bit = Batch.bit(column)
        let (kind, index) = Slot.of(column)
        let start = index * capacity
        switch kind {
        case .byte: for row in 0..<rows where bytes[start + row] != 0 { longs[row] |= bit }
        case .short: for row in 0..<rows where shorts[start + row] != 0 { longs[row] |= bit }
        case .word: for row in 0..<rows where words[start + row] != 0 { longs[row] |= bit }
        case .long: for row in 0..<rows where longs[start + row] != 0 { longs[row] |= bit }
        }
    }

    private mutating func store(_ column: ColumnID, _ value: UInt64, _ rows: Int) {
        let id = Int(column.rawValue)
        if filledValues[id] == value, filledRows[id] >= rows { return }
        filledValues[id] = value
        filledRows[id] = rows
        let (kind, index) = Slot.of(column)
        let places = index * capacity..<index * capacity + rows
        switch kind {
        case .byte: for place in places { bytes[place] = UInt8(truncatingIfNeeded: value) }
        case .short: for place in places { shorts[place] = UInt16(truncatingIfNeeded: value) }
        case .word: for place in places { words[place] = UInt32(truncatingIfNeeded: value) }
        case .long: for place in places { longs[place] = value }
        }
    }
}

/// The rules of EventRules as masks over a row's presence.
struct KindRules: Sendable {
    private let required = EventKind.allCases.map { EventRules.required($0).rawValue }
    private let forbidden = EventKind.allCases.map { EventRules.forbidden($0).rawValue }

    /// Holds every row to the rules of its kind, then every row to the relations between columns.
    func check(_ batch: borrowing Batch, rows: Int) throws(BatchRefusal) {
        let presence = batch.longs.span
        let kinds = batch.bytes.span
        let required = required.span
        let forbidden = forbidden.span
        for row in 0..<rows {
            let held = presence[row]
            let kind = Int(kinds[row])
            let broken = (required[kind] & ~held) | (forbidden[kind] & held)
            if broken != 0 { throw refusal(row, held, kind) }
        }
        guard batch.has(.reasoningTokens) else { return }
        let words = batch.words.span
        let output = 5 * batch.capacity
        let reasoning = 6 * batch.capacity
        for row in 0..<rows where words[reasoning + row] > words[output + row] {
            throw .row(row, .fieldRange, .reasoningTokens)
        }
    }

    private func refusal(_ row: Int, _ held: UInt64, _ kind: Int) -> BatchRefusal {
        if let missing = ColumnSet(rawValue: required[kind] & ~held).lowest {
            return .row(row, .fieldRequired, missing)
        }
        let extra = ColumnSet(rawValue: forbidden[kind] & held).lowest
        return .row(row, .fieldForbidden, extra ?? .kind)
    }
}
