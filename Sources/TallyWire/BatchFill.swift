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
